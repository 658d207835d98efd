/** What a configuration asks of the router: where it listens, and how it behaves there. */
import { availableParallelism } from 'node:os';
import { formatListen } from '../domain/listen.ts';
import { type RouterSettings, type RouterSpec, workersOn } from '../domain/router-spec.ts';
import type { ProjectSpec } from '../domain/spec.ts';

/** All addresses, those of services whose connections are passed on as they are included. */
export function listensOf({ router, services }: Pick<ProjectSpec, 'router' | 'services'>): readonly string[] {
  const tcp = Object.values(services).flatMap(service => service.tcp);
  return [...router.listen, ...tcp.map(address => formatListen({ scheme: 'tcp', proxyProtocol: false, address }))];
}

/** What can change without a new router. */
export function settingsOf(router: RouterSpec, cores = availableParallelism()): RouterSettings {
  const { listen: _listen, ...settings } = router;
  return { ...settings, workers: router.workers || workersOn(cores) };
}
