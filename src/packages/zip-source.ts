/** A zip file on disk, read synchronously through a small window: yauzl asks for a few bytes at a time. */
import { readSync } from 'node:fs';
import { RandomAccessReader } from 'yauzl';

export interface ZipSource {
  readonly fd: number;
  /** Where the zip begins in the file; what is before it (a `#!` line, a stub) is no part of it. */
  readonly start: number;
  readonly size: number;
}

const windowSize = 64 * 1024;
const endRecordSize = 22;
const endRecordSignature = 0x06054b50;
const longestComment = 0xffff;

/**
 * A zip with something in front of it: offsets in it may count from the file's start or, where the stub was put there
 * later, from the zip's own start (APPNOTE 4.4.16; Python and Java cope with both).
 */
export function zipAfterStub(fd: number, size: number): ZipSource {
  const tail = Buffer.alloc(Math.min(size, endRecordSize + longestComment));
  readSync(fd, tail, 0, tail.length, size - tail.length);
  for (let at = tail.length - endRecordSize; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== endRecordSignature) continue;
    const directoryEnd = size - tail.length + at;
    const start = directoryEnd - tail.readUInt32LE(at + 12) - tail.readUInt32LE(at + 16);
    if (start > 0) return { fd, start, size: size - start };
    break;
  }
  return { fd, start: 0, size };
}

export class WindowReader extends RandomAccessReader {
  readonly #source: ZipSource;
  readonly #window = Buffer.alloc(windowSize);
  #from = 0;
  #to = 0;

  constructor(source: ZipSource) {
    super();
    this.#source = source;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    let failure: Error | null = null;
    try {
      if (position < 0 || position + length > this.#source.size) throw new Error('it is cut short');
      this.#copy(buffer, offset, length, position);
    } catch (error) {
      failure = error as Error;
    }
    callback(failure);
  }

  #copy(buffer: Buffer, offset: number, length: number, position: number): void {
    for (let done = 0; done < length; ) {
      const at = position + done;
      if (at < this.#from || at >= this.#to) {
        this.#from = at;
        this.#to = at + readSync(this.#source.fd, this.#window, 0, windowSize, this.#source.start + at);
        if (this.#to === at) throw new Error('it is cut short');
      }
      done += this.#window.copy(
        buffer,
        offset + done,
        at - this.#from,
        Math.min(this.#to - this.#from, at - this.#from + length - done),
      );
    }
  }
}
