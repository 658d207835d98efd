/**
 * A stream of HTTP/2 as a wire that messages of HTTP/1.1 go over: one message each way to a stream, and stream after
 * stream. So whoever speaks HTTP/1.1 on it need not know.
 *
 * - A head is written whole, and at the end of what is written stands either its own or some of the body that follows.
 * - What is written is copied: Node holds on to it for longer than memory is lent.
 * - Node tells only later that something was taken, even if it was at once. So the wire is not blocked before much waits.
 */
import type { Http2Stream, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Milliseconds } from '../../domain/clock.ts';
import { ChunkFollower } from '../http1/chunks.ts';
import type { TrailerLimits } from '../http1/trailers.ts';
import { Remainder } from '../plane/remainder.ts';
import type { Wire, WireOwner } from '../plane/wire.ts';
import { addFields, Fields, type LineFraming } from './field-lines.ts';
import { Gathering } from './gathering.ts';

const mostWaiting = 64 * 1024;
const headEnd = '\r\n\r\n';

/** Octets of a body; text is latin1. */
export type Payload = string | Buffer;

/** What {@link StreamWire.opened} says of a body. */
export const inChunks = -1;
/** No message begins: a response before the last one. */
export const noMessage = -2;

/** Streams find their wire by this: listeners are the same for all of them. */
export interface Carrying {
  wire?: StreamWire | undefined;
  /** That are to follow what is written. */
  trailers?: OutgoingHttpHeaders | undefined;
}

export abstract class StreamWire implements Wire {
  readonly spokenVersion = '2.0';
  protected owner: WireOwner;
  protected stream: Http2Stream | undefined;
  protected readonly framing: LineFraming = { length: -1, chunked: false };
  readonly #limits: TrailerLimits;
  readonly #remainder = new Remainder();
  readonly #gathering = new Gathering(() => this.#tellGathered());
  /** Of what is written: made when the first body in chunks is. */
  #chunks: ChunkFollower | undefined;
  #inBody = false;
  #left = 0;
  #pieces: Buffer[] = [];
  #isPaused = false;
  /** Whether that nothing more comes is to be told yet. */
  #end: 'told' | 'held' | 'due' = 'told';
  /** The stream is closed, which is told after that. */
  #isGone = false;
  blocked = false;
  closed = false;

  constructor(owner: WireOwner, limits: TrailerLimits) {
    this.owner = owner;
    this.#limits = limits;
  }

  abstract get isOpen(): boolean;

  start(): void {}

  handTo(owner: WireOwner): void {
    this.owner = owner;
  }

