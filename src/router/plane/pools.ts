/** Connections to instances that wait for their next request; the one used last is used next. */
import type { Milliseconds } from '../../domain/clock.ts';
import type { Upstream } from '../balancer/upstream.ts';
import { ResponseHead } from '../http1/response-head.ts';
import { InstanceSessions } from '../http2/instance-sessions.ts';
import type { ForwardLimits } from './forwarder.ts';
import { SocketWire } from './socket-wire.ts';
import { UpstreamConnection } from './upstream-connection.ts';
import type { Wire, WireOwner } from './wire.ts';

export class Pools {
  readonly #limits: ForwardLimits;
  readonly #byDocument: boolean;
  readonly #sessions: InstanceSessions;
  readonly #head: ResponseHead;
  readonly #idle = new Map<Upstream, UpstreamConnection[]>();

  constructor(limits: ForwardLimits, byDocument: boolean) {
    this.#limits = limits;
    this.#byDocument = byDocument;
    this.#sessions = new InstanceSessions(limits);
    this.#head = new ResponseHead(limits);
  }

  get isEmpty(): boolean {
    return this.#idle.size === 0 && this.#sessions.isEmpty;
  }

  /** One that waits, or a new one that is being connected. */
  take(upstream: Upstream): UpstreamConnection {
    const idle = this.#idle.get(upstream);
    for (let connection = idle?.pop(); connection; connection = idle?.pop()) {
      if (connection.isOpen) return connection;
    }
    return this.open(upstream);
  }

  /** A new one. */
  open(upstream: Upstream): UpstreamConnection {
    return new UpstreamConnection(upstream, this.#limits, this.#head, this.#openWire, this.#forget);
  }

  release(connection: UpstreamConnection, now: Milliseconds): void {
    connection.letGo();
    const { upstream } = connection;
    const idle = this.#idle.get(upstream) ?? [];
    if (upstream.leaving || idle.length >= this.#limits.poolSize) {
      connection.destroy();
      return;
    }
    if (idle.length === 0) this.#idle.set(upstream, idle);
    connection.idleUntil = now + connection.idle;
    idle.push(connection);
  }

  /** Closes those that wait. */
  flush(upstream: Upstream): void {
    const idle = this.#idle.get(upstream);
    this.#idle.delete(upstream);
    for (const connection of idle ?? []) connection.destroy();
    this.#sessions.flush(upstream);
  }

  closeIdle(now: Milliseconds): void {
    for (const [upstream, idle] of this.#idle) {
      for (const connection of idle) if (connection.idleUntil < now) connection.destroy();
      if (idle.length === 0) this.#idle.delete(upstream);
    }
    this.#sessions.closeIdle(now);
  }

  readonly #openWire = (owner: WireOwner, upstream: Upstream): Wire =>
    upstream.protocol === 'h2c'
      ? this.#sessions.open(owner, upstream)
      : SocketWire.connect(owner, upstream, this.#byDocument);

  readonly #forget = (connection: UpstreamConnection): void => {
    const idle = this.#idle.get(connection.upstream);
    const index = idle?.indexOf(connection) ?? -1;
    if (index >= 0) idle?.splice(index, 1);
  };
}
