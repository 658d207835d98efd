/** One HTTP/2 connection to an instance, without TLS. It is kept for a while when no wire goes over it any more. */
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  ClientSessionRequestOptions,
  OutgoingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import { connectTo } from '../../sockets/connect.ts';
import type { Upstream } from '../balancer/upstream.ts';
import { http2 } from '../on-demand.ts';
import type { ForwardLimits } from '../plane/forwarder.ts';

/** As long as the instance has said nothing else (RFC 9113, section 6.5.2). */
const assumedStreams = 100;

export interface SessionWire {
  connected(): void;
  /** The session is closed, and so are its streams. */
  sessionClosed(error: Error | undefined): void;
}

export class InstanceSession {
  readonly #session: ClientHttp2Session;
  readonly #wires = new Set<SessionWire>();
  #streams = 0;
  #most = assumedStreams;
  #error: Error | undefined;
  readonly #socket: Socket;
  readonly #idle: Milliseconds;
  #idleUntil: Milliseconds = Number.POSITIVE_INFINITY;
  isConnected = false;

  /** @param gone told once */
  constructor(
    upstream: Upstream,
    { maxFields, maxHead, poolIdle }: ForwardLimits,
    gone: (session: InstanceSession) => void,
  ) {
    const socket = connectTo(upstream, { noDelay: true });
    this.#socket = socket;
    this.#idle = poolIdle;
    this.#session = http2().connect('http://instance', {
      createConnection: () => socket,
      maxHeaderListPairs: maxFields + 32,
      settings: { enablePush: false, maxHeaderListSize: maxHead + 64 * (maxFields + 32) },
    });
    this.#session.on('connect', () => this.#connected());
    this.#session.on('remoteSettings', ({ maxConcurrentStreams }) => {
      this.#most = maxConcurrentStreams ?? assumedStreams;
    });
    this.#session.on('error', error => {
      this.#error = error;
    });
    this.#session.on('close', () => {
      gone(this);
      for (const wire of this.#wires) wire.sessionClosed(this.#error);
    });
  }

  /** Whether streams can be begun on it. */
  get isOpen(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  /** Its wires are about to be told so. */
  get isLost(): boolean {
    return this.#session.destroyed || this.#socket.destroyed;
  }

  /** Whether one more can be, without having to wait for another to end. */
  get hasRoom(): boolean {
    return this.isOpen && (this.isConnected ? this.#streams : this.#wires.size) < this.#most;
  }

  join(wire: SessionWire): void {
    this.#wires.add(wire);
    this.#idleUntil = Number.POSITIVE_INFINITY;
  }

  leave(wire: SessionWire): void {
    this.#wires.delete(wire);
    if (this.#wires.size === 0) this.#idleUntil = performance.now() + this.#idle;
  }

  /** Closes it if it is not used. */
  closeIdle(now: Milliseconds): void {
    if (this.#wires.size > 0 || now < this.#idleUntil) return;
    if (this.isConnected) this.#session.close();
    else this.#session.destroy();
  }

  request(fields: OutgoingHttpHeaders, options: ClientSessionRequestOptions): ClientHttp2Stream {
    this.#streams += 1;
    return this.#session.request(fields, options).once('close', this.#streamClosed);
  }

  #connected(): void {
    this.isConnected = true;
    for (const wire of this.#wires) wire.connected();
  }

  readonly #streamClosed = (): void => {
    this.#streams -= 1;
  };
}
