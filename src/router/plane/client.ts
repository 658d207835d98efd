/**
 * A client's connection: request after request, answered in their order.
 *
 * - A request is begun only when the response before it is complete and taken. What the client sends meanwhile is left
 *   where it is, and no more is read.
 * - After a message that can't be understood, nothing that follows it is read.
 * - A FIN may come from a client that waits for its answer or from one that is gone: a late answer is preceded by a
 *   probe, which one that is gone resets.
 * - Every state but `busy` has an end in time of its own; in `busy` the exchange has.
 */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import { Body, type BodyKind } from '../http1/body.ts';
import { detailOf, type Rejection, statusOf } from '../http1/rejection.ts';
import { RequestHead } from '../http1/request-head.ts';
import { type ClientSide, Exchange, type Surroundings } from './exchange.ts';
import { problemResponse } from './problem.ts';
import type { Tunnel } from './tunnel.ts';
import { Wire, type WireOwner } from './wire.ts';

/** What it needs of the plane. */
export interface ClientHost extends Surroundings {
  /** Now, to within `tick`. */
  readonly now: Milliseconds;
  readonly tick: Milliseconds;
  /** Connections end after the response under way. */
  readonly isRetiring: boolean;
  /** Those without a request are to end too. */
  readonly endsIdle: boolean;
  gone(client: Client): void;
}

/**
 * `idle`: no octet of a request came. `head`: a part of one. `busy`: a request is under way. `rest`: it is answered, and
 * the rest of its body is dropped. `closing`: nothing more is sent, and what comes is dropped, so that the client can
 * read what was sent. `tunnel`: octets go both ways.
 */
type State = 'idle' | 'head' | 'busy' | 'rest' | 'closing' | 'tunnel';

const firstProbe: Milliseconds = 1_000;

export class Client implements WireOwner, ClientSide {
  readonly wire: Wire;
  readonly body: Body;
  readonly origin: string;
  readonly #host: ClientHost;
  readonly #head: RequestHead;
  readonly #exchange: Exchange;
  #state: State = 'idle';
  /** When the state began. */
  #since: Milliseconds;
  /** When something last moved on either side. */
  #activity: Milliseconds;
  #isFirst = true;
  #isPumping = false;
  /** The response under way is the last one. */
  #isLast = false;
  #hasEnded = false;
  /** Octets that came too early. */
  #held: Buffer | undefined;
  #heldStart = 0;
  #heldEnd = 0;
  #tunnel: Tunnel | undefined;
  #probeAt: Milliseconds = 0;
  #probeAfter = firstProbe;

  constructor(host: ClientHost, socket: Socket, reuse: boolean) {
    const { limits } = host.plane;
    this.#host = host;
    this.#since = performance.now();
    this.#activity = this.#since;
    this.origin = `X-Forwarded-For: ${plainAddress(socket.remoteAddress)}\r\nX-Forwarded-Proto: http\r\n`;
    this.body = new Body(limits);
    this.#head = new RequestHead(limits);
    this.wire = Wire.accepted(this, socket, reuse);
    this.#exchange = new Exchange(host, this);
    this.wire.start();
  }

  connected(): void {}

  received(bytes: Buffer, start: number, end: number): void {
    this.#activity = this.#host.now;
    switch (this.#state) {
      case 'idle':
      case 'head':
        this.#pump(bytes, start, end);
        break;
      case 'busy':
      case 'rest':
        this.#readBody(bytes, start, end);
        break;
      case 'closing':
      case 'tunnel':
        break;
      default:
        this.#state satisfies never;
    }
  }

