/** The {@link LogStore} over the files of a Slipway home. */
import { closeSync, ftruncateSync, mkdirSync, openSync, statSync } from 'node:fs';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../domain/clock.ts';
import { serviceNamePattern } from '../domain/names.ts';
import type { LogSpec } from '../domain/spec.ts';
import type { LogLine, LogQuery, LogStore } from './contract.ts';
import {
  endOfArchives,
  ignoreMissing,
  type LogPlace,
  liveIndexes,
  livePath,
  logPlace,
  serviceFolder,
  surveyLog,
  wasTruncated,
} from './files.ts';
import { readLines } from './follow.ts';
import { isPunchDue, punch, type RotationStep, rotateLog } from './rotation.ts';

interface LogStoreOptions {
  /** Absolute path of the Slipway home. */
  readonly home: string;
  readonly clock: Clock;
  /** Is told what keeps logs from being rotated; once, not at every try. */
  readonly onProblem?: (problem: string) => void;
  /** Hears of each step of a rotation, just after it. */
  readonly onStep?: (step: RotationStep) => void;
}

export function createLogStore(options: LogStoreOptions): LogStore {
  return new FileLogStore(options);
}

/** A log that is looked after. */
interface Tracked {
  readonly place: LogPlace;
  readonly path: string;
  /** Offset of the first byte in no archive; `undefined` until it was looked for. */
  start: number | undefined;
  /** What went wrong at the last try. */
  problem: string | undefined;
}

class FileLogStore implements LogStore {
  readonly #options: LogStoreOptions;
  /** By path of the live file. */
  readonly #tracked = new Map<string, Tracked>();
  /** `undefined` until it was tried. */
  #canPunch: boolean | undefined;
  #scanned = false;
  #rotating: Promise<void> | undefined;

  constructor(options: LogStoreOptions) {
    this.#options = options;
  }

  file(service: string, index: number): string {
    const place = logPlace(this.#options.home, service, index);
    mkdirSync(place.folder, { recursive: true, mode: 0o750 });
    const path = livePath(place);
    const exists = statSync(path, { throwIfNoEntry: false });
    const file = openSync(path, 'a', 0o640);
    try {
      // Somebody removed the live file but not its archives.
      if (!exists) ftruncateSync(file, endOfArchives(place));
    } finally {
      closeSync(file);
    }
    this.#track(place);
    return path;
  }

  read(query: LogQuery, signal?: AbortSignal): AsyncIterable<LogLine> {
    const { service, index, tail, follow } = query;
    if (index !== undefined) logPlace(this.#options.home, service, index);
    const folder = serviceFolder(this.#options.home, service);
    return readLines({ service, folder, index, tail, follow }, this.#options.clock, signal);
  }

  /** A call while another is under way is that one. What goes wrong with one log is told, and stops no other. */
  rotate(spec: LogSpec): Promise<void> {
    this.#rotating ??= this.#rotateAll(spec).finally(() => {
      this.#rotating = undefined;
    });
    return this.#rotating;
  }

  async remove(service: string): Promise<void> {
    const folder = serviceFolder(this.#options.home, service);
    await this.#rotating;
    for (const [path, { place }] of this.#tracked) if (place.folder === folder) this.#tracked.delete(path);
    await rm(folder, { recursive: true, force: true });
  }

  #track(place: LogPlace): void {
    const path = livePath(place);
    if (!this.#tracked.has(path)) this.#tracked.set(path, { place, path, start: undefined, problem: undefined });
  }

  async #rotateAll(spec: LogSpec): Promise<void> {
    if (!this.#scanned) await this.#scan();
    for (const log of this.#tracked.values()) {
      const stats = statSync(log.path, { throwIfNoEntry: false });
      if (!stats) continue;
      const { start } = log;
      if (start !== undefined && stats.size >= start && stats.size - start < spec.rotateAt) continue;
      const problem = await this.#rotateOne(log, spec).then(() => undefined, messageOf);
      const removed = problem !== undefined && !statSync(log.path, { throwIfNoEntry: false });
      if (problem !== undefined && problem !== log.problem && !removed) {
        this.#options.onProblem?.(`cannot rotate ${log.path}: ${problem}`);
      }
      log.problem = problem;
    }
  }

  async #rotateOne(log: Tracked, spec: LogSpec): Promise<void> {
    const files = await surveyLog(log.place);
    const firstLook = log.start === undefined;
    log.start = files.start;
    const outgrown = files.size - files.start >= spec.rotateAt;
    if (!outgrown && !wasTruncated(files) && !(firstLook && isPunchDue(files))) return;
    if (await this.#punchWorks()) log.start = await rotateLog(log.place, spec, this.#options.onStep);
  }

  /** Logs of instances that an earlier daemon launched. */
  async #scan(): Promise<void> {
    const root = join(this.#options.home, 'logs');
    for (const service of (await readdir(root).catch(ignoreMissing)) ?? []) {
      if (!serviceNamePattern.test(service)) continue;
      const folder = join(root, service);
      for (const index of await liveIndexes(folder)) this.#track({ folder, index });
    }
    this.#scanned = true;
  }

  /**
   * Without holes there is no rotation that loses nothing while an instance writes. So there is none, and it is said:
   * truncating after the copy would lose the lines of the moment between the two, and nobody would notice.
   */
  async #punchWorks(): Promise<boolean> {
    if (this.#canPunch !== undefined) return this.#canPunch;
    const root = join(this.#options.home, 'logs');
    const sample = join(root, '.sample');
    try {
      await writeFile(sample, Buffer.alloc(65_536, 1));
      await punch(sample, 65_536);
      this.#canPunch = true;
    } catch (error) {
      this.#canPunch = false;
      this.#options.onProblem?.(
        `cannot rotate logs under ${root}, they grow without a limit: ${messageOf(error)}; ` +
          'it takes a file system with holes (ext4, XFS, Btrfs, tmpfs) and `fallocate` of util-linux',
      );
    } finally {
      await rm(sample, { force: true });
    }
    return this.#canPunch;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
