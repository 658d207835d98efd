/**
 * What an instance that speaks HTTP/2 is asked on streams of its sessions, one after another.
 *
 * - A stream that the instance says it has not looked at (RFC 9113, sections 6.8 and 8.7) is repeated on a session that
 *   takes it, as long as all that was sent on it is still known.
 * - A request that is no longer wanted is reset.
 */
import type { ClientHttp2Stream, Http2Stream, OutgoingHttpHeaders } from 'node:http2';
import { Readable } from 'node:stream';
import type { TrailerLimits } from '../http1/trailers.ts';
import type { WireOwner } from '../plane/wire.ts';
import { endStream, errorCode, errorName } from './codes.ts';
import { addFields, Fields, trailerLines } from './field-lines.ts';
import type { InstanceSession, SessionWire } from './instance-session.ts';
import { responseLines } from './response-lines.ts';
import { type Carrying, cutOff, inChunks, onWantTrailers, type Payload, StreamWire } from './stream-wire.ts';

const mostRemembered = 64 * 1024;
const mostRepeats = 2;
const nothing = Buffer.alloc(0);

export class InstanceWire extends StreamWire implements SessionWire {
  readonly #sessionWithRoom: () => InstanceSession;
  #session: InstanceSession;
  #request: OutgoingHttpHeaders | undefined;
  #isHead = false;
  #sendsChunks = false;
  /** All of the body that was written, until it can't be needed again. */
  #pieces: Payload[] | undefined;
  #size = 0;
  #isWhole = false;
  #ownTrailers: OutgoingHttpHeaders | undefined;
  #repeats = 0;
  /** For a session to be connected, with a request. */
  #waits = false;
  #isAnswering = false;
  /** END_STREAM has come. */
  #isEnded = false;
  #isAnswered = false;
  #getsChunks = false;
  #trailers = '';

