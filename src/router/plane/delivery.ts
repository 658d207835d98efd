/**
 * A request's way to an instance: which one has it, on which connection, and whether another may get it.
 *
 * - Another instance is tried only while nothing of the request can have been processed: the connect failed, or a
 *   kept connection turned out to be closed and the request is idempotent and was kept whole.
 * - The service says how often that may be, and how many retries there may be beside its requests. A kept connection is
 *   replaced once in any case, by a new one: that it was kept is nobody's wish but the router's. Where the service doesn't
 *   keep clients to their instances it is one to another instance, since one that was killed takes connections for a
 *   moment longer.
 * - The body is read on only once an instance has accepted the connection, so each attempt has it whole.
 * - Each pick is released exactly once, when the instance's side of the exchange is over.
 * - What came of the request is told to the service's circuit breaker once, where it has one.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import type { Permit, Verdict } from '../balancer/breaker.ts';
import type { Group } from '../balancer/group.ts';
import { noKey, noneTried } from '../balancer/policy.ts';
import type { Waiter } from '../balancer/queue.ts';
import type { Upstream } from '../balancer/upstream.ts';
import type { Failure } from './failure.ts';
import type { DataPlane } from './forwarder.ts';
import { claim } from './memory.ts';
import type { Pools } from './pools.ts';
import type { Carried, UpstreamConnection } from './upstream-connection.ts';

/** RFC 9110, section 9.2.2. */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

export interface Sender extends Carried {
  /** It waited for an instance. @param reason why there is none for it */
  undelivered(reason: 'no-instance' | 'queue-timeout'): void;
}

/** `begun`: an instance has it, or it waits for one. */
export type Attempt = 'begun' | 'no-instance' | 'queue-full' | 'retry-refused';

export class Delivery implements Waiter {
  readonly #plane: DataPlane;
  readonly #pools: Pools;
  readonly #sender: Sender;
  /** The head and what came of the body with it, until it can't be needed again. */
  #opening: string | Buffer | undefined;
  #group: Group | undefined;
  #permit: Permit | undefined;
  #method = '';
  #tried: Set<Upstream> | undefined;
  #retries = 0;
  /** A kept connection was closed, and this is another. */
  #isReplaced = false;
  #waits = false;
  /** The first attempt. */
  #startedAt: Milliseconds = 0;
  /** Of the client, where the service tells them apart. */
  key = noKey;
  connection: UpstreamConnection | undefined;
  /** That it was given to last. */
  upstream: Upstream | undefined;
  /** Of the attempt under way. */
  attemptedAt: Milliseconds = 0;
  /** An instance has accepted it. */
  isSent = false;

  constructor(plane: DataPlane, pools: Pools, sender: Sender) {
    this.#plane = plane;
    this.#pools = pools;
    this.#sender = sender;
  }

  get tried(): ReadonlySet<Upstream> {
    return this.#tried ?? noneTried;
  }

  /** @returns whether the service takes requests at present; if so, {@link begin} follows */
  admit(group: Group, now: Milliseconds): boolean {
    this.#group = group;
    group.budget.requested(now);
    if (!group.breaker) return true;
    this.#permit = group.breaker.ask(now);
    return this.#permit !== undefined;
  }

  begin(method: string, opening: string | Buffer, key: number, now: Milliseconds): Attempt {
    this.#opening = opening;
    this.#method = method;
    this.#tried = undefined;
    this.#retries = 0;
    this.#isReplaced = false;
    this.#startedAt = now;
    this.key = key;
    this.isSent = false;
    return this.#attempt(now);
  }

  /** After {@link failed} has said that it may be. */
  retry(upstream: Upstream, why: Failure, now: Milliseconds): Attempt {
    const group = this.#group;
    if (why.kind === 'connect') {
      if (!group?.hasOther(this.tried)) return 'no-instance';
      if (!group.budget.take(now)) return 'retry-refused';
      this.#retries += 1;
      return this.#attempt(now);
    }
    const other = group?.hashKey === undefined ? group?.pickBeside(upstream, now) : undefined;
    if (!other) return this.#attempt(now);
    this.#give(other, now);
    return 'begun';
  }

