/**
 * Compresses one body, piece by piece, on Node's worker threads.
 *
 * - What went in comes out before long: whenever all of it is worked off and no more is there yet, it is flushed, so an
 *   event stream stays one.
 * - It holds little: whoever writes stops while {@link Compressor.isFull}, whoever reads may pause it.
 * - There are never more than {@link mostAtOnce} in a process, as each takes up to a megabyte.
 */
import { type BrotliCompress, constants, createBrotliCompress, createGzip, type Gzip } from 'node:zlib';
import type { Coding } from './coding.ts';

const mostAtOnce = 128;
const fullAt = 64 * 1024;

let atOnce = 0;

export interface CompressorOwner {
  compressed(bytes: Buffer): void;
  /** It is no longer full. */
  drained(): void;
  /** All was told. */
  finished(): void;
  failed(error: Error): void;
}

export class Compressor {
  readonly #stream: BrotliCompress | Gzip;
  readonly #flush: number;
  readonly #owner: CompressorOwner;
  /** Octets that are not worked off. */
  #pending = 0;
  #isEnded = false;
  #isOver = false;

  private constructor(coding: Coding, owner: CompressorOwner) {
    this.#owner = owner;
    this.#stream = coding === 'br' ? brotli() : createGzip({ level: 5 });
    this.#flush = coding === 'br' ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH;
    this.#stream.on('data', (bytes: Buffer) => owner.compressed(bytes));
    this.#stream.on('end', () => {
      this.#leave();
      owner.finished();
    });
    this.#stream.on('error', error => {
      if (this.#isOver) return;
      this.destroy();
      owner.failed(error);
    });
    atOnce++;
  }

  /** `undefined`: there are too many already. */
  static begin(coding: Coding, owner: CompressorOwner): Compressor | undefined {
    return atOnce < mostAtOnce ? new Compressor(coding, owner) : undefined;
  }

  get isFull(): boolean {
    return this.#pending > fullAt;
  }

  /** The octets [start, end) are copied. */
  write(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (length === 0) return;
    this.#pending += length;
    this.#stream.write(Buffer.from(bytes.subarray(start, end)), error => {
      if (!error && !this.#isOver) this.#workedOff(length);
    });
  }

  end(): void {
    this.#isEnded = true;
    this.#stream.end();
  }

  /** Tells nothing more until {@link resume}. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  destroy(): void {
    this.#leave();
    this.#stream.destroy();
  }

  #workedOff(length: number): void {
    const wasFull = this.isFull;
    this.#pending -= length;
    if (this.#pending === 0 && !this.#isEnded) this.#stream.flush(this.#flush);
    if (wasFull && !this.isFull) this.#owner.drained();
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    atOnce--;
  }
}

function brotli(): BrotliCompress {
  return createBrotliCompress({
    params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 18 },
  });
}
