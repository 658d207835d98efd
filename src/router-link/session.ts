/** One connection to a worker, from its `hello` until either side ends it. */
import { connect } from 'node:net';
import type { Cancel, Clock, Milliseconds } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import { Channel } from './channel.ts';
import { type FromRouter, fromRouter, type Hello, type ToRouter } from './messages.ts';
import type { RouterStats } from './protocol.ts';
import { withSocketPath } from './socket-path.ts';

const helloTimeout: Milliseconds = 2_000;
const statsTimeout: Milliseconds = 2_000;
/** Longer than a worker gives its successor. */
const successionTimeout: Milliseconds = 15_000;

export interface SessionEvents {
  applied(version: number): void;
  drained(endpoint: string): void;
  /** Not after {@link Session.close}. */
  closed(problem?: string): void;
}

type Reply = Extract<FromRouter, { readonly id: number }>;

export class Session {
  readonly hello: Hello;
  readonly #channel: Channel<FromRouter, ToRouter>;
  readonly #clock: Clock;
  readonly #replies = new Map<number, (reply: Reply | undefined) => void>();
  #lastId = 0;

  /** @throws Error where nothing answers at `path`, or something else than a router does */
  static open(path: string, clock: Clock, events: SessionEvents): Promise<Session> {
    return new Promise((resolve, reject) => {
      let session: Session | undefined;
      const socket = withSocketPath(path, fitting => connect(fitting));
      const cancel = clock.after(helloTimeout, () => {
        void channel.close();
        reject(new Error('the router does not answer'));
      });
      const channel = new Channel<FromRouter, ToRouter>(socket, fromRouter, {
        message: message => {
          if (session) session.#receive(message, events);
          else if (message.type === 'hello') {
            cancel();
            session = new Session(message, channel, clock);
            resolve(session);
          }
        },
        closed: problem => {
          cancel();
          if (!session) return reject(new Error(problem ?? 'no router answers'));
          session.#abandonReplies();
          events.closed(problem);
        },
      });
    });
  }

  private constructor(hello: Hello, channel: Channel<FromRouter, ToRouter>, clock: Clock) {
    this.hello = hello;
    this.#channel = channel;
    this.#clock = clock;
  }

  get open(): boolean {
    return this.#channel.open;
  }

  send(message: Extract<ToRouter, { readonly type: 'table' | 'drain' | 'stop' }>): void {
    this.#channel.send(message);
  }

  async stats(): Promise<RouterStats | undefined> {
    const reply = await this.#ask({ type: 'stats' }, statsTimeout);
    return reply?.type === 'stats' ? reply.stats : undefined;
  }

  /** @throws SlipwayError SLIP_LISTEN_FAILED, SLIP_ROUTER_FAILED; the router serves on as it was */
  async succeed(listen: readonly string[], command: readonly string[]): Promise<void> {
    const reply = await this.#ask({ type: 'succeed', listen, command }, successionTimeout);
    if (reply?.type === 'succeeded') return;
    if (reply?.type === 'refused') throw new SlipwayError(reply.code, reply.message);
    throw new SlipwayError('SLIP_ROUTER_FAILED', 'cannot hand the router over: it broke off or did not answer');
  }

  close(): void {
    void this.#channel.close();
    this.#abandonReplies();
  }

  #receive(message: FromRouter, events: SessionEvents): void {
    if (message.type === 'applied') events.applied(message.version);
    else if (message.type === 'drained') events.drained(message.endpoint);
    else if ('id' in message) this.#replies.get(message.id)?.(message);
  }

  #ask(
    question: { type: 'stats' } | { type: 'succeed'; listen: readonly string[]; command: readonly string[] },
    timeout: Milliseconds,
  ): Promise<Reply | undefined> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise(resolve => {
      let cancel: Cancel = () => {};
      const settle = (reply: Reply | undefined) => {
        cancel();
        this.#replies.delete(id);
        resolve(reply);
      };
      if (!this.#channel.open) return settle(undefined);
      cancel = this.#clock.after(timeout, () => settle(undefined));
      this.#replies.set(id, settle);
      this.#channel.send({ ...question, id });
    });
  }

  #abandonReplies(): void {
    for (const settle of [...this.#replies.values()]) settle(undefined);
  }
}
