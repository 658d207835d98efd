/**
 * Which endpoint of a service takes the next request, and how many are in flight on each.
 *
 * - Picking and counting are one step, so an endpoint that is in no table and has nothing in flight stays at nothing.
 * - An endpoint that doesn't accept connections is passed over for a while, unless all of its service are such.
 * - An endpoint that leaves the table keeps its count until the last request is done.
 */
import type { Milliseconds } from '../domain/clock.ts';
import type { Endpoint, RoutedService } from '../router-link/protocol.ts';

const firstEjection: Milliseconds = 1_000;
const longestEjection: Milliseconds = 10_000;
const neverEjected: Milliseconds = Number.NEGATIVE_INFINITY;

export class Upstream {
  readonly id: string;
  readonly service: string;
  readonly host: string;
  readonly port: number;
  inFlight = 0;
  /** No table has it any more. */
  leaving = false;
  /** Connects that failed since the last that did not. */
  failures = 0;
  ejectedUntil: Milliseconds = neverEjected;

  constructor(service: string, endpoint: Endpoint) {
    this.service = service;
    this.id = endpoint.id;
    this.host = endpoint.host;
    this.port = endpoint.port;
  }
}

interface Group {
  readonly upstreams: readonly Upstream[];
  next: number;
}

export interface BalancerEvents {
  /** It left the table; pooled connections to it that carry nothing should be closed. */
  left(upstream: Upstream): void;
  /** The last request to an endpoint that had left is done. */
  vacated(): void;
}

export class Balancer {
  #groups = new Map<string, Group>();
  /** Left, with requests in flight. */
  readonly #leaving = new Set<Upstream>();
  readonly #now: () => Milliseconds;
  readonly #events: BalancerEvents;

  constructor(now: () => Milliseconds, events: BalancerEvents) {
    this.#now = now;
    this.#events = events;
  }

  /** An endpoint with the same id, host and port as before stays the same one. */
  apply(services: readonly RoutedService[]): void {
    const known = new Map<string, Upstream>();
    for (const group of this.#groups.values()) {
      for (const upstream of group.upstreams) known.set(keyOf(upstream.service, upstream), upstream);
    }
    const groups = new Map<string, Group>();
    for (const { name, endpoints } of services) {
      const upstreams = endpoints.map(endpoint => {
        const key = keyOf(name, endpoint);
        const upstream = known.get(key) ?? new Upstream(name, endpoint);
        known.delete(key);
        return upstream;
      });
      groups.set(name, { upstreams, next: this.#groups.get(name)?.next ?? 0 });
    }
    this.#groups = groups;
    for (const upstream of known.values()) {
      upstream.leaving = true;
      if (upstream.inFlight > 0) this.#leaving.add(upstream);
      this.#events.left(upstream);
    }
  }

  /**
   * Round robin over those not in `tried`; counts the request as in flight until {@link release}. `undefined`: there
   * is none, or all were tried.
   */
  pick(service: string, tried: ReadonlySet<Upstream> | undefined): Upstream | undefined {
    const group = this.#groups.get(service);
    if (!group) return undefined;
    const { upstreams } = group;
    let now: Milliseconds | undefined;
    let lastResort = -1;
    for (let step = 0; step < upstreams.length; step++) {
      const index = (group.next + step) % upstreams.length;
      const upstream = upstreams[index] as Upstream;
      if (tried?.has(upstream)) continue;
      if (upstream.ejectedUntil === neverEjected) return take(group, index);
      now ??= this.#now();
      if (upstream.ejectedUntil <= now) return take(group, index);
      if (lastResort < 0) lastResort = index;
    }
    return lastResort < 0 ? undefined : take(group, lastResort);
  }

  release(upstream: Upstream): void {
    upstream.inFlight -= 1;
    if (upstream.inFlight === 0 && this.#leaving.delete(upstream)) this.#events.vacated();
  }

  connected(upstream: Upstream): void {
    upstream.failures = 0;
    upstream.ejectedUntil = neverEjected;
  }

  /** It refused the connection, or did not answer to it. */
  refused(upstream: Upstream): void {
    const now = this.#now();
    // Requests that were under way together tell the same news only once.
    if (upstream.ejectedUntil > now) return;
    upstream.ejectedUntil = now + Math.min(firstEjection * 2 ** upstream.failures, longestEjection);
    upstream.failures += 1;
  }

  has(endpointId: string): boolean {
    for (const group of this.#groups.values()) {
      if (group.upstreams.some(upstream => upstream.id === endpointId)) return true;
    }
    return false;
  }

  /** By endpoint id, only what left the table and is not done. */
  leaving(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const upstream of this.#leaving) counts.set(upstream.id, (counts.get(upstream.id) ?? 0) + upstream.inFlight);
    return counts;
  }
}

function take(group: Group, index: number): Upstream {
  const upstream = group.upstreams[index] as Upstream;
  group.next = index + 1;
  upstream.inFlight += 1;
  return upstream;
}

function keyOf(service: string, endpoint: Endpoint): string {
  return `${service} ${endpoint.id} ${endpoint.host} ${endpoint.port}`;
}
