/** A balancer whose time moves, and whose dice fall, as the test says. */
import { defaultTraffic, type TrafficSpec } from '../../src/domain/traffic-spec.ts';
import type { Group } from '../../src/router/balancer/group.ts';
import { Balancer } from '../../src/router/balancer.ts';
import type { RoutedService } from '../../src/router-link/protocol.ts';
import { seeded } from './seeded.ts';

const service = 's';

export class TestBalancer {
  readonly balancer: Balancer;
  readonly left: string[] = [];
  vacated = 0;
  now = 0;

  constructor() {
    this.balancer = new Balancer(
      () => this.now,
      {
        left: upstream => void this.left.push(upstream.id),
        vacated: () => {
          this.vacated += 1;
        },
      },
      { random: seeded(1) },
    );
  }

  /** Instances of one service; their indexes are their places in the alphabet. */
  apply(ids: readonly string[], traffic: Partial<TrafficSpec> = {}, workers = 1): Group {
    this.balancer.apply([serviceOf(ids, traffic)], workers);
    const group = this.balancer.group(service);
    if (!group) throw new Error('there is a group to each service');
    return group;
  }
}

export function serviceOf(ids: readonly string[], traffic: Partial<TrafficSpec> = {}): RoutedService {
  return {
    name: service,
    routes: [{ path: '/', stripPrefix: false }],
    traffic: { ...defaultTraffic, ...traffic },
    endpoints: ids.map(id => ({ id, index: indexOf(id), host: '127.0.0.1', port: 1_000 + indexOf(id) })),
  };
}

function indexOf(id: string): number {
  return id.charCodeAt(0) - 'a'.charCodeAt(0);
}
