/** Counts the octets of a body off, in whichever way it is framed, so that its end is known to the octet. */
import { ChunkFollower, type PayloadSink } from './chunks.ts';
import type { Framing } from './framing.ts';
import type { Rejection } from './rejection.ts';
import type { TrailerLimits } from './trailers.ts';

/** `eof`: it ends with the connection. */
export type BodyKind = 'none' | 'length' | 'chunked' | 'eof';

export class Body {
  readonly #chunks: ChunkFollower;
  #left = 0;
  #length = 0;
  #most = Number.POSITIVE_INFINITY;
  kind: BodyKind = 'none';
  done = true;
  rejection: Rejection | undefined;
  /** How far the octets last taken can be passed on as they are. */
  passEnd = 0;

  constructor(limits: TrailerLimits) {
    this.#chunks = new ChunkFollower(limits);
  }

  /** What ends the message, to be sent after the octets passed on; only once it is done. */
  get tail(): string {
    return this.kind === 'chunked' ? this.#chunks.tail : '';
  }

  /** @param nominated trailers that Connection tells to drop, in lower case */
  begin(kind: BodyKind, framing: Framing, nominated: ReadonlySet<string> | undefined): void {
    this.kind = kind;
    this.#length = kind === 'length' ? framing.length : 0;
    this.#left = this.#length;
    this.#most = Number.POSITIVE_INFINITY;
    this.rejection = undefined;
    this.done = kind === 'none' || (kind === 'length' && framing.length === 0);
    if (kind === 'chunked') this.#chunks.begin(nominated);
  }

  /** From now on, and for what was taken already. @param most bytes of content that are accepted */
  limitTo(most: number): void {
    this.#most = most;
    const told = this.kind === 'chunked' ? this.#chunks.announced : this.#length;
    if (told > most) this.rejection ??= 'body-too-large';
  }

  /**
   * @param payload is told the content among the octets, where it is in chunks
   * @returns where the message's octets end among those in [start, end)
   */
  take(bytes: Buffer, start: number, end: number, payload?: PayloadSink): number {
    this.passEnd = start;
    if (this.done || this.rejection !== undefined) return start;
    if (this.kind === 'length') {
      const stop = Math.min(end, start + this.#left);
      this.#left -= stop - start;
      this.done = this.#left === 0;
      this.passEnd = stop;
      return stop;
    }
    if (this.kind === 'chunked') {
      const stop = this.#chunks.follow(bytes, start, end, payload);
      this.passEnd = this.#chunks.passEnd;
      this.done = this.#chunks.done;
      this.rejection = this.#chunks.rejection;
      if (this.#chunks.announced > this.#most) this.rejection ??= 'body-too-large';
      return stop;
    }
    this.passEnd = end;
    return end;
  }

  /** The connection was ended by the other side. @returns whether the body is whole */
  ended(): boolean {
    if (this.kind === 'eof') this.done = true;
    return this.done;
  }
}
