/**
 * Limits that are attributes of each process: a process is given them by the launcher before its first instruction, and
 * hands them on to its children.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { codeOf } from './cgroup.ts';
import type { Enforcement } from './contract.ts';
import { type Appliers, type Asked, enforce, type LimitKey, Unavailable } from './enforcement.ts';
import { findProgram } from './sandbox/tools.ts';

/** What the launcher does on its way. */
export interface Preparation {
  /** Arguments of the shell's `ulimit`, such as `-n 1024`. */
  readonly ulimits: readonly string[];
  /** Values that are written to files of `/proc/self`. */
  readonly writes: readonly { readonly value: number; readonly file: string }[];
  /** Words in front of the command. */
  readonly wrapper: readonly string[];
  readonly umask: number;
}

export const nothingPrepared: Preparation = { ulimits: [], writes: [], wrapper: [], umask: 0o022 };

const oomScoreFile = '/proc/self/oom_score_adj';

/** What this process may do, as far as these limits need it. */
export interface Privileges {
  readonly mayRaiseLimits: boolean;
  readonly mayRaisePriority: boolean;
  readonly mostOpenFiles: number;
  readonly mostCoreDump: number;
  readonly oomScore: number | undefined;
  /** Its own. */
  readonly niceness: number;
}

/** Bits of capabilities(7). */
const sysNice = 23n;
const sysResource = 24n;

export function ownPrivileges(): Privileges {
  const status = read('/proc/self/status');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  const limits = read('/proc/self/limits');
  const hard = (name: string) => {
    const value = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(limits)?.[1];
    return value === undefined ? 0 : value === 'unlimited' ? Number.POSITIVE_INFINITY : Number(value);
  };
  return {
    mayRaiseLimits: (effective & (1n << sysResource)) !== 0n,
    mayRaisePriority: (effective & (1n << sysNice)) !== 0n,
    mostOpenFiles: hard('Max open files'),
    mostCoreDump: hard('Max core file size'),
    niceness: getPriority(),
    oomScore: existsSync(oomScoreFile) ? Number(read(oomScoreFile)) : undefined,
  };
}

/** @param blockSize of `ulimit -c`, which differs between shells */
export function prepareProcess(
  asked: Asked,
  privileges: Privileges,
  blockSize: number,
): { readonly preparation: Preparation; readonly enforcement: readonly Enforcement[] } {
  const ulimits: string[] = [];
  const writes: { value: number; file: string }[] = [];
  const wrapper: string[] = [];
  const rlimits = enforce('rlimit', asked, {
    openFiles: (value = 0) => {
      requireLimit(privileges, value, privileges.mostOpenFiles);
      ulimits.push(`-n ${value}`);
      return undefined;
    },
    coreDump: (value = 0) => {
      requireLimit(privileges, value, privileges.mostCoreDump);
      const blocks = Math.floor(value / blockSize);
      ulimits.push(`-c ${blocks}`);
      return { value: blocks * blockSize };
    },
  });
  const attributes = enforce('process', asked, {
    nice: (value = 0) => {
      // What the program gets counts from what the daemon has.
      const added = value - privileges.niceness;
      if (added < 0 && !privileges.mayRaisePriority) throw new Unavailable('the daemon may not raise a priority');
      const nice = findProgram('nice');
      if (nice === undefined) throw new Unavailable('there is no `nice` on this host');
      if (added !== 0) wrapper.push(nice, '-n', String(added));
      return undefined;
    },
    oomScoreAdjust: (value = 0) => {
      requireOomScore(privileges, value);
      writes.push({ value, file: oomScoreFile });
      return undefined;
    },
  });
  // A daemon that the kernel is told to spare must not hand that on to what it starts.
  if (!asked.has('oomScoreAdjust') && (privileges.oomScore ?? 0) < 0) writes.push({ value: 0, file: oomScoreFile });
  return { preparation: { ...nothingPrepared, ulimits, writes, wrapper }, enforcement: [...rlimits, ...attributes] };
}

/** To processes that run. What can't be changed any more holds from their next start on, and says so. */
export function changeProcesses(
  pids: readonly number[],
  asked: Asked,
  lifted: readonly LimitKey[],
  privileges: Privileges,
): readonly Enforcement[] {
  const prlimit = (flag: string) => (value: number | undefined) => {
    if (value === undefined) throw new Unavailable('it is lifted at the next start');
    for (const pid of pids) {
      try {
        execFileSync('prlimit', ['--pid', String(pid), `--${flag}=${value}:${value}`], { stdio: 'ignore' });
      } catch (error) {
        if (existsSync(`/proc/${pid}`)) throw new Unavailable(notBefore(error));
      }
    }
    return undefined;
  };
  const appliers: Appliers = {
    nice: (value = 0) => {
      for (const task of pids.flatMap(tasksOf)) unlessGone(() => setPriority(task, value));
      return undefined;
    },
    oomScoreAdjust: (value = 0) => {
      requireOomScore(privileges, value);
      for (const pid of pids) unlessGone(() => writeFileSync(`/proc/${pid}/oom_score_adj`, String(value)));
      return undefined;
    },
  };
  return [
    ...enforce('rlimit', asked, { openFiles: prlimit('nofile'), coreDump: prlimit('core') }, { lifted }),
    ...enforce('process', asked, appliers, { lifted }),
  ];
}

function notBefore(error: unknown): string {
  return codeOf(error) === 'ENOENT'
    ? 'without prlimit it holds from the next start on'
    : 'it holds from the next start on';
}

/** Priorities are of threads (setpriority(2)). */
function tasksOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

function unlessGone(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (codeOf(error) !== 'ESRCH' && codeOf(error) !== 'ENOENT') throw error;
  }
}

function requireLimit({ mayRaiseLimits }: Privileges, value: number, most: number): void {
  if (value > most && !mayRaiseLimits) throw new Unavailable(`the daemon’s own limit is ${most}`);
}

function requireOomScore({ oomScore, mayRaiseLimits }: Privileges, value: number): void {
  if (oomScore === undefined) throw new Unavailable(`there is no ${oomScoreFile}`);
  if (value < oomScore && !mayRaiseLimits) throw new Unavailable(`the daemon may not go below its own ${oomScore}`);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

export function isOfProcess(limit: string): boolean {
  return ofProcess.has(limit);
}

const ofProcess: ReadonlySet<string> = new Set<LimitKey>(['openFiles', 'coreDump', 'nice', 'oomScoreAdjust']);
