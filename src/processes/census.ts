/** All processes of the host at one moment, with the keys that those of this home are marked with. */
import { markedKey } from './marker.ts';
import type { ProcessStat, ProcessTable } from './process-table.ts';

export interface Census {
  readonly processes: readonly ProcessStat[];
  /** Read when it is first asked for, since that costs more than all the rest of a process. */
  keyOf(pid: number): string | undefined;
}

export async function takeCensus(table: ProcessTable, homeId: string): Promise<Census> {
  const processes = await table.list();
  const keys = new Map<number, string | undefined>();
  return {
    processes,
    keyOf: pid => {
      if (!keys.has(pid)) keys.set(pid, markedKey(table, homeId, pid));
      return keys.get(pid);
    },
  };
}
