/**
 * A client's connection that speaks HTTP/2 (RFC 9113): each of its streams is served as a connection of its own would
 * be, by what serves those.
 *
 * - It ends in time when nothing is asked for, or when nobody answers for a stream that is still open.
 * - When connections are to end it finishes the streams that it has, and says which they are: the client may ask for
 *   others again elsewhere, whatever they ask for (RFC 9113, section 6.8).
 * - Frames are Node's: it refuses floods of SETTINGS, PING and CONTINUATION, what is out of order, and heads that are
 *   larger than any that are answered. What a client resets is counted here.
 */
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Milliseconds } from '../../domain/clock.ts';
import { http2 } from '../on-demand.ts';
import type { Connection } from '../plane/connection.ts';
import type { DataPlane } from '../plane/forwarder.ts';
import type { Wire, WireOwner } from '../plane/wire.ts';
import { ClientWire, type ClientWireHost } from './client-wire.ts';
import { endStream, errorCode } from './codes.ts';
import { requestLines } from './request-lines.ts';
import { ResetBudget } from './reset-budget.ts';

const mostStreams = 100;
/** Octets that may be on their way for all streams together: bodies that fit come in one turn, and go on in one write. */
const window = 256 * 1024;
/** Of those that wait for a stream. */
const mostSpare = 16;

/** What Node calls it when the other side does not keep to the protocol. */
const violations = new Set<string | undefined>(['ERR_HTTP2_ERROR', 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES']);

export interface ClientSessionHost {
  readonly plane: DataPlane;
  readonly now: Milliseconds;
  readonly isRetiring: boolean;
  gone(connection: Connection): void;
}

/** Serves a connection. @param gone is told when it is none any more */
export type Serve = (open: (owner: WireOwner) => Wire, gone: (connection: Connection) => void) => Connection;

export class ClientSession implements Connection, ClientWireHost {
  readonly #host: ClientSessionHost;
  readonly #serve: Serve;
  readonly #session: ServerHttp2Session;
  readonly #served = new Set<Connection>();
  readonly #spare: ClientWire[] = [];
  readonly #resets: ResetBudget;
  #openStreams = 0;
  #isFirst = true;
  /** When its first stream was awaited, or the last one ended or began. */
  #since: Milliseconds;
  #closingAt: Milliseconds | undefined;

  /** @param socket nothing of it was read, or was put back */
  constructor(host: ClientSessionHost, socket: Duplex, serve: Serve) {
    const { maxFields, maxHead } = host.plane.limits;
    this.#host = host;
    this.#serve = serve;
    this.#since = host.now;
    this.#resets = new ResetBudget(host.now);
    // Somewhat more than is answered, so that what is a little too much gets an answer that says so.
    this.#session = http2().performServerHandshake(socket, {
      maxHeaderListPairs: maxFields + 32,
      maxSessionInvalidFrames: 100,
      settings: { maxConcurrentStreams: mostStreams, maxHeaderListSize: maxHead + 64 * (maxFields + 32) },
    });
    this.#session.setLocalWindowSize(window);
    this.#session.on('stream', (stream: ServerHttp2Stream, _fields: unknown, flags: number, raw: readonly string[]) =>
      this.#begin(stream, flags, raw),
    );
    this.#session.on('error', (error: NodeJS.ErrnoException) => {
      if (violations.has(error.code)) host.plane.traffic.rejected('http2-invalid');
    });
    this.#session.on('close', () => this.#closed());
    socket.once('end', () => this.destroy());
  }

  free(wire: ClientWire): void {
    if (this.#spare.length < mostSpare) this.#spare.push(wire);
    else wire.destroy();
  }

  takenBack(): void {
    if (this.#session.destroyed || this.#resets.spend(performance.now())) return;
    this.#host.plane.traffic.rejected('http2-resets');
    this.#session.destroy(new Error('too many resets'), errorCode.ENHANCE_YOUR_CALM);
  }

  check(now: Milliseconds): void {
    for (const served of this.#served) served.check(now);
    if (this.#session.destroyed) return;
    const { plane, isRetiring } = this.#host;
    const { limits } = plane;
    if (this.#closingAt !== undefined) {
      if (now - this.#closingAt > limits.lingerTimeout && this.#openStreams === 0) this.destroy();
    } else if (isRetiring) this.#close(now);
    const age = now - this.#since;
    if (this.#openStreams === 0) {
      if (age > (this.#isFirst ? limits.clientHeadTimeout : limits.keepAlive)) this.#close(now);
    } else if (this.#served.size === this.#spare.length && age > limits.idleTimeout) this.destroy();
  }

  destroy(): void {
    this.#session.destroy();
  }

  #begin(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    this.#openStreams += 1;
    this.#isFirst = false;
    this.#since = performance.now();
    stream.once('close', this.#streamClosed);
    if (stream.destroyed || stream.closed) {
      stream.on('error', () => {});
      this.takenBack();
      return;
    }
    const ended = (flags & endStream) !== 0;
    const lines = requestLines(raw, ended);
    if (typeof lines === 'string') {
      this.#host.plane.traffic.rejected(lines);
      stream.on('error', () => {});
      stream.close(errorCode.PROTOCOL_ERROR);
      return;
    }
    (this.#spare.pop() ?? this.#another()).carry(stream, lines, ended);
  }

  #another(): ClientWire {
    let made: ClientWire | undefined;
    const open = (owner: WireOwner) => {
      made = new ClientWire(owner, this.#host.plane.limits, this);
      return made;
    };
    this.#served.add(this.#serve(open, this.#gone));
    return made as unknown as ClientWire;
  }

  readonly #gone = (served: Connection): void => {
    this.#served.delete(served);
    for (let index = this.#spare.length - 1; index >= 0; index--) {
      if (this.#spare[index]?.closed) this.#spare.splice(index, 1);
    }
  };

  readonly #streamClosed = (): void => {
    this.#openStreams -= 1;
    this.#since = performance.now();
  };

  #close(now: Milliseconds): void {
    if (this.#closingAt !== undefined) return;
    this.#closingAt = now;
    this.#session.close();
  }

  #closed(): void {
    for (const served of this.#served) served.destroy();
    this.#host.gone(this);
  }
}