  ended(): void {
    this.#hasEnded = true;
    if (this.#state === 'closing') return;
    if (this.#state === 'busy' && this.body.done && !this.#exchange.upgrades) {
      this.#probeAt = performance.now() + firstProbe;
      return;
    }
    this.#exchange.clientGone();
    if (this.#state === 'busy') this.wire.destroy();
    else this.wire.end();
  }

  flushed(): void {
    this.#activity = this.#host.now;
    if (this.#state === 'busy') this.#exchange.clientFlushed();
    else if (this.#state === 'idle') this.#goOn();
  }

  closed(): void {
    this.#exchange.clientGone();
    this.#host.gone(this);
  }

  answering(delimited: boolean): boolean {
    const { options, minor, expectsContinue } = this.#head;
    // A client that waited for 100 in vain may send the body or not, one that hoped for another protocol may speak it
    // already: what follows could not be told apart.
    const isUnclear = (expectsContinue && !this.body.done) || this.#exchange.upgrades;
    this.#isLast = !delimited || !options.persists(minor) || this.#host.isRetiring || this.#hasEnded || isUnclear;
    return !this.#isLast;
  }

  exchanged(): void {
    this.#activity = this.#host.now;
    if (this.#isLast) this.#close();
    else if (!this.body.done) this.#become('rest');
    else this.#become('idle');
    if (this.#state === 'idle' && !this.#isPumping) this.#goOn();
    else this.review();
  }

  cut(delimited: boolean): void {
    this.#become('closing');
    if (!delimited) this.wire.reset();
    else this.wire.finish(this.#host.plane.limits.idleTimeout);
  }

  review(): void {
    this.#activity = this.#host.now;
    if (this.#state === 'tunnel') return;
    if (this.#held || this.#exchange.holdsBack) this.wire.pause();
    else this.wire.resume();
  }

  switched(tunnel: Tunnel): void {
    this.#tunnel = tunnel;
    this.#become('tunnel');
    const side = tunnel.client;
    const closed = (error: Error | undefined) => {
      side.closed(error);
      this.#host.gone(this);
    };
    this.wire.handTo({ ...side, closed });
    const held = this.#held;
    this.#held = undefined;
    this.wire.resume();
    if (held) side.received(held, this.#heldStart, this.#heldEnd);
  }

  /** To be called every `tick`. */
  check(now: Milliseconds): void {
    const { plane, tick, endsIdle } = this.#host;
    const { limits } = plane;
    const age = now - this.#since;
    // Activity is known to within a tick.
    const idle = now - this.#activity - tick;
    switch (this.#state) {
      case 'idle':
        if (endsIdle && !this.wire.blocked) this.#close();
        else if (this.wire.blocked ? idle > limits.idleTimeout : age > this.#idleLimit()) this.#close();
        break;
      case 'head':
        if (age > limits.clientHeadTimeout) this.#reject('head-late');
        break;
      case 'busy':
        if (this.#hasEnded && now > this.#probeAt) this.#probe(now);
        if (this.#exchange.check(now, idle) === 'client-stalled') this.#reject('body-late');
        break;
      case 'rest':
        if (age > limits.discardTimeout) this.wire.destroy();
        break;
      case 'closing':
        if (this.wire.blocked ? idle > limits.idleTimeout : age > limits.lingerTimeout) this.wire.destroy();
        break;
      case 'tunnel':
        if (this.#tunnel?.isStuck(now, limits.idleTimeout)) this.wire.destroy();
        break;
      default:
        this.#state satisfies never;
    }
  }

  /** A client that doesn't wait for 100 can simply discard it (RFC 9110, section 15.2.1). One of HTTP/1.0 knows none. */
  #probe(now: Milliseconds): void {
    this.#probeAfter *= 2;
    this.#probeAt = now + this.#probeAfter;
    if (this.#head.minor > 0 && this.#exchange.isWaiting) this.wire.write('HTTP/1.1 100 Continue\r\n\r\n');
  }

  /** Begins what can be begun of the octets, and keeps the rest. */
  #pump(bytes: Buffer, from: number, end: number): void {
    this.#isPumping = true;
    let start = from;
    while (start < end) {
      if (this.wire.blocked || (this.#state !== 'idle' && this.#state !== 'head')) {
        if (this.#state === 'idle' || this.#state === 'busy') this.#hold(bytes, start, end);
        break;
      }
      const head = this.#head;
      const scan = head.scan(bytes, start, end);
      if (scan === 'more') {
        this.wire.keep(bytes, start, end);
        if (this.#state === 'idle') this.#become('head');
        break;
      }
      if (scan !== 'done') {
        this.#reject(scan);
        break;
      }
      start = this.#begin(bytes, end);
    }
    this.#isPumping = false;
    this.review();
  }

  /** @returns behind what is the request's of the octets */
  #begin(bytes: Buffer, end: number): number {
    const head = this.#head;
    const { body } = this;
    body.begin(bodyKind(head), head.framing, head.options.nominated, this.#host.plane.limits.maxBody);
    const stop = body.take(bytes, head.end, end);
    if (body.rejection) {
      this.#reject(body.rejection);
      return end;
    }
    this.#isFirst = false;
    this.#become('busy');
    this.#exchange.begin(head, bytes, head.end, body.passEnd);
    // Behind a body that is not whole there is nothing yet.
    return stop;
  }

  #readBody(bytes: Buffer, start: number, end: number): void {
    const { body } = this;
    const stop = body.take(bytes, start, end);
    if (body.rejection) {
      this.#reject(body.rejection);
      return;
    }
    if (stop < end) this.#hold(bytes, stop, end);
    if (this.#state === 'busy') this.#exchange.pass(bytes, start, body.passEnd);
    else if (body.done) {
      this.#become('idle');
      this.#goOn();
      return;
    }
    this.review();
  }

  #hold(bytes: Buffer, start: number, end: number): void {
    this.#held = bytes;
    this.#heldStart = start;
    this.#heldEnd = end;
  }

  /** The next request, if any of it came. */
  #goOn(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held) this.#pump(held, this.#heldStart, this.#heldEnd);
    else this.review();
    if (this.#hasEnded && this.#state === 'idle' && !this.#held) this.#close();
  }

  #reject(rejection: Rejection): void {
    const { plane } = this.#host;
    const status = statusOf(rejection);
    plane.traffic.rejected(rejection);
    this.#held = undefined;
    if (this.#state === 'busy' && !this.#exchange.abandon(status)) return;
    if (this.#state !== 'rest') {
      this.wire.write(
        problemResponse({
          status,
          detail: detailOf(rejection),
          requestId: randomUUID(),
          date: this.#host.date(),
          fields: 'Connection: close\r\n',
          withBody: true,
        }),
      );
    }
    this.#close();
  }

  /**
   * Lets the client read what was sent before it is told that nothing was listened to any more (RFC 9112, section 9.6).
   */
  #close(): void {
    if (this.#state === 'closing') return;
    this.#become('closing');
    this.#held = undefined;
    this.wire.end();
    this.wire.resume();
  }

  #become(state: State): void {
    this.#state = state;
    this.#since = this.#isFirst && state === 'head' ? this.#since : performance.now();
  }

  #idleLimit(): Milliseconds {
    const { limits } = this.#host.plane;
    return this.#isFirst ? limits.clientHeadTimeout : limits.keepAlive;
  }
}

/** RFC 9112, section 6.3: a request without framing has no body. */
function bodyKind({ framing }: RequestHead): BodyKind {
  if (framing.chunked) return 'chunked';
  return framing.length >= 0 ? 'length' : 'none';
}

/** An IPv4 client on a socket for both is told as what it is. */
function plainAddress(address = ''): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}
