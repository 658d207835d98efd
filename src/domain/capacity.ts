/**
 * What fits on the host: requests are held against capacity before anything is started, so that no instance takes from
 * another what was reserved for it. Pure.
 */
import type { Bytes, CapacitySpec, Requests } from './limits-spec.ts';

export interface Resources {
  /** In cores. */
  readonly cpu: number;
  readonly memory: Bytes;
}

export interface Demand {
  readonly service: string;
  readonly instances: number;
  readonly requests: Requests;
}

const nothing: Resources = { cpu: 0, memory: 0 };

/** What may be requested in all. */
export function capacityOf(host: Resources, { cpu, memory, overcommit }: CapacitySpec): Resources {
  return {
    cpu: (cpu ?? host.cpu) * overcommit.cpu,
    memory: Math.floor((memory ?? host.memory) * overcommit.memory),
  };
}

export function requestedBy(demands: readonly Demand[]): Resources {
  return demands.reduce(
    (sum, { instances, requests: { cpu = 0, memory = 0 } }) => ({
      cpu: round(sum.cpu + instances * cpu),
      memory: sum.memory + instances * memory,
    }),
    nothing,
  );
}

/**
 * Why the demands exceed the capacity, with the arithmetic: `memory: 3 × 512Mi for greeter and 2Gi for others make
 * 3.5Gi, and 3Gi can be requested`; `undefined` where they fit, or where the one in question asks for nothing of what is
 * short.
 * @param service the one that is to be let in
 */
export function shortage(capacity: Resources, demands: readonly Demand[], service: string): string | undefined {
  const own = demands.filter(demand => demand.service === service);
  const others = requestedBy(demands.filter(demand => demand.service !== service));
  const mine = requestedBy(own);
  const lines = (['cpu', 'memory'] as const).flatMap(resource => {
    const total = round(mine[resource] + others[resource]);
    if (mine[resource] === 0 || total <= capacity[resource]) return [];
    const format = formats[resource];
    const parts = own
      .map(({ instances, requests }) => `${instances} × ${format(requests[resource] ?? 0)}`)
      .join(' and ');
    return [
      `${resource}: ${parts} for ${service} and ${format(others[resource])} for others make ${format(total)}, ` +
        `and ${format(capacity[resource])} can be requested`,
    ];
  });
  return lines.length === 0 ? undefined : lines.join('; ');
}

const formats = {
  cpu: (cores: number) => `${round(cores)} cores`,
  memory: (bytes: Bytes) => {
    const units = ['', 'Ki', 'Mi', 'Gi', 'Ti'];
    let value = bytes;
    let unit = 0;
    while (value >= 1024 && unit < units.length - 1) {
      value /= 1024;
      unit++;
    }
    return `${Number(value.toFixed(1))}${units[unit]}`;
  },
} as const;

/** Sums of decimal shares must not exceed a capacity by what binary fractions add to them. */
function round(cores: number): number {
  return Math.round(cores * 1e6) / 1e6;
}
