/**
 * A request's way to an instance: which one has it, on which connection, and whether another may get it.
 *
 * - Another instance is tried only while nothing of the request can have been processed: the connect failed, or a
 *   kept connection turned out to be closed and the request is idempotent and was kept whole.
 * - The body is read on only once an instance has accepted the connection, so each attempt has it whole.
 * - Each pick is released exactly once, when the instance's side of the exchange is over.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import type { Upstream } from '../balancer.ts';
import type { Failure } from './failure.ts';
import type { DataPlane } from './forwarder.ts';
import { claim } from './memory.ts';
import type { Pools } from './pools.ts';
import type { Carried, UpstreamConnection } from './upstream-connection.ts';

/** RFC 9110, section 9.2.2. */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

export class Delivery {
  readonly #plane: DataPlane;
  readonly #pools: Pools;
  /** The head and what came of the body with it, until it can't be needed again. */
  #opening: string | Buffer | undefined;
  #service = '';
  #method = '';
  #tried: Set<Upstream> | undefined;
  #staleRetried = false;
  #startedAt: Milliseconds = 0;
  connection: UpstreamConnection | undefined;
  /** Of the attempt under way. */
  attemptedAt: Milliseconds = 0;
  /** An instance has accepted it. */
  isSent = false;

  constructor(plane: DataPlane, pools: Pools) {
    this.#plane = plane;
    this.#pools = pools;
  }

  begin(service: string, method: string, opening: string | Buffer, now: Milliseconds): void {
    this.#opening = opening;
    this.#service = service;
    this.#method = method;
    this.#tried = undefined;
    this.#staleRetried = false;
    this.#startedAt = now;
    this.isSent = false;
  }

  /** Gives it to the next instance. @returns whether there is one */
  attempt(carried: Carried, now: Milliseconds): boolean {
    const isSpent = now - this.#startedAt > this.#plane.limits.retryWindow;
    const upstream = isSpent ? undefined : this.#plane.balancer.pick(this.#service, this.#tried);
    if (!upstream) return false;
    this.attemptedAt = now;
    this.isSent = false;
    const connection = this.#pools.take(upstream);
    this.connection = connection;
    connection.carry(carried);
    if (!connection.isConnected && typeof this.#opening === 'object') claim(this.#opening);
    return true;
  }

  /** The instance has accepted the connection. @param whole whether all of the body came with the head */
  send(whole: boolean): void {
    const { connection } = this;
    const opening = this.#opening;
    if (!connection || opening === undefined) return;
    this.#plane.balancer.connected(connection.upstream);
    this.isSent = true;
    connection.wire.write(opening);
    if (typeof opening !== 'string' || !whole || !idempotent.has(this.#method)) this.#opening = undefined;
  }

  /** There is an answer: it is not needed again. */
  settle(): void {
    this.#opening = undefined;
  }

  /** Whether the client must not be read: what it sent before has not gone on. @param whole as for {@link send} */
  holdsBack(whole: boolean): boolean {
    if (!this.isSent) return !whole;
    return this.connection?.wire.blocked === true;
  }

  /** What the failed attempt means for others. @returns whether it can be attempted again */
  mayRetry(upstream: Upstream, why: Failure): boolean {
    if (why.kind === 'connect' && !why.ours) {
      this.#plane.balancer.refused(upstream);
      this.#tried ??= new Set();
      this.#tried.add(upstream);
      return true;
    }
    if (why.kind !== 'stale' || this.#staleRetried || this.#opening === undefined) return false;
    this.#staleRetried = true;
    this.#pools.flush(upstream);
    return true;
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
    this.#plane.balancer.release(connection.upstream);
  }
}
