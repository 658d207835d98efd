/** Who the program in a strict sandbox is on the host: the child of the process that reaps in there. */
import { readFileSync } from 'node:fs';
import type { Clock, Milliseconds } from '../../domain/clock.ts';
import { pause } from '../enclosure.ts';
import type { ProcessStat, ProcessTable } from '../process-table.ts';

const patience: Milliseconds = 5_000;
const longestPause: Milliseconds = 16;

/** @returns `undefined` where it was over before it could be found */
export async function innerProcess(
  report: string,
  processes: ProcessTable,
  clock: Clock,
  isOver: () => boolean,
): Promise<ProcessStat | undefined> {
  const end = clock.now() + patience;
  for (let wait = 1; !isOver() && clock.now() < end; wait = Math.min(wait * 2, longestPause)) {
    const reaper = reaperOf(report);
    const found = reaper && (await processes.list()).find(({ parent, zombie }) => parent === reaper && !zombie);
    if (found) return found;
    await pause(clock, wait);
  }
  return undefined;
}

function reaperOf(report: string): number | undefined {
  try {
    return (JSON.parse(readFileSync(report, 'utf8')) as { 'child-pid'?: number })['child-pid'];
  } catch {
    return undefined; // Not written yet, or not to its end.
  }
}
