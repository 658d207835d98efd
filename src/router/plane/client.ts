/**
 * A client's connection: request after request, answered in their order.
 *
 * - A request is begun only when the response before it is complete and taken. What the client sends meanwhile is
 *   kept, and no more is read.
 * - A FIN may come from a client that waits for its answer or from one that is gone: a late answer is preceded by a
 *   probe, which one that is gone resets.
 * - Every state but `busy` has an end in time of its own; in `busy` the exchange has.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import type { Body } from '../http1/body.ts';
import { detailOf, type Rejection, statusOf } from '../http1/rejection.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { ClientSide } from './client-side.ts';
import type { Connection } from './connection.ts';
import { Exchange, type Surroundings } from './exchange.ts';
import type { Origin } from './origin.ts';
import { Probe } from './probe.ts';
import { problemResponse } from './problem.ts';
import { RequestReader, type RequestTaker } from './request-reader.ts';
import type { Tunnel } from './tunnel.ts';
import type { Wire, WireOwner } from './wire.ts';

/** What it needs of the plane. */
export interface ClientHost extends Surroundings {
  /** All heads of requests are read with it, one after another. */
  readonly head: RequestHead;
  readonly tick: Milliseconds;
  /** Only what Node documents is used. */
  readonly byDocument: boolean;
  /** Connections end after the response under way. */
  readonly isRetiring: boolean;
  /** Those without a request are to end too. */
  readonly endsIdle: boolean;
}

/** Whoever has its connection. */
export interface ClientKeeper {
  gone(client: Connection): void;
  /** Its first octets are HTTP/2's. @returns whether the connection is the keeper's again */
  prefaced?(client: Connection, bytes: Buffer, start: number, end: number): boolean;
}

/**
 * `idle`: no octet of a request came. `head`: a part of one. `busy`: a request is under way. `rest`: it is answered, and
 * the rest of its body is dropped. `closing`: nothing more is sent, and what comes is dropped, so that the client can
 * read what was sent. `tunnel`: octets go both ways.
 */
type State = 'idle' | 'head' | 'busy' | 'rest' | 'closing' | 'tunnel';

export class Client implements Connection, WireOwner, ClientSide, RequestTaker {
  readonly wire: Wire;
  readonly origin: Origin;
  readonly #host: ClientHost;
  readonly #keeper: ClientKeeper;
  readonly #reader: RequestReader;
  readonly #exchange: Exchange;
  readonly #probe = new Probe();
  #state: State = 'idle';
  /** When the state began. */
  #since: Milliseconds;
  /** When something last moved on either side. */
  #activity: Milliseconds;
  #isFirst = true;
  /** Whether the client would go on after the request under way. */
  #persists = true;
  /** Whether it waits to be told to send the body. */
  #expectsContinue = false;
  /** The response under way is the last one. */
  #isLast = false;
  #hasEnded = false;
  #tunnel: Tunnel | undefined;

  /** @param open makes its wire, which is to be started yet */
  constructor(host: ClientHost, origin: Origin, open: (owner: WireOwner) => Wire, keeper: ClientKeeper) {
    this.#host = host;
    this.#keeper = keeper;
    this.#since = host.now;
    this.#activity = host.now;
    this.origin = origin;
    this.wire = open(this);
    this.#reader = new RequestReader(host.head, host.plane.limits, this);
    this.#exchange = new Exchange(host, this);
    this.wire.start();
  }

  get body(): Body {
    return this.#reader.body;
  }

  get httpVersion(): string {
    if (this.wire.spokenVersion !== undefined) return '2';
    return this.#reader.minor === 0 ? '1.0' : '1.1';
  }

