/** Connections to instances that speak HTTP/2: as few as their limits on streams allow. */
import type { Milliseconds } from '../../domain/clock.ts';
import type { Upstream } from '../balancer/upstream.ts';

import type { ForwardLimits } from '../plane/forwarder.ts';
import type { Wire, WireOwner } from '../plane/wire.ts';
import { InstanceSession } from './instance-session.ts';
import { InstanceWire } from './instance-wire.ts';

export class InstanceSessions {
  readonly #limits: ForwardLimits;
  readonly #sessions = new Map<Upstream, InstanceSession[]>();

  constructor(limits: ForwardLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#sessions.size === 0;
  }

  open(owner: WireOwner, upstream: Upstream): Wire {
    return new InstanceWire(owner, this.#limits, () => this.#sessionTo(upstream));
  }

  /** Closes those that are not used. */
  flush(upstream: Upstream): void {
    for (const session of this.#sessions.get(upstream) ?? []) session.closeIdle(Number.POSITIVE_INFINITY);
  }

  closeIdle(now: Milliseconds): void {
    for (const [upstream, sessions] of this.#sessions) {
      for (const session of sessions) session.closeIdle(upstream.leaving ? Number.POSITIVE_INFINITY : now);
    }
  }

  #sessionTo(upstream: Upstream): InstanceSession {
    const sessions = this.#sessions.get(upstream) ?? [];
    const session = sessions.find(({ hasRoom }) => hasRoom);
    if (session) return session;
    const made = new InstanceSession(upstream, this.#limits, gone => this.#forget(upstream, gone));
    this.#sessions.set(upstream, [...sessions, made]);
    return made;
  }

  #forget(upstream: Upstream, gone: InstanceSession): void {
    const left = this.#sessions.get(upstream)?.filter(session => session !== gone) ?? [];
    if (left.length > 0) this.#sessions.set(upstream, left);
    else this.#sessions.delete(upstream);
  }
}
