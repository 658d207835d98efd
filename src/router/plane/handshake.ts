/** A connection that is not secured yet. Its end in time is the terminator's. */
import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';

export class Handshake implements Connection {
  readonly #socket: Socket;
  readonly #gone: () => void;

  /** @param gone told once, also where the socket is closed before it is over */
  constructor(socket: Socket, gone: () => void) {
    this.#socket = socket;
    this.#gone = gone;
    socket.once('close', gone);
  }

  check(): void {}

  destroy(): void {
    this.#socket.destroy();
  }

  /** The connection is another's. */
  over(): void {
    this.#socket.off('close', this.#gone);
    this.#gone();
  }
}
