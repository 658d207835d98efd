/** Rules of the router and of what services ask of it: nothing is routed, or listened on, twice. */
import { parseListen } from '../domain/listen.ts';
import type { RouteSpec } from '../domain/route-spec.ts';
import { parseAddress } from './address.ts';
import type { Services } from './checks.ts';
import type { Finding } from './issues.ts';
import type { Path } from './problem.ts';
import { placesOf, routesOf } from './resolve.ts';
import { formatRoute } from './route.ts';
import type { ProjectConfig } from './schema/project.ts';

/** @param answering routes of the router itself */
export function* checkRoutes(
  services: Services,
  answering: readonly RouteSpec[],
  placeOf: (path: Path) => string,
): Generator<Finding> {
  const owners = new Map<string, { readonly owner: string; readonly path: Path }>();
  for (const { route, owner, path } of allRoutes(services, answering)) {
    const key = formatRoute(route);
    const taken = owners.get(key);
    if (!taken) {
      owners.set(key, { owner, path });
      continue;
    }
    const to = taken.owner !== owner ? taken.owner : owner === theRouter ? 'the router' : 'this service';
    yield { path, message: `cannot route ${key} here: it goes to ${to} already (${placeOf(taken.path)})` };
  }
}

const theRouter = 'the router';

function* allRoutes(services: Services, answering: readonly RouteSpec[]) {
  for (const [index, route] of answering.entries()) {
    yield { route, owner: theRouter, path: ['router', 'routes', index] satisfies Path };
  }
  for (const [name, service] of services) {
    for (const [index, route] of routesOf(service).entries()) {
      const path: Path = service.routes ? ['services', name, 'routes', index] : ['services', name, 'route'];
      yield { route, owner: `"${name}"`, path };
    }
  }
}

/** Addresses and ports must not be claimed twice. */
export function* checkPorts(project: ProjectConfig, services: Services): Generator<Finding> {
  const { from, to } = project.ports;
  const seen = new Set<string>();
  for (const { address, path } of claims(project, services)) {
    const port = parseAddress(address)?.port ?? 0;
    if (port !== 0 && seen.has(address)) {
      yield { path, message: `cannot listen on ${address} twice: expected another address here` };
    }
    seen.add(address);
    if (port >= from && port <= to) {
      yield {
        path,
        message: `cannot listen on port ${port}, which ports: ${from}-${to} hands to instances: choose another`,
      };
    }
  }
  const wanted = [...services.values()].reduce(
    (sum, service) => sum + (placesOf(service).port === false ? 0 : service.instances),
    0,
  );
  if (wanted > to - from + 1) {
    yield {
      path: ['ports'],
      message: `cannot give ${wanted} instances a port each out of ${to - from + 1}: expected a wider range`,
    };
  }
}

function* claims({ router, metrics }: ProjectConfig, services: Services) {
  for (const [index, text] of router.listen.entries()) {
    yield { address: parseListen(text)?.address ?? text, path: ['router', 'listen', index] satisfies Path };
  }
  if (metrics.listen !== undefined) yield { address: metrics.listen, path: ['metrics', 'listen'] satisfies Path };
  for (const [name, { tcp }] of services) {
    for (const [index, address] of tcp.entries()) {
      yield { address, path: ['services', name, 'tcp', index] satisfies Path };
    }
  }
}

export function* checkRouter({ router }: ProjectConfig): Generator<Finding> {
  const secure = router.listen.findIndex(text => parseListen(text)?.scheme === 'https');
  if (secure >= 0 && router.tls.certificates.length === 0) {
    yield {
      path: ['router', 'listen', secure],
      message: 'cannot speak TLS here without a certificate: expected one in router.tls.certificates',
    };
  }
}
