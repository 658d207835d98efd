/**
 * Runtimes that lie where only the daemon's user may look, such as `/root/.nvm`: what hides them is made an empty folder
 * for a sandboxed instance, with nothing in it but the runtime.
 */
import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { VisibleFolder } from '../processes/sandbox/contract.ts';

export interface Exposure {
  readonly hidden: readonly string[];
  readonly visible: readonly VisibleFolder[];
}

/** @param programs absolute paths of what must be there */
export function exposureOf(programs: readonly string[]): Exposure {
  const hidden = new Set<string>();
  const visible = new Set<string>();
  for (const program of programs) {
    for (const path of new Set([program, resolved(program)])) {
      const closed = closedFolder(path);
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

function resolved(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}

/** The outermost folder on the way that not everybody may enter. */
function closedFolder(path: string): string | undefined {
  const folders: string[] = [];
  for (let at = dirname(path); at !== '/'; at = dirname(at)) folders.unshift(at);
  return folders.find(folder => (modeOf(folder) & 0o1) === 0);
}

/** One that can't be looked at hides nothing: the launch itself will say what is wrong with it. */
function modeOf(folder: string): number {
  try {
    return statSync(folder).mode;
  } catch {
    return 0o1;
  }
}
