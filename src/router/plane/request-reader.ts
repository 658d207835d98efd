/**
 * Reads requests off a client's connection, one after another.
 *
 * - A request is begun only when whoever takes requests is ready for it. What came too early is kept, and no more is to
 *   be read.
 * - After a message that can't be understood, nothing that follows it is read.
 */
import { Body, type BodyKind } from '../http1/body.ts';
import type { Rejection } from '../http1/rejection.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { ForwardLimits } from './forwarder.ts';
import type { Wire } from './wire.ts';

const preface = 'PRI * HTTP/2.0\r\n';

export interface RequestTaker {
  readonly wire: Wire;
  /** Whether a request can be begun. */
  readonly takesRequest: boolean;
  /** Whether octets that can't be read yet are needed later. */
  readonly takesLater: boolean;
  /** The octets from `start` on begin like the preface of HTTP/2. @returns whether they are spoken for */
  prefaced(bytes: Buffer, start: number, end: number): boolean;
  /** A part of a head came. */
  beginning(): void;
  /**
   * A request's head is whole. The octets [start, end) of its body came with it.
   * @param head is used for the next one soon: what is needed for longer is to be copied
   */
  begun(head: RequestHead, bytes: Buffer, start: number, end: number): void;
  /** Octets [start, end) of its body came later. */
  continued(bytes: Buffer, start: number, end: number): void;
  /** Octets behind the request under way are kept. */
  review(): void;
  rejected(rejection: Rejection): void;
}

export class RequestReader {
  readonly #head: RequestHead;
  readonly body: Body;
  /** 0 or 1, of HTTP/1.x, by the head that was read last. */
  minor = 1;
  readonly #taker: RequestTaker;
  /** Octets that came too early. */
  #held: Buffer | undefined;
  #heldStart = 0;
  #heldEnd = 0;
  /** What is being read, where it was held before. */
  #reading: Buffer | undefined;
  /** Octets are being read: who becomes ready for a request meanwhile gets it from there. */
  isReading = false;

  /** @param head to read heads with */
  constructor(head: RequestHead, limits: ForwardLimits, taker: RequestTaker) {
    this.#head = head;
    this.#taker = taker;
    this.body = new Body(limits);
  }

  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  /** Begins what can be begun of the octets, and keeps the rest. */
  read(bytes: Buffer, from: number, end: number): void {
    const taker = this.#taker;
    this.isReading = true;
    let start = from;
    while (start < end) {
      if (!taker.takesRequest) {
        if (taker.takesLater) this.#hold(bytes, start, end);
        break;
      }
      const scan = this.#head.scan(bytes, start, end);
      this.minor = this.#head.minor;
      if (scan === 'more') {
        taker.wire.keep(bytes, start, end);
        taker.beginning();
        break;
      }
      if (scan !== 'done') {
        if (scan === 'version-unsupported' && isPreface(bytes, start) && taker.prefaced(bytes, start, end)) break;
        taker.rejected(scan);
        break;
      }
      start = this.#begin(bytes, end);
    }
    this.isReading = false;
  }

  /** Reads on in the body of the request under way. What comes behind it is none of it, and is not told as such. */
  readBody(bytes: Buffer, start: number, end: number): void {
    const { body } = this;
    if (body.done) {
      this.#hold(bytes, start, end);
      this.#taker.review();
      return;
    }
    const stop = body.take(bytes, start, end);
    if (body.rejection) {
      this.#taker.rejected(body.rejection);
      return;
    }
    if (stop < end) this.#hold(bytes, stop, end);
    this.#taker.continued(bytes, start, body.passEnd);
  }

  /** Reads what was held, if anything was. */
  readHeld(): void {
    const held = this.#held;
    if (!held) return;
    this.#held = undefined;
    this.#reading = held;
    this.read(held, this.#heldStart, this.#heldEnd);
    this.#reading = undefined;
  }

  /** Gives what was held to another reader. */
  handHeldTo(received: (bytes: Buffer, start: number, end: number) => void): void {
    const held = this.#held;
    this.#held = undefined;
    if (held) received(held, this.#heldStart, this.#heldEnd);
  }

  dropHeld(): void {
    this.#held = undefined;
  }

  /** @returns behind what is the request's of the octets; behind a body that is not whole there is nothing yet */
  #begin(bytes: Buffer, end: number): number {
    const { body } = this;
    const head = this.#head;
    body.begin(bodyKind(head), head.framing, head.options.nominated);
    const stop = body.take(bytes, head.end, end);
    if (body.rejection) {
      this.#taker.rejected(body.rejection);
      return end;
    }
    this.#taker.begun(head, bytes, head.end, body.passEnd);
    return stop;
  }

  /** What was held before, and is still not read, stays where it is. */
  #hold(bytes: Buffer, start: number, end: number): void {
    const isMine = bytes === this.#reading;
    this.#held = isMine ? bytes : Buffer.from(bytes.subarray(start, end));
    this.#heldStart = isMine ? start : 0;
    this.#heldEnd = this.#heldStart + end - start;
  }
}

/** Of a connection of HTTP/2 (RFC 9113, section 3.4): what comes behind it is read with it. */
function isPreface(bytes: Buffer, start: number): boolean {
  return bytes.toString('latin1', start, start + preface.length) === preface;
}

/** RFC 9112, section 6.3: a request without framing has no body. */
function bodyKind({ framing }: RequestHead): BodyKind {
  if (framing.chunked) return 'chunked';
  return framing.length >= 0 ? 'length' : 'none';
}
