/**
 * A wire that is secured by TLS.
 *
 * - What is written is encrypted at once or copied, so memory that was lent is free again.
 * - Node tells only later that something was taken, even if it was at once. So the wire is not blocked before much waits.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Milliseconds } from '../../domain/clock.ts';
import { Remainder } from './remainder.ts';
import type { Wire, WireOwner } from './wire.ts';

const mostWaiting = 64 * 1024;

export class SecureWire implements Wire {
  readonly #socket: TLSSocket;
  /** The connection that TLS is spoken on. */
  readonly #lower: Socket;
  readonly #remainder = new Remainder();
  #owner: WireOwner;
  #error: Error | undefined;
  blocked = false;
  closed = false;

  constructor(owner: WireOwner, socket: TLSSocket, lower: Socket) {
    this.#owner = owner;
    this.#socket = socket;
    this.#lower = lower;
    socket.pause();
    socket.on('data', chunk => this.#remainder.deliver(chunk, chunk.length, this.#owner));
    socket.on('end', () => this.#owner.ended());
    socket.on('error', error => {
      this.#error = error;
    });
    socket.on('close', () => {
      this.closed = true;
      this.#owner.closed(this.#error);
    });
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  start(): void {
    this.#socket.resume();
  }

  handTo(owner: WireOwner): void {
    this.#owner = owner;
  }

  write(data: string | Buffer): void {
    const socket = this.#socket;
    if (typeof data === 'string') socket.write(data, 'latin1', this.#taken);
    else socket.write(socket.writableLength > 0 ? Buffer.from(data) : data, this.#taken);
    if (socket.writableLength > mostWaiting) this.blocked = true;
  }

  keep(bytes: Buffer, start: number, end: number): void {
    this.#remainder.keep(bytes, start, end);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  finish(patience: Milliseconds): void {
    if (this.closed) return;
    this.#socket.setTimeout(patience, () => this.#socket.destroy());
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    if (this.isOpen) this.#lower.resetAndDestroy();
  }

  readonly #taken = (error?: Error | null): void => {
    if (!this.blocked || error || this.closed || this.#socket.writableLength > mostWaiting) return;
    this.blocked = false;
    this.#owner.flushed();
  };
}