  write(data: string | Buffer): void {
    if (this.closed) return;
    let from = 0;
    if (!this.#inBody) {
      from = typeof data === 'string' ? data.indexOf(headEnd) : data.indexOf(headEnd, 0, 'latin1');
      const length = this.opened(typeof data === 'string' ? data.slice(0, from) : data.toString('latin1', 0, from));
      if (length === noMessage) return;
      from += headEnd.length;
      this.#inBody = true;
      this.#left = length;
      if (length === inChunks) this.#beginChunks();
    }
    // Node copies text by itself.
    const payload = typeof data === 'string' ? data.slice(from) : Buffer.from(data.subarray(from));
    if (this.#left === inChunks)
      this.#sendChunks(typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload);
    else {
      this.#left -= payload.length;
      this.#inBody = this.#left > 0;
      this.sent(payload, !this.#inBody, undefined);
    }
  }

  keep(bytes: Buffer, start: number, end: number): void {
    this.#remainder.keep(bytes, start, end);
  }

  pause(): void {
    this.#isPaused = true;
    this.stream?.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#gathering.wait();
    this.stream?.resume();
    if (this.#end === 'held') {
      this.#end = 'due';
      process.nextTick(this.#tellEnd, this.stream);
    }
  }

  /** Node tells of the end also while it is told to pause. */
  endCame(): void {
    if (this.#isPaused) this.#end = 'held';
    else this.cameToEnd();
  }

  closeCame(): void {
    this.#tellGathered();
    if (this.#end === 'told') this.streamClosed();
    else this.#isGone = true;
  }

  abstract end(): void;
  abstract finish(patience: Milliseconds): void;
  abstract destroy(): void;
  abstract reset(): void;

  /** A head was written. @returns the length of its body, or {@link inChunks} or {@link noMessage} */
  protected abstract opened(head: string): number;

  /** Some of the body was written. @param trailers only with the last of it */
  protected abstract sent(payload: Payload, isLast: boolean, trailers: OutgoingHttpHeaders | undefined): void;

  /** Of the stream's own listeners. */
  abstract came(chunk: Buffer): void;
  abstract trailersCame(raw: readonly string[]): void;
  protected abstract cameToEnd(): void;
  trailersSent(): void {}
  abstract streamAborted(): void;
  protected abstract streamClosed(): void;

  protected attach(stream: Http2Stream): void {
    this.stream = stream;
    this.#isPaused = false;
    this.#gathering.drop();
    (stream as Carrying).wire = this;
    stream.on('aborted', onAborted).on('close', onClose).on('error', onError);
  }

  /** The stream goes on without it. */
  protected detach(): void {
    if (this.stream) (this.stream as Carrying).wire = undefined;
    this.stream = undefined;
    this.#inBody = false;
    this.#end = 'told';
    this.#isGone = false;
  }

  /** A body comes. */
  protected listen(stream: Http2Stream): void {
    stream.on('data', onData).on('end', onEnd).on('trailers', onTrailers);
  }

  /** The owner gets it at once, behind what it is to get soon. */
  protected tell(text: string): void {
    this.#gathering.add(text);
    this.#gathering.tell(this.#hand);
  }

  /** The owner gets it soon, with what else comes. @param piece text is latin1 */
  protected tellSoon(piece: string | Buffer): void {
    this.#gathering.add(piece);
    this.#gathering.wait();
  }

  /** The owner gets octets as a chunk, soon. */
  protected tellChunkSoon(chunk: Buffer): void {
    this.tellSoon(`${chunk.length.toString(16)}\r\n`);
    this.tellSoon(chunk);
    this.tellSoon('\r\n');
  }

  protected put(stream: Http2Stream, payload: Payload, isLast: boolean): void {
    if (stream.writableEnded) return;
    if (isLast && payload.length === 0) stream.end();
    else {
      stream.write(payload, 'latin1', this.#taken);
      if (isLast) stream.end();
    }
    if (stream.writableLength > mostWaiting) this.blocked = true;
  }

  /** What was written is taken, or will never be. */
  protected unblock(): void {
    if (!this.blocked) return;
    this.blocked = false;
    if (!this.closed) this.owner.flushed();
  }

  /** All that was written so far is taken. */
  protected drained(): void {}

  readonly #hand = (octets: Buffer, length: number): void => {
    this.#remainder.deliver(octets, length, this.owner);
  };

  #tellGathered(): void {
    if (!this.#isPaused && !this.closed) this.#gathering.tell(this.#hand);
  }

  #beginChunks(): void {
    this.#chunks ??= new ChunkFollower(this.#limits);
    this.#chunks.begin(undefined);
  }

  #sendChunks(octets: Buffer): void {
    const chunks = this.#chunks as ChunkFollower;
    chunks.follow(octets, 0, octets.length, this.#collect);
    const pieces = this.#pieces;
    const payload = pieces.length === 1 ? (pieces[0] as Buffer) : pieces.length === 0 ? '' : Buffer.concat(pieces);
    pieces.length = 0;
    this.#inBody = !chunks.done;
    if (chunks.done) this.sent(payload, true, chunks.tail === '' ? undefined : trailersOf(chunks.tail));
    else this.sent(payload, false, undefined);
  }

  readonly #tellEnd = (stream: Http2Stream | undefined): void => {
    if (stream !== this.stream || this.#end !== 'due') return;
    if (this.#isPaused) {
      this.#end = 'held';
      return;
    }
    this.#end = 'told';
    const isGone = this.#isGone;
    this.cameToEnd();
    if (isGone && stream === this.stream) this.streamClosed();
  };

  readonly #collect = (bytes: Buffer, start: number, end: number): void => {
    this.#pieces.push(bytes.subarray(start, end));
  };

  readonly #taken = (error?: Error | null): void => {
    const { stream } = this;
    if (error || this.closed || !stream) return;
    if (stream.writableLength === 0) this.drained();
    if (this.blocked && stream.writableLength <= mostWaiting) this.unblock();
  };
}

/** Resets it. To close it would end what was written, if that was not ended before: it would look whole. */
export function cutOff(stream: Http2Stream, code: number): void {
  if (stream.destroyed) return;
  if (stream.writableEnded || stream.pending || (stream as ServerHttp2Stream).headersSent === false) stream.close(code);
  else stream.destroy(new Error('cut off'));
}

function trailersOf(lines: string): OutgoingHttpHeaders {
  const fields = new Fields();
  addFields(fields, { length: -1, chunked: false }, lines, 0, lines.length - 2);
  return fields;
}

function onData(this: Http2Stream, chunk: Buffer): void {
  (this as Carrying).wire?.came(chunk);
}

function onTrailers(this: Http2Stream, _fields: unknown, _flags: number, raw: readonly string[]): void {
  const { wire } = this as Carrying;
  if (!wire) return;
  wire.trailersCame(raw);
  this.push(null); // They end the stream, which Node tells of only when both sides have.
}

function onEnd(this: Http2Stream): void {
  (this as Carrying).wire?.endCame();
}

export function onWantTrailers(this: Http2Stream): void {
  if (this.destroyed || this.closed) return;
  const { wire, trailers = {} } = this as Carrying;
  this.sendTrailers(trailers);
  wire?.trailersSent();
}

function onAborted(this: Http2Stream): void {
  (this as Carrying).wire?.streamAborted();
}

function onClose(this: Http2Stream): void {
  (this as Carrying).wire?.closeCame();
}

/** Its `close` follows. */
function onError(): void {}