  get takesRequest(): boolean {
    return !this.wire.blocked && (this.#state === 'idle' || this.#state === 'head');
  }

  get takesLater(): boolean {
    return this.#state === 'idle' || this.#state === 'busy';
  }

  connected(): void {}

  received(bytes: Buffer, start: number, end: number): void {
    this.#activity = this.#host.now;
    switch (this.#state) {
      case 'idle':
      case 'head':
        this.#reader.read(bytes, start, end);
        this.review();
        break;
      case 'busy':
      case 'rest':
        this.#reader.readBody(bytes, start, end);
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
      this.#probe.begin(this.#host.now);
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
    this.#keeper.gone(this);
  }

  prefaced(bytes: Buffer, start: number, end: number): boolean {
    return this.#isFirst && this.#keeper.prefaced?.(this, bytes, start, end) === true;
  }

  beginning(): void {
    if (this.#state === 'idle') this.#become('head');
  }

  begun(head: RequestHead, bytes: Buffer, start: number, end: number): void {
    this.#isFirst = false;
    this.#persists = head.options.persists(head.minor);
    this.#expectsContinue = head.expectsContinue;
    this.#become('busy');
    if (this.origin.isTrusted) this.origin.read(bytes, head);
    this.#exchange.begin(head, bytes, start, end);
  }

  continued(bytes: Buffer, start: number, end: number): void {
    if (this.#state === 'busy') this.#exchange.pass(bytes, start, end);
    else if (this.body.done) {
      this.#become('idle');
      this.#goOn();
      return;
    }
    this.review();
  }

  rejected(rejection: Rejection): void {
    const status = statusOf(rejection);
    if (this.origin.isTrusted && this.#state !== 'busy') this.origin.forget();
    this.#reader.dropHeld();
    if (this.#state === 'busy') {
      if (!this.#exchange.abandon(status, rejection)) return;
    } else this.#exchange.unreadable(status, rejection);
    if (this.#state !== 'rest') {
      this.wire.write(
        problemResponse({
          status,
          detail: detailOf(rejection),
          requestId: this.#exchange.requestId,
          date: this.#host.date(),
          fields: 'Connection: close\r\n',
          withBody: true,
        }),
      );
    }
    this.#close();
  }

  answering(delimited: boolean): boolean {
    // A client that waited for 100 in vain may send the body or not, one that hoped for another protocol may speak it
    // already: what follows could not be told apart.
    const isUnclear = (this.#expectsContinue && !this.body.done) || this.#exchange.upgrades;
    const isOver = this.#hasEnded && !this.#reader.isHolding;
    this.#isLast = !delimited || !this.#persists || this.#host.isRetiring || isOver || isUnclear;
    return !this.#isLast;
  }

  exchanged(): void {
    this.#activity = this.#host.now;
    if (this.#isLast) this.#close();
    else if (!this.body.done) this.#become('rest');
    else this.#become('idle');
    if (this.#state === 'idle' && !this.#reader.isReading) this.#goOn();
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
    if (this.#reader.isHolding || this.#exchange.holdsBack) this.wire.pause();
    else this.wire.resume();
  }

  switched(tunnel: Tunnel): void {
    this.#tunnel = tunnel;
    this.#become('tunnel');
    const side = tunnel.client;
    const closed = (error: Error | undefined) => {
      side.closed(error);
      this.#keeper.gone(this);
    };
    this.wire.handTo({ ...side, closed });
    this.wire.resume();
    this.#reader.handHeldTo(side.received);
  }

  check(now: Milliseconds): void {
    const { plane, tick, endsIdle } = this.#host;
    const { limits } = plane;
    // Both are known to within a tick.
    const age = now - this.#since - tick;
    const idle = now - this.#activity - tick;
    switch (this.#state) {
      case 'idle':
        if (endsIdle && !this.wire.blocked) this.#close();
        else if (this.wire.blocked ? idle > limits.idleTimeout : age > this.#idleLimit()) this.#close();
        break;
      case 'head':
        if (age > limits.clientHeadTimeout) this.rejected('head-late');
        break;
      case 'busy':
        if (this.#hasEnded && this.#probe.isDue(now)) this.#sendProbe();
        if (this.#exchange.check(now, idle) === 'client-stalled') this.rejected('body-late');
        break;
      case 'rest':
        if (age > limits.discardTimeout) this.wire.destroy();
        break;
      case 'closing':
        if (this.wire.blocked ? idle > limits.idleTimeout : age > limits.lingerTimeout) this.wire.destroy();
        break;
      case 'tunnel':
        if (this.#tunnel?.isStuck(now, limits.idleTimeout)) this.wire.destroy();
        else if (this.#exchange.outstays(now)) this.cut(true);
        break;
      default:
        this.#state satisfies never;
    }
  }

  /** A client that doesn't wait for 100 can simply discard it (RFC 9110, section 15.2.1). */
  #sendProbe(): void {
    if (this.#exchange.takesInformation) this.wire.write('HTTP/1.1 100 Continue\r\n\r\n');
  }

  destroy(): void {
    this.wire.destroy();
  }

  /** The next request, if any of it came. */
  #goOn(): void {
    this.#reader.readHeld();
    this.review();
    const isBetween = this.#state === 'idle' || this.#state === 'head';
    if (this.#hasEnded && isBetween && !this.#reader.isHolding) this.#close();
  }

  /**
   * Lets the client read what was sent before it is told that nothing was listened to any more (RFC 9112, section 9.6).
   */
  #close(): void {
    if (this.#state === 'closing') return;
    this.#become('closing');
    this.#reader.dropHeld();
    this.wire.end();
    this.wire.resume();
  }

  #become(state: State): void {
    this.#state = state;
    if (!this.#isFirst || state !== 'head') this.#since = this.#host.now;
  }

  #idleLimit(): Milliseconds {
    const { limits } = this.#host.plane;
    return this.#isFirst ? limits.clientHeadTimeout : limits.keepAlive;
  }
}
