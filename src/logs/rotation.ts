/**
 * Rotation without loss, next to an instance that goes on writing: copy to an archive, make that durable, only then
 * punch the copied bytes out of the live file. A crash between any two steps costs nothing: what has no archive is
 * still in the live file, and what has one can be punched again.
 */
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import type { LogSpec } from '../domain/spec.ts';
import { run } from './child.ts';
import { planCuts } from './cuts.ts';
import {
  archivePath,
  type LogFiles,
  type LogPlace,
  livePath,
  partialPath,
  partials,
  surveyLog,
  wasTruncated,
} from './files.ts';
import { longestLine } from './lines.ts';

/** What has just been done; a test may let the process die there. */
export type RotationStep = 'marked' | 'copied' | 'published' | 'synced' | 'punched' | 'pruned';

type Passed = (step: RotationStep) => void;

/**
 * @returns the offset up to which all is archived
 * @throws Error in words; what was archived until then is as it should be
 */
export async function rotateLog(place: LogPlace, spec: LogSpec, passed: Passed = () => {}): Promise<number> {
  for (const path of await partials(place)) await rm(path, { force: true });
  const files = await surveyLog(place);
  if (wasTruncated(files)) await markDropped(place, files, 0, passed);
  const failure = await archive(place, spec, passed).then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  // Also after a failure: on a full disk it is what makes room for the next try.
  const archived = await surveyLog(place);
  if (archived.start > 0) {
    await syncFolder(place.folder);
    passed('synced');
    await punch(livePath(place), archived.start);
    passed('punched');
  }
  if (failure) throw failure.error;
  await prune(archived, spec.keep);
  passed('pruned');
  return archived.start;
}

async function archive(place: LogPlace, spec: LogSpec, passed: Passed): Promise<void> {
  const files = await surveyLog(place);
  const cuts = await atLineBreaks(livePath(place), files.start, planCuts(files.start, files.size, spec));
  const [first, ...ends] = cuts;
  if (first === undefined) return;
  if (ends.length === 0) return markDropped(place, files, first, passed);
  // The oldest go first, lest they and the new ones fill the disk together; the newest stays, to tell the offset.
  await prune(files, spec.keep - ends.length);
  let start = first;
  for (const [i, end] of ends.entries()) {
    const path = archivePath(place, nextNumber(files) + i, start, end);
    await copy(livePath(place), partialPath(path), start, end);
    passed('copied');
    await rename(partialPath(path), path);
    passed('published');
    start = end;
  }
}

/**
 * Whether a crash kept archived bytes from being punched. File systems count allocation roughly, hence the allowance.
 */
export function isPunchDue(files: LogFiles): boolean {
  return files.start > 0 && files.allocated > files.size - files.start + 1_048_576;
}

/** Frees the blocks of the file's first bytes; they read as NUL from then on. @throws Error with the tool's words */
export async function punch(path: string, length: number): Promise<void> {
  const problem = await run('fallocate', ['--punch-hole', '--offset', '0', '--length', String(length), path]);
  if (problem !== undefined) throw new Error(problem);
}

/** An empty archive: it tells the next one to be that the bytes before the offset are not to be had. */
async function markDropped(place: LogPlace, files: LogFiles, offset: number, passed: Passed): Promise<void> {
  await syncAndClose(await open(archivePath(place, nextNumber(files), offset, offset), 'wx', 0o640));
  passed('marked');
}

function nextNumber(files: LogFiles): number {
  return (files.archives.at(-1)?.number ?? 0) + 1;
}

/** Moves each cut back behind the nearest line break, unless a line is so long that it is cut in reading anyway. */
async function atLineBreaks(path: string, start: number, cuts: readonly number[]): Promise<readonly number[]> {
  if (cuts.length === 0) return [];
  const file = await open(path);
  try {
    const window = Buffer.allocUnsafe(longestLine);
    const moved: number[] = [];
    let floor = start;
    for (const cut of cuts) {
      const from = Math.max(floor, cut - longestLine);
      const { bytesRead } = await file.read(window, 0, cut - from, from);
      const feed = window.subarray(0, bytesRead).lastIndexOf(10);
      floor = feed === -1 ? cut : from + feed + 1;
      moved.push(floor);
    }
    return moved;
  } finally {
    await file.close();
  }
}

async function copy(from: string, to: string, start: number, end: number): Promise<void> {
  const target = await open(to, 'wx', 0o640);
  await target.close();
  const range = ['iflag=skip_bytes,count_bytes', `skip=${start}`, `count=${end - start}`];
  const problem = await run('dd', [`if=${from}`, `of=${to}`, 'bs=1M', ...range, 'conv=fsync', 'status=none']);
  const { size } = await stat(to);
  if (problem === undefined && size === end - start) return;
  await rm(to, { force: true });
  throw new Error(problem ?? `only ${size} of ${end - start} bytes could be copied from ${from}`);
}

/** Leaves the newest `keep` archives that hold anything, and the very newest in any case: it tells the offset. */
async function prune({ archives }: LogFiles, keep: number): Promise<void> {
  const full = archives.filter(({ start, end }) => end > start);
  const kept = new Set([...full.slice(Math.max(0, full.length - Math.max(0, keep))), ...archives.slice(-1)]);
  for (const archive of archives) if (!kept.has(archive)) await rm(archive.path, { force: true });
}

async function syncFolder(folder: string): Promise<void> {
  await syncAndClose(await open(folder));
}

async function syncAndClose(file: FileHandle): Promise<void> {
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
