/**
 * Admission: whether what is asked for fits on this host. What runs is never ended for it: a capacity that was lowered
 * only lets nothing more in.
 *
 * - Where the host is full, a change is refused, or it is accepted and its instances wait, as the configuration says.
 * - An instance that doesn't fit now waits in either case: during a rollout there may be more of them for a while.
 */
import { availableParallelism, totalmem } from 'node:os';
import { capacityOf, type Demand, type Resources, requestedBy, shortage } from '../domain/capacity.ts';
import { SlipwayError } from '../domain/errors.ts';
import type { CapacitySpec } from '../domain/limits-spec.ts';
import type { ServiceRecord } from '../domain/service.ts';
import type { ServiceSpec } from '../domain/spec.ts';

export interface CapacityStatus {
  /** What instances may request in all. */
  readonly capacity: Resources;
  /** What those that run, or are about to, have requested. */
  readonly requested: Resources;
}

const host: Resources = { cpu: availableParallelism(), memory: totalmem() };

export class Capacity {
  readonly #spec: () => CapacitySpec;
  /** What is reserved right now: instances that run, or shall. */
  readonly #reserved: () => readonly Demand[];

  constructor(spec: () => CapacitySpec, reserved: () => readonly Demand[]) {
    this.#spec = spec;
    this.#reserved = reserved;
  }

  status(): CapacityStatus {
    return { capacity: capacityOf(host, this.#spec()), requested: requestedBy(this.#reserved()) };
  }

  /** Why one more instance doesn't fit right now. */
  whyNotOneMore(name: string, { requests }: Pick<ServiceSpec, 'requests'>): string | undefined {
    if (requests.cpu === undefined && requests.memory === undefined) return undefined;
    const one: Demand = { service: name, instances: 1, requests };
    const others = this.#reserved().map(demand => (demand.service === name ? { ...demand, service: '' } : demand));
    return shortage(capacityOf(host, this.#spec()), [...others, one], name);
  }

  /**
   * Whether all of these services can run at the same time, each with what a rollout adds for a while.
   * @param growing those that are to become more, or ask for more; what was let in once isn't refused
   * @throws SlipwayError SLIP_CAPACITY_EXCEEDED, unless the configuration lets instances wait
   */
  requireRoom(records: readonly Claim[], growing: ReadonlySet<string>, spec = this.#spec()): void {
    if (spec.whenFull === 'queue') return;
    const demands = records.filter(({ isUp }) => isUp).map(demandOf);
    for (const service of growing) {
      const why = shortage(capacityOf(host, spec), demands, service);
      if (why === undefined) continue;
      throw new SlipwayError(
        'SLIP_CAPACITY_EXCEEDED',
        `cannot reserve what ${service} requests: ${why}; lower requests or instances, or raise capacity or its overcommit; a rollout needs room for one more, unless maxUnavailable lets it take one away first`,
      );
    }
  }
}

/** What one service asks for. */
export interface Claim {
  readonly name: string;
  readonly instances: number;
  readonly requests: ServiceSpec['requests'];
  readonly isUp: boolean;
}

export function claimOf(record: ServiceRecord): Claim {
  const { name, instances, declared, desired, removing } = record;
  return { name, instances, requests: declared.requests, isUp: desired === 'up' && !removing };
}

/** While a rollout replaces its instances. */
export function surgeOf(claim: Claim): Claim {
  return { ...claim, instances: claim.instances + 1 };
}

function demandOf({ name, instances, requests }: Claim): Demand {
  return { service: name, instances, requests };
}
