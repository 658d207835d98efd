/** The process table of Linux. Reads are synchronous: `/proc` is memory, and a hop to a thread costs more. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import type { ProcessIdentity } from './contract.ts';
import { readBootId } from './identity.ts';
import type { ProcessStat, ProcessTable, Vigil } from './process-table.ts';

/** Fields by their number in proc_pid_stat(5), less the two that stand before the state. */
const field = { state: 0, parent: 1, group: 2, session: 3, threads: 17, startTime: 19 } as const;

/**
 * One line of `/proc/PID/stat`. The name in the second field may hold anything, blanks and brackets too, so that
 * only its last bracket ends it.
 */
export function parseStat(line: string): ProcessStat | undefined {
  const rest = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const number = (index: number) => Number(rest[index]);
  const pid = Number.parseInt(line, 10);
  const startTime = number(field.startTime);
  if (!Number.isInteger(pid) || !Number.isInteger(startTime)) return undefined;
  return {
    pid,
    parent: number(field.parent),
    group: number(field.group),
    session: number(field.session),
    startTime,
    // The thread that a process began with may end before the others, and then is a zombie while the process lives.
    zombie: /^[ZX]$/.test(rest[field.state] ?? '') && number(field.threads) <= 1,
  };
}

/** @returns `undefined` when there is no such process. Where that can't be known, since no file can be opened, it throws. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** What the kernel says of a process that is not there, or no longer. */
function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
}

export function isLiving(pid: number): boolean {
  return readStat(pid)?.zombie === false;
}

/**
 * A kept-open file in `/proc/PID` gives ESRCH once its process is reaped, whoever has the pid by then. `statm` is among
 * the cheapest to read, and begins with the size of the memory: 0 when the process is ending.
 */
class ProcfsVigil implements Vigil {
  readonly #pid: number;
  readonly #startTime: number;
  #statm: number | undefined;

  constructor({ pid, startTime }: ProcessIdentity) {
    this.#pid = pid;
    this.#startTime = startTime;
    this.#statm = openSync(`/proc/${pid}/statm`, 'r');
  }

  alive(): boolean {
    if (this.#statm === undefined) return false;
    try {
      readSync(this.#statm, firstByte, 0, 1, 0);
    } catch {
      return false;
    }
    if (firstByte[0] !== zero) return true;
    try {
      return isSame(this.#pid, this.#startTime);
    } catch {
      return true;
    }
  }

  close(): void {
    if (this.#statm !== undefined) closeSync(this.#statm);
    this.#statm = undefined;
  }
}

const firstByte = Buffer.alloc(1);
const zero = '0'.charCodeAt(0);

function isSame(pid: number, startTime: number): boolean {
  const stat = readStat(pid);
  return stat?.startTime === startTime && !stat.zombie;
}

export class Procfs implements ProcessTable {
  readonly bootId = readBootId();
  readonly readsEnvironments = true;

  async find(pid: number): Promise<ProcessStat | undefined> {
    return readStat(pid);
  }

  async list(): Promise<readonly ProcessStat[]> {
    return readdirSync('/proc').flatMap(name => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []));
  }

  async watch(identity: ProcessIdentity): Promise<Vigil | undefined> {
    if (identity.bootId !== this.bootId) return undefined;
    let vigil: Vigil | undefined;
    try {
      vigil = new ProcfsVigil(identity);
      if (isSame(identity.pid, identity.startTime)) return vigil;
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    vigil?.close();
    return undefined;
  }

  variable(pid: number, name: string): string | undefined {
    let environment: string;
    try {
      environment = `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`;
    } catch {
      return undefined;
    }
    const start = environment.indexOf(`\0${name}=`);
    if (start < 0) return undefined;
    const value = start + name.length + 2;
    const end = environment.indexOf('\0', value);
    return environment.slice(value, end < 0 ? undefined : end);
  }
}
