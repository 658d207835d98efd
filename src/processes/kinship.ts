/** Who belongs to a tree, where no cgroup says so. Pure. */
import type { ProcessStat } from './process-table.ts';

/**
 * The seeds, their descendants, and everyone in a session that one of those is in: a session can only be inherited,
 * so all of it descends from where the tree does.
 * @param outside the session of the one who asks: it is never taken for a part of the tree
 */
export function kin(
  processes: readonly ProcessStat[],
  isSeed: (process: ProcessStat) => boolean,
  outside: number,
): readonly ProcessStat[] {
  const pids = new Set<number>();
  const sessions = new Set<number>();
  const found: ProcessStat[] = [];
  const isKin = (process: ProcessStat) => pids.has(process.parent) || sessions.has(process.session);

  let unrelated = processes.filter(process => process.session !== outside);
  let belongs = isSeed;
  for (;;) {
    const relatives = unrelated.filter(belongs);
    if (relatives.length === 0) return found;
    for (const relative of relatives) {
      pids.add(relative.pid);
      sessions.add(relative.session);
    }
    found.push(...relatives);
    const news = new Set(relatives);
    unrelated = unrelated.filter(process => !news.has(process));
    belongs = isKin;
  }
}
