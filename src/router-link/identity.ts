/** Which process a pid stands for, read from /proc. A zombie counts as gone: it holds nothing but its exit code. */
import { readFileSync } from 'node:fs';
import type { ProcessIdentity } from '../processes/contract.ts';

export type { ProcessIdentity };

let bootId: string | undefined;

export function currentBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return bootId;
}

/** `undefined`: there is no such process, or it is a zombie. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Out of descriptors: nothing can be known, and nothing must follow from it.
    if (code === 'EMFILE' || code === 'ENFILE') throw error;
    return undefined;
  }
  // The second field is the name in parentheses; it may hold spaces and parentheses itself (proc(5)).
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTime = Number(rest[18]);
  if (state === 'Z' || state === 'X' || !Number.isSafeInteger(startTime)) return undefined;
  return { pid, startTime, bootId: currentBootId() };
}

export function isSame(one: ProcessIdentity, other: ProcessIdentity | undefined): boolean {
  return one.pid === other?.pid && one.startTime === other.startTime && one.bootId === other.bootId;
}

/** On a command line, and as a key. */
export function nameOf({ pid, startTime }: ProcessIdentity): string {
  return `${pid}.${startTime}`;
}

/** Also where it can't be found out. */
export function isAlive(identity: ProcessIdentity): boolean {
  try {
    return isSame(identity, identityOf(identity.pid));
  } catch {
    return true;
  }
}

/** Only if it still is the same process. @returns whether the signal was sent */
export function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch {
    return false;
  }
}
