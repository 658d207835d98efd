/** What is counted as it happens. Bounded: by the services there are, the probes there are, and {@link mostReasons}. */
import type { ControlCounters } from '../control/contract.ts';

export interface Count {
  readonly service: string;
  /** Restart reason, or probe and result. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Restart reasons of one service that are told apart; further ones count as `other`. */
const mostReasons = 20;

export class Counters implements ControlCounters {
  readonly #restarts = new Map<string, Map<string, number>>();
  readonly #probes = new Map<string, Map<string, number>>();

  restarted(service: string, reason: string): void {
    const reasons = childOf(this.#restarts, service);
    increment(reasons, reasons.has(reason) || reasons.size < mostReasons ? reason : 'other');
  }

  probed(service: string, probe: string, passed: boolean): void {
    increment(childOf(this.#probes, service), `${probe} ${passed ? 'passed' : 'failed'}`);
  }

  /** Drops what was counted for services that are gone. */
  retain(services: ReadonlySet<string>): void {
    for (const counts of [this.#restarts, this.#probes]) {
      for (const service of counts.keys()) if (!services.has(service)) counts.delete(service);
    }
  }

  restarts(): Count[] {
    return flatten(this.#restarts, reason => ({ reason }));
  }

  probes(): Count[] {
    return flatten(this.#probes, key => {
      const [probe = '', result = ''] = key.split(' ');
      return { probe, result };
    });
  }
}

function childOf(counts: Map<string, Map<string, number>>, service: string): Map<string, number> {
  const child = counts.get(service) ?? new Map<string, number>();
  counts.set(service, child);
  return child;
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function flatten(counts: Map<string, Map<string, number>>, labels: (key: string) => Count['labels']): Count[] {
  return [...counts].flatMap(([service, child]) =>
    [...child].map(([key, value]) => ({ service, labels: labels(key), value })),
  );
}
