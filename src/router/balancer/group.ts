/**
 * The instances of one service: which takes the next request, which are spared, and who waits for one.
 *
 * - Picking and counting are one step, and each pick is released once.
 * - Nobody waits while an instance that may serve him has room, and nobody is served before one who came earlier and
 *   could have been served by the same.
 * - Ejected instances are picked only where all others were tried, or there are no others. Where others are just busy,
 *   the request waits for them.
 * - An instance that leaves keeps its count until the last request is done.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import { defaultTraffic, type HashKey, type TrafficSpec } from '../../domain/traffic-spec.ts';
import type { BalanceStats, Endpoint, RoutedService } from '../../router-link/protocol.ts';
import { Breaker } from './breaker.ts';
import { Ejection } from './ejection.ts';
import { policyFor } from './policies.ts';
import { Candidates, type Member, noKey, type Policy, unlimited } from './policy.ts';
import { Queue, type Waiter } from './queue.ts';
import { RetryBudget } from './retry-budget.ts';
import { RoundRobin } from './round-robin.ts';
import { Upstream } from './upstream.ts';

export interface GroupParts {
  readonly now: () => Milliseconds;
  readonly random: () => number;
  /** It left the table. */
  left(upstream: Upstream): void;
  /** The last request is done to one that had left. */
  vacated(upstream: Upstream): void;
}

interface IndexedMember extends Member {
  readonly index: number;
}

/** `full`: all are busy, and so many wait already that no more may. `undefined`: there is none. */
export type Picked = Upstream | 'wait' | 'full' | undefined;

export class Group {
  readonly service: string;
  readonly queue = new Queue();
  readonly ejection = new Ejection();
  readonly budget = new RetryBudget();
  breaker: Breaker | undefined;
  /** What requests are told apart by, where they are. */
  hashKey: HashKey | undefined;
  /** Of a request, beyond the first. */
  attempts = defaultTraffic.retries.attempts;
  readonly #parts: GroupParts;
  readonly #candidates = new Candidates();
  #traffic: TrafficSpec = defaultTraffic;
  #policy: Policy = new RoundRobin();
  #policyName = '';
  #upstreams: readonly Upstream[] = [];

  constructor(service: string, parts: GroupParts) {
    this.service = service;
    this.#parts = parts;
  }

  /** Whether there is one that is not in `tried`. */
  hasOther(tried: ReadonlySet<Upstream>): boolean {
    return this.#upstreams.some(upstream => !tried.has(upstream));
  }

  has(endpointId: string): boolean {
    return this.#upstreams.some(upstream => upstream.id === endpointId);
  }

  /**
   * An endpoint with the same id, address and protocol as before stays the same one.
   * @param service absent: no table has it any more
   * @param workers share what is allowed to an instance, and how many may wait
   */
  apply(service: Pick<RoutedService, 'endpoints' | 'traffic'> | undefined, workers: number): void {
    const now = this.#parts.now();
    const before = new Map(this.#upstreams.map(upstream => [keyOf(upstream, upstream.protocol), upstream]));
    const protocol = service?.traffic?.protocol ?? defaultTraffic.protocol;
    const members = this.#members(service?.endpoints ?? [], protocol, before);
    this.#upstreams = members.map(({ upstream }) => upstream);
    const isShared = before.size > 0 && members.some(({ upstream }) => before.has(keyOf(upstream, upstream.protocol)));
    for (const upstream of this.#upstreams) {
      // Where nobody stays who could carry the rest, a part is the whole.
      if (!before.delete(keyOf(upstream, upstream.protocol)) && isShared) upstream.joinedAt = now;
    }
    for (const upstream of before.values()) {
      upstream.leaving = true;
      upstream.upgradesEnd = now + this.#traffic.upgradeGrace;
    }
    this.#configure(service?.traffic ?? defaultTraffic, members, workers, now);
    for (const upstream of before.values()) this.#parts.left(upstream);
    if (service) this.#wake(now);
    else for (const waiter of this.queue.waiting()) this.queue.admit(waiter, undefined);
  }

  /**
   * An instance that is not in `tried`; the request counts as in flight on it until {@link release}.
   * @param key of the caller: see {@link hashKey}
   * @param waiter joins the queue where all are busy; without one, `undefined` says so too
   */
  pick(tried: ReadonlySet<Upstream>, now: Milliseconds, key?: number): Upstream | undefined;
  pick(tried: ReadonlySet<Upstream>, now: Milliseconds, key: number, waiter: Waiter): Picked;
  pick(tried: ReadonlySet<Upstream>, now: Milliseconds, key = noKey, waiter?: Waiter): Picked {
    // What those who wait can't make use of, someone else may.
    if (this.queue.length > 0) this.#wake(now);
    const upstream = this.#choose(tried, now, key);
    if (upstream !== undefined || !waiter || !this.#isBusy()) return upstream;
    return this.queue.join(waiter, now) ? 'wait' : 'full';
  }

  /** One that serves and has room beside this one; none rather than one that is ejected. */
  pickBeside(upstream: Upstream, now: Milliseconds): Upstream | undefined {
    return this.#chooseOf(new Set([upstream]), now, noKey, false);
  }

  release(upstream: Upstream): void {
    upstream.inFlight -= 1;
    if (upstream.leaving) {
      if (upstream.inFlight === 0) this.#parts.vacated(upstream);
    } else if (this.queue.length > 0) this.#wake(this.#parts.now());
  }

  /** To be called regularly while requests are under way: what comes about by time alone. */
  look(now: Milliseconds): void {
    if (this.queue.length === 0) return;
    this.#wake(now);
    this.queue.expire(now);
  }

  stats(now: Milliseconds): BalanceStats {
    const breaker = this.breaker?.state;
    return {
      ejections: this.ejection.count,
      ejected: this.ejection.ejected(now),
      queued: this.queue.length,
      queue: { ...this.queue.outcomes },
      breaker: breaker ? { closed: 0, open: 0, 'half-open': 0, [breaker]: 1 } : {},
    };
  }

  #choose(tried: ReadonlySet<Upstream>, now: Milliseconds, key: number): Upstream | undefined {
    const upstream = this.#chooseOf(tried, now, key, false);
    return upstream === undefined && !this.#isBusy() ? this.#chooseOf(tried, now, key, true) : upstream;
  }

  #chooseOf(
    tried: ReadonlySet<Upstream>,
    now: Milliseconds,
    key: number,
    includesEjected: boolean,
  ): Upstream | undefined {
    const candidates = this.#candidates;
    candidates.now = now;
    candidates.tried = tried;
    candidates.includesEjected = includesEjected;
    const upstream = this.#policy.pick(candidates, key);
    if (upstream !== undefined) upstream.inFlight += 1;
    return upstream;
  }

