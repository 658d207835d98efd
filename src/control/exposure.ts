/**
 * Runtimes that lie where only the daemon's user may look, such as `/root/.nvm`: what hides them is made an empty folder
 * for a sandboxed instance, with nothing in it but the runtime.
 */
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { VisibleFolder } from '../processes/sandbox/contract.ts';

export interface Exposure {
  readonly hidden: readonly string[];
  readonly visible: readonly VisibleFolder[];
}

/** @param programs absolute paths of what must be there */
export async function exposureOf(programs: readonly string[]): Promise<Exposure> {
  const hidden = new Set<string>();
  const visible = new Set<string>();
  for (const program of programs) {
    for (const path of new Set([program, await realpath(program).catch(() => program)])) {
      const closed = await closedFolder(path);
      if (closed === undefined) continue;
      hidden.add(closed);
      // `bin/node` needs `lib/` beside it; but a program directly in the closed folder must not open all of that.
      const prefix = dirname(dirname(path));
      visible.add(prefix === closed || closed.startsWith(`${prefix}/`) ? dirname(path) : prefix);
    }
  }
  return {
    hidden: [...hidden],
    visible: [...visible].filter(path => !hidden.has(path)).map(path => ({ path, writable: false })),
  };
}

/** The outermost folder on the way that not everybody may enter. */
async function closedFolder(path: string): Promise<string | undefined> {
  const folders: string[] = [];
  for (let at = dirname(path); at !== '/'; at = dirname(at)) folders.unshift(at);
  for (const folder of folders) {
    const mode = await stat(folder).then(
      ({ mode }) => mode,
      () => 0o1,
    );
    if ((mode & 0o1) === 0) return folder;
  }
  return undefined;
}
