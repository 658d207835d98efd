/**
 * One instance's log as one run of bytes by offset, wherever they lie. It holds no descriptor between reads, and a
 * rotation at any moment changes nothing of what it reads: an archive is published before its bytes are punched out
 * of the live file, so a read of the live file is true unless an archive has it when looked at *after* the read.
 */
import { open, stat } from 'node:fs/promises';
import { ignoreMissing, type LogFiles, type LogPlace, livePath, surveyLog, unbroken } from './files.ts';
import { pieces } from './lines.ts';

interface Chunk {
  /** Offset of the first byte. More than was asked for: those before it are gone. Less: the log began anew. */
  readonly at: number;
  /** Empty: nothing there yet. */
  readonly bytes: Buffer;
}

export interface Extent {
  /** Offset of the oldest byte from which on nothing is missing. */
  readonly begin: number;
  readonly end: number;
}

const chunkSize = 262_144;
const backwardChunkSize = 65_536;

export class LogBytes {
  readonly #place: LogPlace;

  constructor(place: LogPlace) {
    this.#place = place;
  }

  async extent(): Promise<Extent> {
    return extentOf(await surveyLog(this.#place));
  }

  /** Whether nothing was written behind the offset. One system call, for asking often. */
  async isAtEnd(at: number): Promise<boolean> {
    const live = await stat(livePath(this.#place)).catch(ignoreMissing);
    return live?.size === at;
  }

  /** Bytes from the offset on: as many as are at hand, and `length` at the most. */
  async read(from: number, length = chunkSize): Promise<Chunk> {
    let at = from;
    for (;;) {
      const files = await surveyLog(this.#place);
      const { begin, end } = extentOf(files);
      at = at > end ? begin : Math.max(at, begin);
      const archive = unbroken(files).find(({ start, end }) => start <= at && at < end);
      if (archive) {
        const bytes = await readAt(archive.path, at - archive.start, Math.min(length, archive.end - at));
        if (bytes === undefined) continue;
        if (bytes.length > 0) return { at, bytes };
        // Shorter than its name says: somebody cut it.
        at = archive.end;
      } else {
        const bytes = (await readAt(livePath(this.#place), at, length)) ?? Buffer.alloc(0);
        // A hole reads as NUL; where there is none, nothing was punched.
        if (!bytes.includes(0) || (await surveyLog(this.#place)).start <= at) return { at, bytes };
      }
    }
  }

  /** Where the last so many lines before `end` begin. Reads backwards, and no further than it must. */
  async lastLines(count: number, { begin, end }: Extent, longest: number): Promise<number> {
    if (count <= 0) return end;
    // A line has at least its line feed: so many there can't be.
    if (count > end - begin) return begin;
    let left = count;
    /** Just behind the line that is being looked at: its line feed, or the end. */
    let lineEnd = end;
    let position = end;
    while (position > begin) {
      const { at, bytes } = await this.#readBefore(position, begin);
      let feed = bytes.lastIndexOf(10);
      // The last line feed of all ends the last line; it doesn't begin another.
      if (position === end && at + feed === end - 1) {
        lineEnd = end - 1;
        feed = lastFeedBefore(bytes, feed);
      }
      for (; feed !== -1; feed = lastFeedBefore(bytes, feed)) {
        const lineStart = at + feed + 1;
        const found = pieces(lineEnd - lineStart, longest);
        if (found >= left) return lineStart + (found - left) * longest;
        left -= found;
        lineEnd = at + feed;
      }
      if (bytes.length === 0 || lineEnd - at >= left * longest) return Math.max(at, lineEnd - left * longest);
      position = at;
    }
    const found = pieces(lineEnd - begin, longest);
    return found > left ? begin + (found - left) * longest : begin;
  }

  /** Up to 64 KiB that end at `end`; fewer where some are gone. */
  async #readBefore(end: number, begin: number): Promise<Chunk> {
    let from = Math.max(begin, end - backwardChunkSize);
    let parts: Buffer[] = [];
    for (let next = from; next < end; ) {
      const { at, bytes } = await this.read(next, end - next);
      if (at !== next) {
        parts = [];
        from = at;
      }
      if (bytes.length === 0 || at < next || at >= end) return { at: end, bytes: Buffer.alloc(0) };
      parts.push(bytes.subarray(0, end - at));
      next = at + bytes.length;
    }
    return { at: from, bytes: Buffer.concat(parts) };
  }
}

function extentOf(files: LogFiles): Extent {
  return { begin: unbroken(files)[0]?.start ?? files.start, end: files.size };
}

function lastFeedBefore(bytes: Buffer, feed: number): number {
  return feed <= 0 ? -1 : bytes.lastIndexOf(10, feed - 1);
}

/** `undefined`: there is no such file. */
async function readAt(path: string, at: number, length: number): Promise<Buffer | undefined> {
  const file = await open(path).catch(ignoreMissing);
  if (!file) return undefined;
  try {
    const buffer = Buffer.allocUnsafe(length);
    const { bytesRead } = await file.read(buffer, 0, length, at);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
