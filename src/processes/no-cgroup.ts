/**
 * Trees on a host without cgroups: a session for each, and a mark in the environment that children inherit.
 *
 * - A process is a member by descent, by session or by mark; see {@link kin}. One that clears its environment, leaves
 *   its session and outlives its parent can't be found: only a cgroup holds that one.
 * - A pid that was given to somebody else is never taken for the main process.
 * - Nothing limits such a tree, and each limit is reported so.
 */
import treeKill from 'tree-kill';
import { type Census, takeCensus } from './census.ts';
import type { Enforcement, ProcessIdentity, TreeRecord, Usage } from './contract.ts';
import { type Containment, type Enclosure, type NewEnclosure, totalPrefix } from './enclosure.ts';
import { type Asked, groupLimits, unenforced } from './enforcement.ts';
import { kin } from './kinship.ts';
import type { ProcessStat, ProcessTable } from './process-table.ts';
import { isGroup, killEach } from './signals.ts';
import { usageOf } from './usage.ts';

export class NoCgroup implements Containment {
  readonly backend = 'none';
  readonly #processes: ProcessTable;
  readonly #homeId: string;
  /** There are no cgroups, in words. */
  readonly why: string;
  #next: Promise<Census> | undefined;

  constructor(processes: ProcessTable, homeId: string, why: string) {
    this.#processes = processes;
    this.#homeId = homeId;
    this.why = why;
  }

  async enclose(key: string, asked: Asked, total: Asked): Promise<NewEnclosure> {
    const enclosure = this.reopen(key);
    return { enclosure, enforcement: [...enclosure.limit(asked), ...this.limitTotal('', total)] };
  }

  limitTotal(_service: string, asked: Asked): readonly Enforcement[] {
    return unenforced(asked, groupLimits, this.why, totalPrefix);
  }

  reopen(key: string, tree?: Pick<TreeRecord, 'identity'>): Enclosure {
    return new Kindred(this, key, tree?.identity);
  }

  async keys(): Promise<readonly string[]> {
    const { processes, keyOf } = await this.census();
    return [...new Set(processes.flatMap(({ pid, zombie }) => (zombie ? [] : (keyOf(pid) ?? []))))];
  }

  population(): undefined {}

  close(): void {}

  /** Taken after the call; all who ask in the same turn of the event loop share one, since many ask at once. */
  census(): Promise<Census> {
    this.#next ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#next = undefined;
        takeCensus(this.#processes, this.#homeId).then(resolve, reject);
      });
    });
    return this.#next;
  }

  /** Whether a census can find what has left both its parent and its session. */
  get findsMarks(): boolean {
    return this.#processes.readsEnvironments;
  }
}

class Kindred implements Enclosure {
  readonly cgroups = [];
  readonly entrances = [];
  readonly #host: NoCgroup;
  readonly #key: string;
  readonly #main: ProcessIdentity | undefined;
  /** Process groups of those that were found last. */
  #groups: readonly number[] = [];

  constructor(host: NoCgroup, key: string, main: ProcessIdentity | undefined) {
    this.#host = host;
    this.#key = key;
    this.#main = main;
  }

  async members(): Promise<readonly number[]> {
    const census = await this.#host.census();
    const living = this.#living(census);
    this.#groups = [...new Set(living.map(({ group }) => group))];
    // What forks and ends faster than the table can be read shows in no row of it, but its group is there.
    const main = this.#unlessReused(census);
    if (living.length > 0 || main === undefined) return living.map(({ pid }) => pid);
    if (census.processes.some(({ group }) => group === main) || !isGroup(main)) return [];
    this.#groups = [main];
    return [main];
  }

  async strike(members: readonly number[]): Promise<void> {
    // To a whole group at once, since no process of it can fork in between.
    killEach(this.#groups.map(group => -group));
    killEach(members);
    const main = this.#main?.pid;
    if (main === undefined || this.#host.findsMarks || !members.includes(main)) return;
    await new Promise(done => treeKill(main, 'SIGKILL', done));
  }

  limit(asked: Asked): readonly Enforcement[] {
    return unenforced(asked, groupLimits, this.#host.why);
  }

  /** The kernel keeps no count of them outside of cgroups. */
  oomKills(): number {
    return 0;
  }

  memoryPeak(): undefined {}

  async usage(): Promise<Usage | undefined> {
    return usageOf(this.#living(await this.#host.census()).map(({ pid }) => pid));
  }

  async remove(): Promise<void> {}

  #living(census: Census): readonly ProcessStat[] {
    const { processes, keyOf } = census;
    const main = this.#unlessReused(census);
    // None of the tree is older than its main process: what is needn't be asked for its mark, which costs most.
    const oldest = this.#main?.startTime ?? 0;
    const isSeed = ({ pid, session, startTime }: ProcessStat) =>
      startTime >= oldest && (session === main || keyOf(pid) === this.#key);
    const ownSession = processes.find(({ pid }) => pid === process.pid)?.session ?? -1;
    return kin(processes, isSeed, ownSession).filter(({ zombie }) => !zombie);
  }

  /** The main process's pid, which is its session's and group's number too, unless it is somebody else's by now. */
  #unlessReused({ processes }: Census): number | undefined {
    const holder = processes.find(({ pid }) => pid === this.#main?.pid);
    return holder !== undefined && holder.startTime !== this.#main?.startTime ? undefined : this.#main?.pid;
  }
}