  admitted(upstream: Upstream | undefined): void {
    this.#waits = false;
    const now = performance.now();
    if (this.#retries === 0) this.#startedAt = now;
    if (upstream) this.#give(upstream, now);
    else this.#sender.undelivered('no-instance');
  }

  expired(): void {
    this.#waits = false;
    this.#sender.undelivered('queue-timeout');
  }

  /** The instance has accepted the connection. @param whole whether all of the body came with the head */
  send(whole: boolean): void {
    const { connection } = this;
    const opening = this.#opening;
    if (!connection || opening === undefined) return;
    if (connection.upstream.refuses) this.#group?.ejection.connected(connection.upstream);
    this.isSent = true;
    connection.wire.write(opening);
    if (typeof opening !== 'string' || !whole || !idempotent.has(this.#method)) this.#opening = undefined;
  }

  /** There is an answer. */
  answered(status: number, now: Milliseconds): void {
    this.#opening = undefined;
    const upstream = this.connection?.upstream;
    if (!upstream) return;
    const isFailure = status >= 502 && status <= 504;
    if (isFailure) this.#group?.ejection.failed(upstream, now);
    else if (upstream.failures > 0) this.#group?.ejection.succeeded(upstream, now);
    if (this.#permit) this.#settle(isFailure ? 'failed' : 'succeeded', now);
  }

  /** Whether the client must not be read: what it sent before has not gone on. @param whole as for {@link send} */
  holdsBack(whole: boolean): boolean {
    if (!this.isSent) return !whole;
    return this.connection?.wire.blocked === true;
  }

  /** What the failed attempt means for others. @returns whether it can be attempted again */
  failed(upstream: Upstream, why: Failure, now: Milliseconds): boolean {
    const group = this.#group;
    if (!group) return false;
    const isSpent = now - this.#startedAt > this.#plane.limits.retryWindow;
    if (why.ours) return false;
    if (why.kind === 'connect') {
      group.ejection.refused(upstream, now);
      this.#tried ??= new Set();
      this.#tried.add(upstream);
      return !isSpent && this.#retries < group.attempts;
    }
    if (why.kind === 'stale' && !this.#isReplaced && this.#opening !== undefined) {
      this.#isReplaced = true;
      this.#pools.flush(upstream);
      return !isSpent;
    }
    group.ejection.failed(upstream, now);
    return false;
  }

  /** No instance will answer it. @param isTheirs it speaks against the instances */
  abandoned(isTheirs: boolean, now: Milliseconds): void {
    if (this.#permit && isTheirs) this.#settle('failed', now);
  }

  /** The instance's side is over. The connection may be kept where `whole`: the request is through. */
  complete(whole: boolean, now: Milliseconds): void {
    const { connection } = this;
    if (!connection) return;
    if (whole && this.isSent && connection.isReusable) {
      connection.wire.resume();
      this.#pools.release(connection, now);
    } else connection.destroy();
    this.release();
  }

  release(): void {
    const { connection } = this;
    if (!connection) return;
    this.connection = undefined;
    this.#group?.release(connection.upstream);
  }

  /** All is over. */
  end(): void {
    this.release();
    this.upstream = undefined;
    if (this.#waits) {
      this.#waits = false;
      this.#group?.queue.leave(this);
    }
    if (this.#permit) this.#settle('dropped', performance.now());
  }

  #attempt(now: Milliseconds): Attempt {
    const picked = this.#group?.pick(this.tried, now, this.key, this);
    if (picked === undefined) return 'no-instance';
    if (picked === 'full') return 'queue-full';
    if (picked === 'wait') {
      this.#waits = true;
      if (typeof this.#opening === 'object') claim(this.#opening);
    } else this.#give(picked, now);
    return 'begun';
  }

  #give(upstream: Upstream, now: Milliseconds): void {
    this.attemptedAt = now;
    this.isSent = false;
    this.upstream = upstream;
    const connection = this.#isReplaced ? this.#pools.open(upstream) : this.#pools.take(upstream);
    this.connection = connection;
    connection.carry(this.#sender);
    if (!connection.isConnected && typeof this.#opening === 'object') claim(this.#opening);
  }

  #settle(verdict: Verdict, now: Milliseconds): void {
    if (this.#permit) this.#group?.breaker?.settle(this.#permit, verdict, now);
    this.#permit = undefined;
  }
}
