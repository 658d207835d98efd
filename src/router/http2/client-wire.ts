/**
 * What a client asks for on streams, one after another.
 *
 * - A stream that ends before its request and its response are whole ends the wire; so does one whose response was to
 *   be the last.
 * - A response that can't be completed ends in RST_STREAM, so that it is not taken for whole (RFC 9113, section 8.1).
 * - The body is as long as the request says, or the stream is reset: nothing behind it is ever read as a request.
 */
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { TrailerLimits } from '../http1/trailers.ts';
import type { WireOwner } from '../plane/wire.ts';
import { errorCode } from './codes.ts';
import { addFields, Fields, trailerLines } from './field-lines.ts';
import type { RequestLines } from './request-lines.ts';
import { type Carrying, cutOff, inChunks, noMessage, onWantTrailers, type Payload, StreamWire } from './stream-wire.ts';

export interface ClientWireHost {
  /** It can carry the next stream. */
  free(wire: ClientWire): void;
  /** The client took its request back before it was answered. */
  takenBack(): void;
}

export class ClientWire extends StreamWire {
  readonly #host: ClientWireHost;
  #isHead = false;
  /** Of the request's body: negative where it goes on in chunks. */
  #due = 0;
  #trailers = '';
  #isAsked = false;
  #isAnswered = false;
  /** No further stream is carried. */
  #isLast = false;
  /** The stream is to be reset once what was written is taken. */
  #isCut = false;
  #response: OutgoingHttpHeaders | undefined;
  /** Whether trailers follow the response, be it none. */
  #hasTrailers = false;

  constructor(owner: WireOwner, limits: TrailerLimits, host: ClientWireHost) {
    super(owner, limits);
    this.#host = host;
  }

  override get isOpen(): boolean {
    return !this.closed && !this.#isLast;
  }

  carry(stream: ServerHttp2Stream, { text, method, length }: RequestLines, ended: boolean): void {
    this.attach(stream);
    this.#isHead = method === 'HEAD';
    this.#due = length;
    this.#trailers = '';
    this.#isAsked = ended;
    this.#isAnswered = false;
    this.#isCut = false;
    this.#response = undefined;
    this.#hasTrailers = false;
    // One that has ended Node reads by itself once it is closed: before, it costs the stream's early destruction.
    if (ended) this.tell(text);
    else {
      this.tellSoon(text);
      this.listen(stream);
    }
  }

  override end(): void {
    this.#isLast = true;
    if (!this.stream) this.#close();
    else if (!this.#isAnswered) this.reset();
  }

  override finish(): void {
    this.#isLast = true;
    this.#isCut = true;
    if (!this.stream || this.stream.writableLength === 0) this.reset();
  }

  /** A response that is under way to a client that takes it goes on without it. */
  override destroy(): void {
    if (this.#isAnswered && !this.blocked) this.#close();
    else this.reset();
  }

  override reset(): void {
    const { stream } = this;
    this.#close();
    if (stream) cutOff(stream, errorCode.INTERNAL_ERROR);
  }

  protected override opened(head: string): number {
    const status = Number(head.slice(9, 12));
    const fields = new Fields();
    fields[':status'] = status;
    const { framing } = this;
    const fieldsStart = head.indexOf('\r\n') + 2;
    if (fieldsStart > 1) addFields(fields, framing, head, fieldsStart, head.length);
    if (status < 200) {
      if (this.#canSend) (this.stream as ServerHttp2Stream).additionalHeaders(fields);
      return noMessage;
    }
    this.#response = fields;
    if (this.#isHead || status === 204 || status === 304) return 0;
    return framing.chunked ? inChunks : Math.max(framing.length, 0);
  }

  protected override sent(payload: Payload, isLast: boolean, trailers: OutgoingHttpHeaders | undefined): void {
    if (!this.#canSend) return;
    const stream = this.stream as ServerHttp2Stream;
    const response = this.#response;
    if (response) {
      this.#response = undefined;
      const isBare = isLast && payload.length === 0 && !trailers;
      this.#hasTrailers = trailers !== undefined || (!isLast && this.framing.chunked);
      if (this.#hasTrailers) stream.on('wantTrailers', onWantTrailers);
      stream.respond(response, { endStream: isBare, waitForTrailers: this.#hasTrailers });
    }
    (stream as Carrying).trailers = trailers;
    if (isLast || payload.length > 0) this.put(stream, payload, isLast);
    if (!isLast) return;
    this.#isAnswered = true;
    if (!this.#hasTrailers) this.#letRestBe(stream);
  }

  override came(chunk: Buffer): void {
    if (this.#due < 0) {
      this.tellChunkSoon(chunk);
      return;
    }
    if (chunk.length > this.#due) {
      this.#refuse();
      return;
    }
    this.#due -= chunk.length;
    this.tellSoon(chunk);
  }

  override trailersCame(raw: readonly string[]): void {
    const lines = trailerLines(raw);
    if (lines === undefined) this.#refuse();
    else this.#trailers = lines;
  }

  protected override cameToEnd(): void {
    this.#isAsked = true;
    if (this.#due > 0) this.#refuse();
    else this.tell(this.#due < 0 ? `0\r\n${this.#trailers}\r\n` : '');
  }

  override trailersSent(): void {
    const stream = this.stream as ServerHttp2Stream;
    if (!this.#isAsked) setImmediate(() => this.#letRestBe(stream)); // Not before they are sent.
  }

  override streamAborted(): void {
    if (!this.#isAnswered) this.#host.takenBack();
    this.#close();
  }

  protected override streamClosed(): void {
    if (!this.#isAsked || !this.#isAnswered || this.#isLast) {
      this.#close();
      return;
    }
    this.detach();
    this.unblock();
    this.#host.free(this);
  }

  protected override drained(): void {
    if (this.#isCut) this.reset();
  }

  get #canSend(): boolean {
    const { stream } = this;
    return stream !== undefined && !stream.destroyed && !stream.closed;
  }

  /** The rest of the request is not needed after the response (RFC 9113, section 8.1). */
  #letRestBe(stream: ServerHttp2Stream): void {
    if (!this.#isAsked) stream.close(errorCode.NO_ERROR);
  }

  #refuse(): void {
    const { stream } = this;
    this.#close();
    if (stream) cutOff(stream, errorCode.PROTOCOL_ERROR);
  }

  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.detach();
    this.owner.closed(undefined);
  }
}
