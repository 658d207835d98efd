/**
 * The process table where there is no `/proc`: what POSIX `ps` tells, plus the start time that the BSDs and macOS
 * print. It does not see environments, so a child that left both its parent and its group can't be found.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ProcessIdentity } from './contract.ts';
import { readBootId } from './identity.ts';
import type { ProcessStat, ProcessTable, Vigil } from './process-table.ts';

const run = promisify(execFile);
const columns = 'pid=,ppid=,pgid=,stat=,lstart=';
const options = { env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' }, maxBuffer: 16 * 1024 * 1024 };

/** One line of {@link columns}. */
export function parsePsLine(line: string): ProcessStat | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S.*\S)\s*$/.exec(line);
  if (!match) return undefined;
  const [, pid, parent, group, state = '', started = ''] = match;
  const startTime = Date.parse(started) / 1000;
  if (!Number.isInteger(startTime)) return undefined;
  return {
    pid: Number(pid),
    parent: Number(parent),
    group: Number(group),
    session: Number(group),
    startTime,
    zombie: state.startsWith('Z'),
  };
}

export class Ps implements ProcessTable {
  readonly bootId = readBootId();
  readonly readsEnvironments = false;

  async find(pid: number): Promise<ProcessStat | undefined> {
    return (await this.#ask(['-o', columns, '-p', String(pid)]))[0];
  }

  list(): Promise<readonly ProcessStat[]> {
    return this.#ask(['-A', '-o', columns]);
  }

  async watch(identity: ProcessIdentity): Promise<Vigil | undefined> {
    if (identity.bootId !== this.bootId) return undefined;
    const found = await this.find(identity.pid);
    if (!found || found.zombie || found.startTime !== identity.startTime) return undefined;
    return { alive: () => exists(identity.pid), close: () => {} };
  }

  variable(): undefined {
    return undefined;
  }

  async #ask(args: readonly string[]): Promise<readonly ProcessStat[]> {
    try {
      const { stdout } = await run('ps', [...args], options);
      return stdout.split('\n').flatMap(line => parsePsLine(line) ?? []);
    } catch (error) {
      // `ps` ends with 1 where no process fits; anything else must not pass for "there is none".
      if (error instanceof Error && 'code' in error && error.code === 1) return [];
      throw error;
    }
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
