/**
 * A connection to an instance. It carries one request at a time and reads its response.
 *
 * - While it carries nothing, whatever happens on it ends it: octets that nobody asked for can't be an answer.
 * - Of a request that it carries it tells, in this order: `connected`, any `informed`, then `answered`, any `passed`
 *   and `completed`; or instead of what is still due, `failed`, after which it tells nothing. After `switched` its wire
 *   is another's.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import type { Upstream } from '../balancer/upstream.ts';
import { Body, type BodyKind } from '../http1/body.ts';
import { detailOf, type Rejection } from '../http1/rejection.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import { brokenOff, type Failure, failure } from './failure.ts';
import type { ForwardLimits } from './forwarder.ts';
import type { Wire, WireOwner } from './wire.ts';

/** What it carries. */
export interface Carried {
  /** Whether a response to it has no body, whatever its head says. */
  readonly isHead: boolean;
  connected(): void;
  informed(bytes: Buffer, head: ResponseHead): void;
  /** Octets [start, end) came after it. What of them is not the body's is an overrun. */
  answered(bytes: Buffer, head: ResponseHead, body: Body, start: number, end: number): void;
  switched(bytes: Buffer, head: ResponseHead, start: number, end: number): void;
  /** Octets [start, end) came for the body. */
  passed(bytes: Buffer, body: Body, start: number, end: number): void;
  completed(): void;
  failed(failure: Failure): void;
  upstreamFlushed(): void;
}

export class UpstreamConnection implements WireOwner {
  readonly upstream: Upstream;
  readonly wire: Wire;
  readonly #head: ResponseHead;
  readonly #body: Body;
  readonly #limits: ForwardLimits;
  #carried: Carried | undefined;
  #inBody = false;
  #gone: (connection: UpstreamConnection) => void;
  #reused = false;
  #answering = false;
  #persists = true;
  isConnected = false;
  /** Until when it may be kept, while it carries nothing. */
  idleUntil: Milliseconds = 0;
  /** How long it may be kept when it carries nothing. */
  idle: Milliseconds;

  /**
   * @param head to read heads with; what it has found is used at once
   * @param open makes its wire
   * @param gone is told when it is closed while it carries nothing
   */
  constructor(
    upstream: Upstream,
    limits: ForwardLimits,
    head: ResponseHead,
    open: (owner: WireOwner, upstream: Upstream) => Wire,
    gone: (connection: UpstreamConnection) => void,
  ) {
    this.upstream = upstream;
    this.#head = head;
    this.#body = new Body(limits);
    this.#limits = limits;
    this.idle = limits.poolIdle;
    this.#gone = gone;
    this.wire = open(this, upstream);
  }

  /** Whether another request can be sent on it after this one, which is through in both directions. */
  get isReusable(): boolean {
    return this.#persists && !this.wire.blocked && this.isOpen && this.idle > 0;
  }

  get isOpen(): boolean {
    return this.wire.isOpen;
  }

  carry(carried: Carried): void {
    this.#carried = carried;
    this.#inBody = false;
    this.#answering = false;
    if (this.isConnected) {
      this.#reused = true;
      carried.connected();
    }
  }

  /** It carries nothing any more, and tells nothing. */
  letGo(): void {
    this.#carried = undefined;
  }

  destroy(): void {
    this.#carried = undefined;
    this.wire.destroy();
  }

  connected(): void {
    this.isConnected = true;
    this.#carried?.connected();
  }

  received(bytes: Buffer, start: number, end: number): void {
    const carried = this.#carried;
    if (!carried) {
      this.wire.destroy();
      return;
    }
    if (!this.#inBody) this.#readHead(carried, bytes, start, end);
    else {
      carried.passed(bytes, this.#body, start, end);
      this.#afterPart(carried);
    }
  }

  ended(): void {
    const carried = this.#carried;
    this.#persists = false;
    if (!carried) this.wire.destroy();
    else if (this.#inBody && this.#body.ended()) carried.completed();
    else this.#fail(undefined);
  }

  flushed(): void {
    this.#carried?.upstreamFlushed();
  }

  closed(error: Error | undefined): void {
    this.#persists = false;
    if (this.#carried) this.#fail(error);
    else this.#gone(this);
  }

  #readHead(carried: Carried, bytes: Buffer, from: number, end: number): void {
    const head = this.#head;
    this.#answering = true;
    for (let start = from; start < end; ) {
      const scan = head.scan(bytes, start, end);
      if (scan === 'more') {
        this.wire.keep(bytes, start, end);
        return;
      }
      if (scan !== 'done') {
        this.#refuse(carried, scan);
        return;
      }
      if (!head.isInformational) {
        this.#answer(carried, bytes, end);
        return;
      }
      carried.informed(bytes, head);
      start = head.end;
    }
  }

  #answer(carried: Carried, bytes: Buffer, end: number): void {
    const head = this.#head;
    if (head.status === 101) {
      this.#persists = false;
      carried.switched(bytes, head, head.end, end);
      return;
    }
    const body = this.#body;
    this.#inBody = true;
    body.begin(bodyKind(head, carried.isHead), head.framing, head.options.nominated);
    this.#persists = head.options.persists(head.minor) && body.kind !== 'eof';
    this.idle = head.keptFor < 0 ? this.#limits.poolIdle : keptFor(head.keptFor);
    carried.answered(bytes, head, body, head.end, end);
    this.#afterPart(carried);
  }

  /** Octets behind the end of a response belong to no request. */
  overrun(): void {
    this.#persists = false;
  }

  #afterPart(carried: Carried): void {
    if (this.#carried !== carried) return;
    if (this.#body.rejection) this.#refuse(carried, this.#body.rejection);
    else if (this.#body.done) carried.completed();
  }

  #refuse(carried: Carried, rejection: Rejection): void {
    const cause =
      rejection === 'head-too-large' || rejection === 'too-many-fields'
        ? 'the head of the response is too large'
        : `the response is not valid HTTP: ${detailOf(rejection)}`;
    this.destroy();
    carried.failed(failure('later', cause));
  }

  #fail(error: Error | undefined): void {
    const carried = this.#carried;
    const kind = !this.isConnected ? 'connect' : this.#reused && !this.#answering ? 'stale' : 'later';
    this.destroy();
    carried?.failed(brokenOff(kind, error));
  }
}

/** RFC 9112, section 6.3. */
function bodyKind(head: ResponseHead, isHead: boolean): BodyKind {
  if (isHead || head.status === 204 || head.status === 304) return 'none';
  if (head.framing.chunked) return 'chunked';
  return head.framing.length >= 0 ? 'length' : 'eof';
}

const margin: Milliseconds = 1_000;
const longestIdle: Milliseconds = 60_000;

/** It is let go of before the instance closes it, since that may be at the moment of its reuse. */
function keptFor(seconds: number): Milliseconds {
  return Math.min(seconds * 1_000 - margin, longestIdle);
}