  /** @param sessionWithRoom one that takes a stream, or that is being connected */
  constructor(owner: WireOwner, limits: TrailerLimits, sessionWithRoom: () => InstanceSession) {
    super(owner, limits);
    this.#sessionWithRoom = sessionWithRoom;
    this.#session = sessionWithRoom();
    this.#session.join(this);
    if (this.#session.isConnected) owner.connected();
  }

  override get isOpen(): boolean {
    return !this.closed && this.#session.isOpen;
  }

  connected(): void {
    if (this.#waits) this.#begin();
    else this.owner.connected();
  }

  sessionClosed(error: Error | undefined): void {
    this.#fail(error);
  }

  override end(): void {
    this.destroy();
  }

  override finish(): void {
    this.destroy();
  }

  override reset(): void {
    this.destroy();
  }

  override destroy(): void {
    if (this.closed) return;
    const { stream } = this;
    this.#close();
    if (stream) cutOff(stream, errorCode.CANCEL);
    process.nextTick(() => this.owner.closed(undefined));
  }

  protected override opened(head: string): number {
    this.detach();
    const fields = new Fields();
    const { framing } = this;
    const methodEnd = head.indexOf(' ');
    const lineEnd = head.indexOf('\r\n');
    const method = head.slice(0, methodEnd);
    fields[':method'] = method;
    fields[':scheme'] = 'http';
    fields[':path'] = head.slice(methodEnd + 1, head.lastIndexOf(' ', lineEnd));
    addFields(fields, framing, head, lineEnd + 2, head.length);
    const { host } = fields;
    if (host !== undefined) {
      delete fields['host'];
      if (host !== '') fields[':authority'] = host;
    }
    this.#request = fields;
    this.#isHead = method === 'HEAD';
    this.#sendsChunks = framing.chunked;
    this.#pieces = [];
    this.#size = 0;
    this.#isWhole = false;
    this.#ownTrailers = undefined;
    this.#repeats = 0;
    this.#isAnswering = false;
    this.#isEnded = false;
    this.#isAnswered = false;
    this.#trailers = '';
    return framing.chunked ? inChunks : Math.max(framing.length, 0);
  }

  protected override sent(payload: Payload, isLast: boolean, trailers: OutgoingHttpHeaders | undefined): void {
    this.#remember(payload);
    this.#isWhole = isLast;
    this.#ownTrailers = trailers;
    if (this.stream) {
      (this.stream as Carrying).trailers = trailers;
      if (isLast || payload.length > 0) this.put(this.stream, payload, isLast);
    } else if (!this.#waits && !this.#isAnswering) {
      if (this.#session.hasRoom) this.#begin();
      else this.#move();
    }
  }

  responseCame(flags: number, raw: readonly string[]): void {
    const { stream } = this;
    const lines = responseLines(raw, this.#isHead, (flags & endStream) !== 0);
    this.#isAnswering = true;
    this.#pieces = undefined;
    if (!stream || !lines) {
      this.#refuse();
      return;
    }
    this.#getsChunks = lines.inChunks;
    if (lines.hasBody) {
      this.tellSoon(lines.text);
      this.listen(stream);
    } else {
      stream.resume();
      this.#answered();
      this.tell(lines.text);
    }
  }

  informationCame(raw: readonly string[]): void {
    const lines = responseLines(raw, this.#isHead, false);
    this.#isAnswering = true;
    this.#pieces = undefined;
    if (lines) this.tell(lines.text);
    else this.#refuse();
  }

  override came(chunk: Buffer): void {
    if (this.#getsChunks) this.tellChunkSoon(chunk);
    else this.tellSoon(chunk);
  }

  override trailersCame(raw: readonly string[]): void {
    const lines = trailerLines(raw);
    this.#isEnded = true;
    if (lines === undefined) this.#refuse();
    else this.#trailers = lines;
  }

  endStreamCame(): void {
    this.#isEnded = true;
  }

  protected override cameToEnd(): void {
    if (!this.#isEnded) return; // That the stream is closed follows.
    this.#answered();
    this.tell(this.#getsChunks ? `0\r\n${this.#trailers}\r\n` : '');
  }

  /** That it is closed follows. */
  override streamAborted(): void {}

  protected override streamClosed(): void {
    const code = this.stream?.rstCode ?? 0;
    this.detach();
    if (this.#isAnswered) return;
    const isRepeated =
      code === errorCode.REFUSED_STREAM && this.#pieces !== undefined && this.#repeats < mostRepeats && !this.closed;
    if (isRepeated) {
      this.#repeats += 1;
      this.#move();
    } else if (!this.#session.isLost) this.#failReset(code);
  }

  /** The last of the response is told next. Where the request is not whole, there is something left to reset. */
  #answered(): void {
    this.#isAnswered = true;
    if (this.#isWhole) this.detach();
  }

  #remember(payload: Payload): void {
    if (!this.#pieces || payload.length === 0) return;
    this.#size += payload.length;
    this.#pieces.push(payload);
    if (this.#size > mostRemembered && this.stream) this.#pieces = undefined;
  }

  /** To a session that has room, where the request is sent from its beginning. */
  #move(): void {
    const before = this.#session;
    this.#session = this.#sessionWithRoom();
    this.#session.join(this);
    if (before !== this.#session) before.leave(this);
    if (this.#session.isConnected) this.#begin();
    else {
      this.#waits = true;
      this.blocked = true;
    }
  }

  #begin(): void {
    const pieces = this.#pieces ?? [];
    const isWhole = this.#isWhole;
    const trailers = this.#ownTrailers;
    this.#waits = false;
    const endStream = isWhole && pieces.length === 0 && !trailers;
    const waitForTrailers = trailers !== undefined || (!isWhole && this.#sendsChunks);
    const stream = this.#session.request(this.#request as OutgoingHttpHeaders, { endStream, waitForTrailers });
    this.attach(stream);
    stream.push = onPush;
    stream.on('response', onResponse).on('headers', onInformation);
    if (waitForTrailers) {
      (stream as Carrying).trailers = trailers;
      stream.on('wantTrailers', onWantTrailers);
    }
    for (const [index, piece] of pieces.entries()) this.put(stream, piece, isWhole && index === pieces.length - 1);
    if (isWhole && pieces.length === 0) this.put(stream, '', true);
    if (stream.writableLength === 0) this.unblock();
  }

  #refuse(): void {
    const { stream } = this;
    this.#failReset(errorCode.PROTOCOL_ERROR);
    if (stream) cutOff(stream, errorCode.PROTOCOL_ERROR);
  }

  /** The instance has spoken: the request was not just lost with its connection. */
  #failReset(code: number): void {
    const name = errorName(code);
    if (!this.closed) this.owner.received(nothing, 0, 0);
    this.#fail(new Error(`the stream was reset: ${name}`));
  }

  #fail(error: Error | undefined): void {
    if (this.closed) return;
    this.#close();
    this.owner.closed(error);
  }

  #close(): void {
    this.closed = true;
    this.detach();
    this.#session.leave(this);
  }
}

function wireOf(stream: Http2Stream): InstanceWire | undefined {
  return (stream as Carrying).wire as InstanceWire | undefined;
}

/**
 * Node ends what is read also where a stream is reset without an error: it is the instance that ends it only as long as
 * Node does not call the stream closed.
 */
function onPush(this: ClientHttp2Stream, chunk: unknown, encoding?: BufferEncoding): boolean {
  if (chunk === null && !this.closed) wireOf(this)?.endStreamCame();
  return Readable.prototype.push.call(this, chunk, encoding);
}

function onResponse(this: Http2Stream, _fields: unknown, flags: number, raw: readonly string[]): void {
  wireOf(this)?.responseCame(flags, raw);
}

function onInformation(this: Http2Stream, _fields: unknown, _flags: number, raw: readonly string[]): void {
  wireOf(this)?.informationCame(raw);
}
