/**
 * What a succeeded worker has left to say: it tells its successor what is still in flight here, and hears of new
 * tables and of the end. Whoever holds the control socket is the successor, also after a crash of that one.
 */
import { connect } from 'node:net';
import type { Milliseconds } from '../domain/clock.ts';
import { Channel } from '../router-link/channel.ts';
import { type FromRouter, fromRouter, type ToRouter } from '../router-link/messages.ts';
import { withSocketPath } from '../router-link/socket-path.ts';

const retryEvery: Milliseconds = 100;

export interface SuccessorEvents {
  /** The state is to be reported. */
  connected(): void;
  message(message: FromRouter): void;
}

export class SuccessorLink {
  readonly #path: string;
  readonly #events: SuccessorEvents;
  #channel: Channel<FromRouter, ToRouter> | undefined;

  constructor(path: string, events: SuccessorEvents) {
    this.#path = path;
    this.#events = events;
    this.#connect();
  }

  send(message: ToRouter): void {
    this.#channel?.send(message);
  }

  #connect(): void {
    const again = () => {
      this.#channel = undefined;
      setTimeout(() => this.#connect(), retryEvery);
    };
    try {
      const socket = withSocketPath(this.#path, fitting => connect(fitting));
      this.#channel = new Channel<FromRouter, ToRouter>(socket, fromRouter, {
        message: message => {
          if (message.type === 'hello') this.#events.connected();
          else this.#events.message(message);
        },
        closed: again,
      });
    } catch {
      again(); // The folder is gone.
    }
  }
}
