/**
 * A connection that has yet to say where it comes from, by the PROXY protocol.
 *
 * - Nothing else of it is looked at before. What came behind the header is left in the socket for whoever has it next.
 * - It is cut where the header is missing, is not valid, or does not come in time: never is the proxy's own address
 *   taken for a client's.
 */
import type { Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import { type ProxyRefusal, readProxyHeader, type Source } from '../proxy-header.ts';
import type { Connection } from './connection.ts';

export type IntroductionFailure = ProxyRefusal | 'proxy-header-late';

export interface IntroductionEvents {
  /** The connection is another's. @param source `undefined`: it comes from the proxy itself */
  introduced(source: Source | undefined): void;
  failed(why: IntroductionFailure): void;
  /** Once, after either of them, or where the other side ended without a word. */
  over(): void;
}

export class Introduction implements Connection {
  readonly #socket: Socket;
  readonly #events: IntroductionEvents;
  readonly #until: Milliseconds;
  #came: Buffer = Buffer.alloc(0);
  #isOver = false;

  /** @param socket paused since it was accepted */
  constructor(socket: Socket, until: Milliseconds, events: IntroductionEvents) {
    this.#socket = socket;
    this.#until = until;
    this.#events = events;
    socket.on('data', this.#received).once('end', this.#ended).once('close', this.#closed);
    socket.resume();
  }

  check(now: Milliseconds): void {
    if (now > this.#until) this.#fail('proxy-header-late');
  }

  destroy(): void {
    this.#socket.destroy();
  }

  readonly #received = (octets: Buffer): void => {
    this.#came = this.#came.length === 0 ? octets : Buffer.concat([this.#came, octets]);
    const header = readProxyHeader(this.#came, 0, this.#came.length);
    if (header === 'more') return;
    if (typeof header === 'string') {
      this.#fail(header);
      return;
    }
    const socket = this.#socket;
    socket.pause();
    socket.off('data', this.#received).off('end', this.#ended);
    if (header.end < this.#came.length) socket.unshift(this.#came.subarray(header.end));
    // Node is still at the read that this came by, and the next one may take the handle away from it.
    process.nextTick(() => {
      if (socket.destroyed) return;
      this.#events.introduced(header.source);
      this.#end();
    });
  };

  /** Whoever only looks whether someone listens sends nothing. */
  readonly #ended = (): void => {
    if (this.#came.length > 0) this.#fail('proxy-header-invalid');
    else this.#socket.destroy();
  };

  readonly #closed = (): void => this.#end();

  #fail(why: IntroductionFailure): void {
    if (this.#isOver) return;
    this.#events.failed(why);
    this.#end();
    this.#socket.resetAndDestroy();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.off('data', this.#received).off('end', this.#ended).off('close', this.#closed);
    this.#events.over();
  }
}
