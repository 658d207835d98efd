import pidusage from 'pidusage';
import type { Usage } from './contract.ts';

/** Until its first call is done, each further one asks the host for page size and clock rate anew. */
let first: Promise<unknown> | undefined;

/** What these processes use by themselves: for where no cgroup counts it. */
export async function usageOf(pids: readonly number[]): Promise<Usage | undefined> {
  if (pids.length === 0) return undefined;
  try {
    first ??= pidusage(process.pid);
    await first;
    const each = Object.values(await pidusage([...pids])).filter(found => found !== null && found !== undefined);
    return {
      cpuSeconds: each.reduce((sum, { ctime }) => sum + ctime, 0) / 1000,
      memory: each.reduce((sum, { memory }) => sum + memory, 0),
      processes: each.length,
    };
  } catch {
    // They ended while they were looked at.
    return undefined;
  }
}
