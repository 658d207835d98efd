/**
 * A worker's word to the main one: it tells what is still in flight here, what it counted, and hears of new tables and
 * of the end. Whoever holds the control socket is the main worker, also after a crash of that one.
 *
 * - Nothing is lost with a connection: all that was reported is reported again to whoever answers next.
 * - A main worker that starts after a crash counts from zero, and so does everyone with it: else a sum that is partly
 *   new would look like a counter that fell, and then rose by all it ever had.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds } from '../domain/clock.ts';
import { Channel } from '../router-link/channel.ts';
import { identityOf, isSame, nameOf, type ProcessIdentity } from '../router-link/identity.ts';
import { type FromRouter, fromRouter, type ToRouter } from '../router-link/messages.ts';
import type { RouterStats } from '../router-link/protocol.ts';
import { withSocketPath } from '../router-link/socket-path.ts';
import { versionOf } from '../router-link/version.ts';
import type { Routing } from './routing.ts';
import { since } from './tally.ts';

const retryEvery: Milliseconds = 100;
/** For somebody to hear the last word: a host under load takes its time over starting a main worker. */
const hearingPatience: Milliseconds = 5_000;
/** For connections between two requests on a worker that retires: their clients may be about to use them. */
export const linger: Milliseconds = 5_000;

/** What all workers of one router have in common: see {@link Report}. */
export function membershipOf(holder: number): string {
  const identity = identityOf(holder);
  return `${identity ? nameOf(identity) : holder} ${versionOf()}`;
}

export interface FollowerParts {
  readonly socket: string;
  readonly self: ProcessIdentity;
  readonly routing: Routing;
  readonly stats: () => RouterStats;
  /** See {@link Report}. */
  readonly of: () => string | undefined;
  readonly connected?: () => void;
  /** It was told the table in force. */
  readonly table?: () => void;
  readonly stop: (grace: Milliseconds) => void;
  readonly retire?: () => void;
  /** Nobody answers; told again with each attempt. */
  readonly alone?: () => void;
}

export class Follower {
  readonly #parts: FollowerParts;
  #channel: Channel<FromRouter, ToRouter> | undefined;
  /** The one that spoke last; `undefined`: it was succeeded, and its successor has not spoken yet. */
  #main: ProcessIdentity | undefined;
  #base: RouterStats | undefined;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
    this.#connect();
  }

  send(message: ToRouter): void {
    this.#channel?.send(message);
  }

  /** To be called after anything that may have ended a drain. */
  report(): void {
    const { self: worker, routing, of } = this.#parts;
    const mine = of();
    this.send({
      type: 'report',
      worker,
      table: routing.table.version,
      inFlight: Object.fromEntries(routing.balancer.leaving()),
      ...(mine === undefined ? {} : { of: mine }),
    });
  }

  count(): void {
    const stats = this.#parts.stats();
    this.send({ type: 'counts', worker: this.#parts.self, stats: this.#base ? since(this.#base, stats) : stats });
  }

  /** Before the end, so that what was counted here is not missing from the sum. */
  async lastWord(): Promise<void> {
    const end = performance.now() + hearingPatience;
    while (!this.#main && performance.now() < end) await sleep(retryEvery / 10);
    this.count();
    await this.#channel?.close();
  }

  /** The main worker was succeeded: the one that answers next goes on where that one was. */
  #turn(): void {
    this.#main = undefined;
    void this.#channel?.close();
    this.#connect();
  }

  #message(message: FromRouter): void {
    const { routing, stop, retire, table, connected, stats } = this.#parts;
    switch (message.type) {
      case 'hello':
        if (this.#main && !isSame(this.#main, message.worker)) this.#base = stats();
        this.#main = message.worker;
        this.report();
        connected?.();
        break;
      case 'table':
        if (message.table.version > routing.table.version) routing.apply(message.table);
        this.report();
        table?.();
        break;
      case 'stop':
        stop(message.grace);
        break;
      case 'retire':
        if (message.succeeded) this.#turn();
        retire?.();
        break;
      case 'count':
        this.count();
        break;
      default: // For the daemon.
    }
  }

  #connect(): void {
    const again = () => {
      this.#channel = undefined;
      this.#parts.alone?.();
      setTimeout(() => this.#connect(), retryEvery);
    };
    try {
      const socket = withSocketPath(this.#parts.socket, fitting => connect(fitting));
      this.#channel = new Channel<FromRouter, ToRouter>(socket, fromRouter, {
        message: message => this.#message(message),
        closed: again,
      });
    } catch {
      again(); // The folder is gone.
    }
  }
}
