/** Reading and following the logs of a service's instances as one sequence of lines. */
import type { Cancel, Clock, Milliseconds } from '../domain/clock.ts';
import { type Extent, LogBytes } from './bytes.ts';
import type { LogLine } from './contract.ts';
import { type LogPlace, liveIndexes } from './files.ts';
import { LineSplitter, longestLine } from './lines.ts';

/**
 * How long to wait when nothing new was found: soon after there was something, and rarely once it is quiet. A watch
 * on the files would wake the daemon at each write of the busiest instance.
 */
const shortestPause: Milliseconds = 20;
const longestPause: Milliseconds = 200;

/** Reads one instance's log onwards. */
class Follower {
  readonly #bytes: LogBytes;
  readonly #lines = new LineSplitter();
  #position = 0;

  constructor(place: LogPlace) {
    this.#bytes = new LogBytes(place);
  }

  /** @returns what is there to be read now */
  async seekLast(count: number): Promise<Extent> {
    const extent = await this.#bytes.extent();
    this.#position = await this.#bytes.lastLines(count, extent, longestLine);
    return { begin: this.#position, end: extent.end };
  }

  async seekFirst(): Promise<void> {
    this.#position = (await this.#bytes.extent()).begin;
  }

  /** The lines that end in the next chunk before `limit`, or `undefined` when there is no more of it yet. */
  async next(limit = Number.POSITIVE_INFINITY): Promise<readonly string[] | undefined> {
    if (this.#position >= limit || (await this.#bytes.isAtEnd(this.#position))) return undefined;
    const { at, bytes } = await this.#bytes.read(this.#position);
    const lines: string[] = [];
    if (at !== this.#position) {
      lines.push(...this.#lines.end());
      if (at > this.#position)
        lines.push(`[${at - this.#position} bytes are gone: rotated away before they were read]`);
    }
    const wanted = bytes.subarray(0, Math.max(0, limit - at));
    this.#position = at + wanted.length;
    for (const line of this.#lines.push(wanted)) lines.push(line);
    return wanted.length === 0 && lines.length === 0 ? undefined : lines;
  }

  /** A last line that has no line break yet. */
  unfinished(): readonly string[] {
    return [...this.#lines.end()];
  }
}

interface Reading {
  readonly service: string;
  readonly folder: string;
  /** All instances where absent. */
  readonly index: number | undefined;
  readonly tail: number;
  readonly follow: boolean;
}

/**
 * In order of the bytes within each instance. Across instances: first the tails one after the other, then in order of
 * arrival. Ends, without an error, when the signal aborts.
 */
export async function* readLines(reading: Reading, clock: Clock, signal?: AbortSignal): AsyncGenerator<LogLine> {
  const { service, folder, follow } = reading;
  const followers = new Map<number, Follower>();
  for (const index of await wantedIndexes(reading)) {
    const follower = new Follower({ folder, index });
    followers.set(index, follower);
    const { end } = await follower.seekLast(reading.tail);
    for (;;) {
      if (signal?.aborted) return;
      const lines = await follower.next(end);
      if (lines === undefined) break;
      for (const text of lines) yield { service, index, text };
    }
    if (!follow) for (const text of follower.unfinished()) yield { service, index, text };
  }
  let pause = shortestPause;
  while (follow && !signal?.aborted) {
    let quiet = true;
    for (const [index, follower] of followers) {
      const lines = await follower.next();
      if (lines === undefined) continue;
      quiet = false;
      for (const text of lines) yield { service, index, text };
      if (signal?.aborted) return;
    }
    for (const index of await wantedIndexes(reading)) {
      if (followers.has(index)) continue;
      const follower = new Follower({ folder, index });
      await follower.seekFirst();
      followers.set(index, follower);
      quiet = false;
    }
    if (quiet) await sleep(clock, pause, signal);
    pause = quiet ? Math.min(pause * 2, longestPause) : shortestPause;
  }
}

async function wantedIndexes({ folder, index }: Reading): Promise<readonly number[]> {
  const indexes = await liveIndexes(folder);
  return index === undefined ? indexes : indexes.filter(other => other === index);
}

/** Ends early, without an error, when the signal aborts. */
function sleep(clock: Clock, delay: Milliseconds, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    let cancel: Cancel = () => {};
    const end = () => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    cancel = clock.after(delay, end);
    signal?.addEventListener('abort', end);
    if (signal?.aborted) end();
  });
}
