/**
 * What both versions of cgroups have in common: folders that are groups, files that are settings, and a limit that
 * is either in force or reported as not. Reads and writes are synchronous: the files are kernel memory.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Clock } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import { pause } from './enclosure.ts';
import { counterIn } from './kept-file.ts';
import { isLiving } from './procfs.ts';

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** @returns `undefined` where there is no such file, or no such group any more */
export function readSetting(group: string, file: string): string | undefined {
  try {
    return readFileSync(join(group, file), 'latin1');
  } catch {
    return undefined;
  }
}

/** The number in a `name number` line. */
export function readCounter(group: string, file: string, name: string): number | undefined {
  return counterIn(readSetting(group, file), name);
}

/** The number that is all there is in the file. */
export function readNumber(group: string, file: string): number | undefined {
  const text = readSetting(group, file);
  return text === undefined ? undefined : Number(text);
}

export function writeSetting(group: string, file: string, value: string | number): void {
  writeFileSync(join(group, file), String(value));
}

/** Writes where that is possible. @returns whether it was */
export function tryWriteSetting(group: string, file: string, value: string | number): boolean {
  try {
    writeSetting(group, file, value);
    return true;
  } catch {
    return false;
  }
}

/** Groups directly inside, which an instance with the right to do so may have made. */
function subgroups(group: string): readonly string[] {
  try {
    // A group's link count is two and one for each group inside, so that nearly always there is nothing to list.
    if (lstatSync(group).nlink <= 2) return [];
    return readdirSync(group, { withFileTypes: true }).flatMap(entry =>
      entry.isDirectory() ? [join(group, entry.name)] : [],
    );
  } catch {
    return [];
  }
}

/**
 * Pids of all processes in the group and in those inside it, zombies too where the kernel lists them. None where there
 * is no such group; where they can't be read, it throws, since that must not pass for "none is left".
 */
export function processesIn(group: string): readonly number[] {
  const own = membersOf(group).split('\n');
  const pids = own.filter(line => line !== '').map(Number);
  return [...pids, ...subgroups(group).flatMap(processesIn)];
}

function membersOf(group: string): string {
  try {
    return readFileSync(join(group, 'cgroup.procs'), 'latin1');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENODEV') return '';
    throw error;
  }
}

export function livingIn(group: string): readonly number[] {
  return processesIn(group).filter(isLiving);
}

/** Makes an empty group, in place of an empty one that may be there. */
export async function makeGroup(group: string, clock: Clock): Promise<void> {
  try {
    mkdirSync(group);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const alive = livingIn(group);
    if (alive.length > 0) {
      throw new SlipwayError(
        'SLIP_LAUNCH_FAILED',
        `cannot start in the cgroup ${group}: it should be empty, but process ${alive.join(', ')} is alive in it`,
      );
    }
    await removeGroup(group, clock);
    mkdirSync(group);
  }
}

/**
 * Removes the group and those inside it. The kernel may hold one for a moment after its last process is gone.
 * @returns whether it is gone; if not, somebody is in it again, or still
 */
export async function removeGroup(group: string, clock: Clock): Promise<boolean> {
  for (let attempt = 0; attempt < 8; attempt++) {
    if (attempt > 0) await pause(clock, 2 ** attempt);
    if (tryRemoveGroup(group)) return true;
  }
  return false;
}

function tryRemoveGroup(group: string): boolean {
  for (const inner of subgroups(group)) tryRemoveGroup(inner);
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    return codeOf(error) === 'ENOENT';
  }
}

/** Removes a group unless there is anything in it. */
export function removeIfEmpty(group: string): void {
  try {
    rmdirSync(group);
  } catch {
    // In use, or gone already.
  }
}

/**
 * Names of the enclosures inside: they are in a group for each service, or were made directly here by an older Slipway.
 * What Slipway keeps for itself begins with `_`; a service's name has no dot, an enclosure's has.
 */
export function enclosuresIn(base: string): readonly string[] {
  return subgroups(base).flatMap(path => {
    const name = basename(path);
    if (name.startsWith('_')) return [];
    return name.includes('.') ? [name] : subgroups(path).map(inner => basename(inner));
  });
}

const defaultPeriod = 100_000;
const longestPeriod = 1_000_000;
const shortestQuota = 1_000;

/** The kernel's weights begin where nothing is said, at 100; cgroup v1 has them as shares, at 1024. */
export function cpuShares(weight: number): number {
  return Math.max(2, Math.round((weight * 1024) / 100));
}

/** Microseconds of CPU time in each period. A small share takes a longer period, since the kernel has a least quota. */
export function cpuBandwidth(cores: number): { readonly quota: number; readonly period: number } {
  const period = Math.min(longestPeriod, Math.max(defaultPeriod, Math.ceil(shortestQuota / cores)));
  return { quota: Math.max(shortestQuota, Math.round(cores * period)), period };
}
