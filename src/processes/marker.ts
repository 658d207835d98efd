/**
 * The mark that every process of an instance inherits in its environment, by which it is found where nothing else
 * leads to it: `SLIPWAY_INSTANCE_KEY=<home>/<key>`. The home is in it so that one Slipway never ends what belongs to
 * another.
 */
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { ProcessTable } from './process-table.ts';

export const markerVariable = 'SLIPWAY_INSTANCE_KEY';

/** Eight hexadecimal digits that stand for a home in the names of cgroups and in markers. */
export function homeId(home: string): string {
  return createHash('sha256').update(resolve(home)).digest('hex').slice(0, 8);
}

export function marker(homeId: string, key: string): string {
  return `${homeId}/${key}`;
}

/** The key that a process is marked with, if it belongs to this home. */
export function markedKey(processes: ProcessTable, homeId: string, pid: number): string | undefined {
  const value = processes.variable(pid, markerVariable);
  return value?.startsWith(`${homeId}/`) ? value.slice(homeId.length + 1) : undefined;
}
