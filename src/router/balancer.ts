/**
 * The instances of all services, as the table in force has them. What concerns one service is its group's; a group stays
 * when its service leaves the table, since its counters must not go back.
 */
import type { Milliseconds } from '../domain/clock.ts';
import type { BalanceStats, RoutedService } from '../router-link/protocol.ts';
import { Group, type GroupParts } from './balancer/group.ts';
import type { Upstream } from './balancer/upstream.ts';

export interface BalancerEvents {
  /** It left the table; pooled connections to it that carry nothing should be closed. */
  left(upstream: Upstream): void;
  /** The last request to an endpoint that had left is done. */
  vacated(): void;
}

export interface BalancerOptions {
  /** From 0 to below 1. */
  readonly random?: () => number;
}

export class Balancer {
  readonly #groups = new Map<string, Group>();
  /** Left, with requests in flight. */
  readonly #leaving = new Set<Upstream>();
  readonly #parts: GroupParts;

  constructor(now: () => Milliseconds, events: BalancerEvents, { random = Math.random }: BalancerOptions = {}) {
    this.#parts = {
      now,
      random,
      left: upstream => {
        if (upstream.inFlight > 0) this.#leaving.add(upstream);
        events.left(upstream);
      },
      vacated: upstream => {
        if (this.#leaving.delete(upstream)) events.vacated();
      },
    };
  }

  /** @param workers that share what a service may take */
  apply(services: readonly RoutedService[], workers = 1): void {
    const gone = new Set(this.#groups.keys());
    for (const service of services) {
      gone.delete(service.name);
      const group = this.#groups.get(service.name) ?? new Group(service.name, this.#parts);
      this.#groups.set(service.name, group);
      group.apply(service, workers);
    }
    for (const name of gone) this.#groups.get(name)?.apply(undefined, workers);
  }

  /** Stays the same as long as the worker lives. */
  group(service: string): Group | undefined {
    return this.#groups.get(service);
  }

  /** To be called regularly while requests are under way. */
  look(now: Milliseconds): void {
    for (const group of this.#groups.values()) group.look(now);
  }

  has(endpointId: string): boolean {
    for (const group of this.#groups.values()) if (group.has(endpointId)) return true;
    return false;
  }

  /** By endpoint id, only what left the table and is not done. */
  leaving(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const upstream of this.#leaving) counts.set(upstream.id, (counts.get(upstream.id) ?? 0) + upstream.inFlight);
    return counts;
  }

  /** By service. */
  stats(): ReadonlyMap<string, BalanceStats> {
    const now = this.#parts.now();
    return new Map([...this.#groups].map(([service, group]) => [service, group.stats(now)]));
  }
}
