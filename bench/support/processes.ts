/** What processes cost, as proc(5) tells it. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Of all of them together, in MB (10^6): each shared page counts in parts for those that share it. */
export function pssMb(pids: readonly number[]): number {
  const kilobytes = pids.map(pid => {
    return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1]);
  });
  return (sum(kilobytes) * 1024) / 1e6;
}

/** User and system time so far of all of them together, in steps of a clock tick. */
export function cpuSeconds(pids: readonly number[]): number {
  const [user, system] = [11, 12];
  return sum(pids.map(pid => Number(stat(pid)[user]) + Number(stat(pid)[system]))) / ticksPerSecond;
}

export function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  return text.split(' ').filter(Boolean).map(Number);
}

/** A zombie isn't. */
export function isAlive(pid: number): boolean {
  try {
    return stat(pid)[0] !== 'Z';
  } catch {
    return false;
  }
}

/** Those that run in the folder, or were told of it. */
export function processesUnder(folder: string): readonly number[] {
  const pids = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number);
  return pids.filter(pid => {
    try {
      const place = readlinkSync(`/proc/${pid}/cwd`);
      return place.startsWith(folder) || readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
    } catch {
      return false;
    }
  });
}

/** Fields of `/proc/PID/stat` from the state on. */
function stat(pid: number): readonly string[] {
  const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return line.slice(line.lastIndexOf(')') + 2).split(' ');
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