  /** Whether any of the candidates could serve, had it room. */
  #isBusy(): boolean {
    return this.#upstreams.some(upstream => this.#candidates.mayServe(upstream));
  }

  #wake(now: Milliseconds): void {
    for (const waiter of this.queue.waiting()) {
      const upstream = this.#choose(waiter.tried, now, waiter.key);
      if (upstream !== undefined) this.queue.admit(waiter, upstream);
      // There is no room, or no instance as yet: so it is for all who come behind.
      else if (waiter.tried.size === 0) return;
      else if (!this.#isBusy()) this.queue.admit(waiter, undefined);
    }
  }

  #members(
    endpoints: readonly Endpoint[],
    protocol: TrafficSpec['protocol'],
    before: ReadonlyMap<string, Upstream>,
  ): IndexedMember[] {
    const places = new Map<string, number>();
    return endpoints.map(endpoint => {
      const upstream = before.get(keyOf(endpoint, protocol)) ?? new Upstream(this.service, endpoint, protocol);
      const place = endpoint.index === undefined ? endpoint.id : `#${endpoint.index}`;
      const others = places.get(place) ?? 0;
      places.set(place, others + 1);
      return { upstream, index: endpoint.index ?? 0, place: others === 0 ? place : `${place} ${others}` };
    });
  }

  #configure(traffic: TrafficSpec, members: readonly IndexedMember[], workers: number, now: Milliseconds): void {
    const { balance, slowStart, maxConnections, retries, breaker } = traffic;
    this.#traffic = traffic;
    const weights = balance.policy === 'weighted' ? balance.weights : [];
    for (const { upstream, index } of members) upstream.weight = weights[index] ?? 1;
    this.#candidates.slowStart = slowStart;
    this.#candidates.limit = maxConnections === undefined ? unlimited : Math.ceil(maxConnections / workers);
    const policyName = JSON.stringify([balance.policy, slowStart > 0]);
    if (policyName !== this.#policyName) this.#policy = policyFor(traffic, this.#parts.random);
    this.#policyName = policyName;
    this.#policy.apply(members);
    this.hashKey = balance.policy === 'hash' ? balance.by : undefined;
    this.queue.size = Math.ceil(traffic.queue.size / workers);
    this.queue.timeout = traffic.queue.timeout;
    this.ejection.apply(traffic.ejection, this.#upstreams, now);
    this.attempts = retries.attempts;
    this.budget.share = retries.budget;
    if (JSON.stringify(breaker) !== JSON.stringify(this.breaker?.spec ?? false)) {
      this.breaker = breaker ? new Breaker(breaker) : undefined;
    }
  }
}

function keyOf({ id, host, port, socket }: Endpoint | Upstream, protocol: TrafficSpec['protocol']): string {
  return `${id} ${socket ?? `${host} ${port}`} ${protocol}`;
}
