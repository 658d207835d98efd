/** A response on its way to the client: its body as it comes, or framed anew where the client needs that. */
import type { Body } from '../http1/body.ts';
import type { Coding } from '../policy/coding.ts';
import { Compressor } from '../policy/compressor.ts';
import { joined } from './message.ts';
import type { Wire } from './wire.ts';

/**
 * `raw`: as it comes. `chunks`: its end is the connection's, so it is put into chunks. `content`: it comes in chunks,
 * and the client knows none. `coded`: its content is compressed on the way, and put into chunks.
 */
type Passing = 'raw' | 'chunks' | 'content' | 'coded';

export interface ReplyOwner {
  /** What is compressed has been sent, up to the point from which on it can take more. */
  replyDrained(): void;
  /** All is sent, after {@link Reply.end} had to leave it to later. */
  replyEnded(): void;
  replyFailed(): void;
}

export class Reply {
  readonly #wire: Wire;
  readonly #owner: ReplyOwner;
  #passing: Passing = 'raw';
  #content = '';
  #compressor: Compressor | undefined;
  #body: Body | undefined;
  #tail = '';
  /** Octets that went out; whoever adds them up sets it back. */
  sent = 0;
  /** Whether its end can be told without the end of the connection. */
  isDelimited = true;
  /** Whether the client gets chunks. */
  isChunked = false;

  constructor(wire: Wire, owner: ReplyOwner) {
    this.#wire = wire;
    this.#owner = owner;
  }

  /** Whether no more of the body should come for now. */
  get isFull(): boolean {
    return this.#compressor ? this.#compressor.isFull : this.#wire.blocked;
  }

  get isCoded(): boolean {
    return this.#passing === 'coded';
  }

  /**
   * @param minor of the client's HTTP version
   * @param coding to compress the content with, if that can be done now; only for a client that knows chunks
   */
  begin(body: Body, minor: number, coding: Coding | undefined): void {
    this.#passing = 'raw';
    this.#body = body;
    if (body.kind === 'eof' && minor > 0) this.#passing = 'chunks';
    if (body.kind === 'chunked' && minor === 0) this.#passing = 'content';
    if (coding) this.#compressWith(coding);
    this.isDelimited = this.#passing !== 'content' && (body.kind !== 'eof' || minor > 0);
    this.isChunked = this.isCoded || (minor > 0 && (body.kind === 'chunked' || body.kind === 'eof'));
  }

  /** Counts off what of the octets is the body's. @returns where that ends */
  take(body: Body, bytes: Buffer, start: number, end: number): number {
    if (this.#passing === 'raw' || this.#passing === 'chunks') return body.take(bytes, start, end);
    if (this.#passing === 'content') {
      this.#content = '';
      return body.take(bytes, start, end, this.#collect);
    }
    if (body.kind === 'chunked') return body.take(bytes, start, end, this.#compress);
    const stop = body.take(bytes, start, end);
    this.#compress(bytes, start, body.passEnd);
    return stop;
  }

  /** @param head what goes before; the rest is what was taken last, from `start` on */
  send(head: string, body: Body, bytes: Buffer, start: number): void {
    const end = body.passEnd;
    if (this.#passing === 'raw') this.#write(joined(head, bytes, start, end, body.done ? body.tail : ''));
    else if (this.#passing === 'content') this.#write(head + this.#content);
    else if (this.isCoded || start === end) this.#write(head);
    else this.#write(joined(`${head}${(end - start).toString(16)}\r\n`, bytes, start, end, '\r\n'));
  }

  /** The body is complete. @returns whether all of it is sent */
  end(): boolean {
    if (this.#passing === 'chunks') this.#write('0\r\n\r\n');
    if (!this.#compressor) return true;
    this.#tail = this.#body?.tail ?? '';
    this.#compressor.end();
    return false;
  }

  /** The client has taken what was sent. */
  flushed(): void {
    this.#compressor?.resume();
  }

  /** Nothing more of it is sent. */
  leave(): void {
    if (!this.#compressor) return;
    this.#compressor.destroy();
    this.#compressor = undefined;
  }

  #write(piece: string | Buffer): void {
    if (piece.length === 0) return;
    this.sent += piece.length;
    this.#wire.write(piece);
  }

  #compressWith(coding: Coding): void {
    this.#compressor = Compressor.begin(coding, {
      compressed: bytes => {
        this.#write(joined(`${bytes.length.toString(16)}\r\n`, bytes, 0, bytes.length, '\r\n'));
        if (this.#wire.blocked) this.#compressor?.pause();
      },
      drained: () => this.#owner.replyDrained(),
      finished: () => {
        this.#write(`0\r\n${this.#tail || '\r\n'}`);
        this.#compressor = undefined;
        this.#owner.replyEnded();
      },
      failed: () => this.#owner.replyFailed(),
    });
    if (this.#compressor) this.#passing = 'coded';
  }

  readonly #compress = (bytes: Buffer, start: number, end: number): void => {
    this.#compressor?.write(bytes, start, end);
  };

  readonly #collect = (bytes: Buffer, start: number, end: number): void => {
    this.#content += bytes.toString('latin1', start, end);
  };
}
