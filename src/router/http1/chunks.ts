/**
 * Follows a chunked body (RFC 9112, section 7.1) without taking it apart: it says where the body ends, and refuses
 * what is not exactly of the form that everybody reads in the same way.
 *
 * - What was followed up to the trailers is passed on as it came, or its payload is told piece by piece.
 * - Trailers are held until they are complete, and those that may not be trailers are left out.
 */
import { ChunkExtension } from './chunk-extension.ts';
import { hexValue, octet } from './octets.ts';
import type { Rejection } from './rejection.ts';
import { type TrailerLimits, TrailerSection } from './trailers.ts';

/** Of all chunk extensions of a body together, in bytes. */
const mostExtensions = 16 * 1024;
const largest = Number.MAX_SAFE_INTEGER;
const longestSize = 16;

const at = { size: 0, extension: 1, sizeEnd: 2, data: 3, dataCr: 4, dataLf: 5, trailers: 6, done: 7 } as const;
type State = (typeof at)[keyof typeof at];

export type PayloadSink = (bytes: Buffer, start: number, end: number) => void;

export class ChunkFollower {
  readonly #trailers: TrailerSection;
  #state: State = at.size;
  #digits = 0;
  #left = 0;
  #extensions = 0;
  readonly #extension = new ChunkExtension();
  /** Bytes of payload that the sizes seen so far announce. */
  announced = 0;
  rejection: Rejection | undefined;
  /** How far the octets last followed can be passed on as they are. */
  passEnd = 0;

  constructor(limits: TrailerLimits) {
    this.#trailers = new TrailerSection(limits);
  }

  get done(): boolean {
    return this.#state === at.done;
  }

  /** What ends the message, where it was not among the octets passed on. */
  get tail(): string {
    return this.#trailers.text;
  }

  begin(nominated: ReadonlySet<string> | undefined): void {
    this.#state = at.size;
    this.#digits = 0;
    this.#left = 0;
    this.#extensions = 0;
    this.announced = 0;
    this.rejection = undefined;
    this.#trailers.begin(nominated);
  }

  /**
   * Follows the octets in [start, end).
   * @param payload is told the payload among them
   * @returns where it stopped: behind the message, or at what is rejected, else `end`
   */
  follow(bytes: Buffer, start: number, end: number, payload?: PayloadSink): number {
    let index = start;
    this.passEnd = end;
    while (index < end && this.rejection === undefined) {
      const code = bytes[index] as number;
      switch (this.#state) {
        case at.data: {
          const stop = Math.min(end, index + this.#left);
          payload?.(bytes, index, stop);
          this.#left -= stop - index;
          index = stop;
          if (this.#left === 0) this.#state = at.dataCr;
          continue;
        }
        case at.size:
          if (!this.#size(code)) return index;
          break;
        case at.extension:
          if (code === octet.cr && this.#extension.isWhole) this.#state = at.sizeEnd;
          else if (!this.#extension.take(code) || ++this.#extensions > mostExtensions) {
            this.rejection = code === octet.lf ? 'line-ending' : 'chunk-extension-invalid';
          }
          break;
        case at.sizeEnd:
          if (code !== octet.lf) this.rejection = 'line-ending';
          else if (this.#left > 0) this.#state = at.data;
          else {
            this.#state = at.trailers;
            this.passEnd = index + 1;
          }
          this.#digits = 0;
          break;
        case at.dataCr:
          if (code !== octet.cr) this.rejection = 'chunk-end-invalid';
          this.#state = at.dataLf;
          break;
        case at.dataLf:
          if (code !== octet.lf) this.rejection = 'chunk-end-invalid';
          this.#state = at.size;
          break;
        case at.trailers:
          return this.#followTrailers(bytes, index, end);
        case at.done:
          return index;
        default:
          this.#state satisfies never;
      }
      index++;
    }
    return index;
  }

  #size(code: number): boolean {
    const digit = hexValue[code] as number;
    if (digit < 16) {
      if (++this.#digits > longestSize || this.#left > (largest - digit) / 16) {
        this.rejection = 'chunk-size-invalid';
        return false;
      }
      this.#left = this.#left * 16 + digit;
      return true;
    }
    if (this.#digits === 0 || (code !== octet.cr && code !== octet.semicolon)) {
      this.rejection = code === octet.lf ? 'line-ending' : 'chunk-size-invalid';
      return false;
    }
    if (this.announced > largest - this.#left) {
      this.rejection = 'chunk-size-invalid';
      return false;
    }
    this.announced += this.#left;
    this.#state = code === octet.cr ? at.sizeEnd : at.extension;
    this.#extension.begin();
    return true;
  }

  #followTrailers(bytes: Buffer, index: number, end: number): number {
    const outcome = this.#trailers.take(bytes, index, end);
    this.passEnd = index;
    if (typeof outcome === 'string') {
      this.rejection = outcome;
      return index;
    }
    if (this.#trailers.done) {
      this.#state = at.done;
      if (this.#trailers.plain) this.passEnd = outcome;
    }
    return outcome;
  }
}
