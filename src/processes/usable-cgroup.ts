/** Chooses the cgroup version to use: the newer one that lets a process in, seen by letting one in. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Clock } from '../domain/clock.ts';
import { CgroupV1 } from './cgroup-v1.ts';
import { CgroupV2 } from './cgroup-v2.ts';
import type { Backend } from './contract.ts';
import type { Containment, Enclosure } from './enclosure.ts';
import { launcher } from './launch-line.ts';
import { type CgroupMounts, parseCgroupMounts } from './mounts.ts';
import { nothingPrepared } from './process-limits.ts';

const versions = [
  { backend: 'cgroup-v2', open: CgroupV2.open },
  { backend: 'cgroup-v1', open: CgroupV1.open },
] as const;

/**
 * @param wanted one version, or `auto` for any
 * @param name of the folder that shall hold all of this home
 * @returns why there is none that can be used, in words
 */
export async function usableCgroup(
  wanted: Backend | 'auto',
  name: string,
  clock: Clock,
): Promise<Containment | string> {
  const mounts = cgroupMounts();
  const reasons: string[] = [];
  for (const { backend, open } of versions) {
    if (wanted !== 'auto' && wanted !== backend) continue;
    const opened = open(mounts, name, clock);
    const problem = typeof opened === 'string' ? opened : await trial(opened);
    if (typeof opened !== 'string') {
      if (problem === undefined) return opened;
      opened.close();
    }
    reasons.push(`${backend}: ${problem}`);
  }
  return reasons.join('; ');
}

function cgroupMounts(): CgroupMounts {
  try {
    return parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'latin1'));
  } catch {
    return { v1: [] };
  }
}

/** Has a process enter an enclosure. @returns what went wrong, in words */
async function trial(containment: Containment): Promise<string | undefined> {
  let enclosure: Enclosure | undefined;
  try {
    ({ enclosure } = await containment.enclose('_trial.0', new Map(), new Map()));
    const [shell = '', ...args] = launcher(enclosure.entrances, nothingPrepared, ['/bin/sh', '-c', ':'], {});
    execFileSync(shell, args, { env: {}, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
    return undefined;
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).trim().split('\n').at(-1);
  } finally {
    await enclosure?.remove();
  }
}
