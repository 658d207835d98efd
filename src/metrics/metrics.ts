/** The metrics of a host, in the Prometheus text format. Everything is read at the scrape; between two, nothing runs. */
import Registry from 'prom-client/lib/registry.js';
import type { Control } from '../control/contract.ts';
import type { RouterLink } from '../router-link/contract.ts';
import type { Counters } from './counters.ts';
import { families } from './families.ts';
import { processFamilies } from './process.ts';

export interface Metrics {
  exposition(): Promise<string>;
}

export interface MetricsSources {
  readonly control: Pick<Control, 'host' | 'services'>;
  readonly router: Pick<RouterLink, 'stats' | 'status'>;
  readonly counters: Counters;
}

export function createMetrics({ control, router, counters }: MetricsSources): Metrics {
  return {
    async exposition() {
      const [services, traffic] = await Promise.all([control.services(), router.stats()]);
      counters.retain(new Set(services.map(service => service.name)));
      const snapshot = {
        host: control.host(),
        services,
        restarts: counters.restarts(),
        probes: counters.probes(),
        router: router.status(),
        traffic,
      };
      const registry = new Registry();
      for (const family of [...families(snapshot), ...processFamilies()]) {
        registry.registerMetric({ name: family.name, get: async () => family });
      }
      return registry.metrics();
    },
  };
}
