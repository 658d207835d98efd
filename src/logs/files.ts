/**
 * The files of one instance's log, and what their names say:
 *
 *     <index>.log                                   written by the instance, O_APPEND; nobody truncates it
 *     <index>.<number>.<start>-<end>.log            an archive: bytes [start, end) of the live file
 *     <index>.<number>.<start>-<end>.log.<pid>.partial     an archive being copied; worthless once its writer is gone
 *
 * A byte keeps its offset for ever, archived or not: that is what lets a reader go on across a rotation. Where the
 * live file's unarchived part begins is where the archive of the highest number ends. All of it is derived from the
 * disk, so that nothing has to be recovered.
 */
import { readdirSync } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import { serviceNamePattern } from '../domain/names.ts';
import { holeEnd } from './hole.ts';

/** Where one instance's log lives. */
export interface LogPlace {
  /** Absolute folder of the service's logs. */
  readonly folder: string;
  readonly index: number;
}

/** Bytes [start, end) of the live file. Empty: a mark that what came before `end` is gone and not kept. */
export interface Archive {
  readonly number: number;
  readonly start: number;
  readonly end: number;
  readonly path: string;
}

/** What is on disk of one instance's log. */
export interface LogFiles {
  /** By number, oldest first. */
  readonly archives: readonly Archive[];
  /** Offset of the live file's first byte that is in no archive. */
  readonly start: number;
  /** Apparent size of the live file; 0 where there is none. */
  readonly size: number;
  /** Bytes that it really takes on disk. */
  readonly allocated: number;
}

const maxIndex = 999_999;

/** @throws SlipwayError SLIP_SERVICE_UNKNOWN for a name that could leave the folder of logs */
export function serviceFolder(home: string, service: string): string {
  if (serviceNamePattern.test(service)) return join(home, 'logs', service);
  throw new SlipwayError(
    'SLIP_SERVICE_UNKNOWN',
    `cannot find logs of ${JSON.stringify(service)}: a service's name is lower-case letters, digits and hyphens`,
  );
}

/** @throws SlipwayError SLIP_INSTANCE_UNKNOWN for what is no index */
export function logPlace(home: string, service: string, index: number): LogPlace {
  const folder = serviceFolder(home, service);
  if (Number.isInteger(index) && index >= 0 && index <= maxIndex) return { folder, index };
  throw new SlipwayError(
    'SLIP_INSTANCE_UNKNOWN',
    `cannot find the log of ${service}/${index}: expected 0 to ${maxIndex}`,
  );
}

export function livePath({ folder, index }: LogPlace): string {
  return join(folder, `${index}.log`);
}

export function archivePath({ folder, index }: LogPlace, number: number, start: number, end: number): string {
  return join(folder, `${index}.${String(number).padStart(8, '0')}.${start}-${end}.log`);
}

export function partialPath(archive: string): string {
  return `${archive}.${process.pid}.partial`;
}

/** Copies that a crash left half done. */
export async function partials({ folder, index }: LogPlace): Promise<readonly string[]> {
  const names = await namesIn(folder);
  return names
    .filter(name => name.startsWith(`${index}.`) && name.endsWith('.partial'))
    .map(name => join(folder, name));
}

/** Indexes that have a live file, in order. */
export async function liveIndexes(folder: string): Promise<readonly number[]> {
  const indexes = (await namesIn(folder)).map(name => /^(0|[1-9]\d{0,5})\.log$/.exec(name)?.[1]);
  return indexes.flatMap(index => (index === undefined ? [] : [Number(index)])).sort((a, b) => a - b);
}

/** Where a new live file has to begin, so that its offsets go on after those of the archives. */
export function endOfArchives(place: LogPlace): number {
  return parseArchives(place, readdirSync(place.folder)).at(-1)?.end ?? 0;
}

export async function surveyLog(place: LogPlace): Promise<LogFiles> {
  for (;;) {
    const archives = await archivesOf(place);
    const live = await stat(livePath(place)).catch(ignoreMissing);
    const end = archives.at(-1)?.end ?? 0;
    if (!live) return { archives, start: end, size: end, allocated: 0 };
    const files = { archives, size: live.size, allocated: live.blocks * 512 };
    if (live.size < end) return { ...files, start: 0 };
    const start = await skipHole(livePath(place), end, files);
    // A hole may also come from a rotation since the archives were listed: then they are others now.
    const newest = start === end ? archives.at(-1) : (await archivesOf(place)).at(-1);
    if (newest?.number === archives.at(-1)?.number) return { ...files, start };
  }
}

async function archivesOf(place: LogPlace): Promise<readonly Archive[]> {
  return parseArchives(place, await namesIn(place.folder));
}

/** Whether somebody else truncated the live file, so that its offsets began anew and no archive belongs to it. */
export function wasTruncated(files: LogFiles): boolean {
  return files.size < (files.archives.at(-1)?.end ?? 0);
}

/** The archives that, end to end, lead up to the live part: those whose offsets still mean what they say. */
export function unbroken(files: LogFiles): readonly Archive[] {
  if (wasTruncated(files)) return [];
  const { archives } = files;
  let first = archives.length;
  let end = files.start;
  while (first > 0 && archives[first - 1]?.end === end) {
    first -= 1;
    end = archives[first]?.start ?? 0;
  }
  return archives.slice(first).filter(archive => archive.end > archive.start);
}

function parseArchives(place: LogPlace, names: readonly string[]): readonly Archive[] {
  const archives: Archive[] = [];
  for (const name of names) {
    const match = /^(\d{1,6})\.(\d{8,})\.(\d{1,16})-(\d{1,16})\.log$/.exec(name);
    if (!match || Number(match[1]) !== place.index) continue;
    const [number, start, end] = [Number(match[2]), Number(match[3]), Number(match[4])];
    if (start <= end) archives.push({ number, start, end, path: join(place.folder, name) });
  }
  return archives.sort((a, b) => a.number - b.number);
}

/**
 * Archives removed by hand leave a hole before the live part that no name tells of. It is looked for only where the
 * file takes clearly less on disk than it should.
 */
async function skipHole(path: string, start: number, files: { size: number; allocated: number }): Promise<number> {
  const metadata = 65_536;
  if (files.allocated + metadata >= files.size - start) return start;
  const file = await open(path).catch(ignoreMissing);
  if (!file) return start;
  try {
    return await holeEnd(
      start,
      files.size,
      async (buffer, at) => (await file.read(buffer, 0, buffer.length, at)).bytesRead,
    );
  } finally {
    await file.close();
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(ignoreMissing)) ?? [];
}

/** A file that is gone is an answer, not an error: logs are removed with their service at any time. */
export function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
