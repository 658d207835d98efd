/** What no single value can break alone: rules between values, services and addresses. */
import { parseListen } from '../domain/listen.ts';
import { portPlaceholder, socketPlaceholder } from './interpolate.ts';
import type { Finding } from './issues.ts';
import { type Path, show } from './problem.ts';
import { packageParts, placesOf, routesOf } from './resolve.ts';
import { runtimeNames } from './runtime-names.ts';
import type { ProjectConfig } from './schema/project.ts';
import type { ServiceConfig } from './schema/service.ts';
import { didYouMean, suggest } from './suggest.ts';

export type Services = ReadonlyMap<string, ServiceConfig>;

/** Rules inside of one service. */
export function* checkService(name: string, service: ServiceConfig): Generator<Finding> {
  const at = (...rest: Path): Path => ['services', name, ...rest];
  yield* checkPackage(service, at);
  if (service.runtime !== undefined) {
    yield* checkRuntimeName(service.runtime.split('@')[0] ?? '', at('runtime'));
  }
  if (service.route && service.routes) {
    yield {
      path: at('routes'),
      message: 'cannot take routes beside route: expected one of them; move the route into routes',
    };
  }
  if (service.dependsOn.includes(name)) {
    yield {
      path: at('dependsOn', service.dependsOn.indexOf(name)),
      message: 'cannot depend on itself: remove it here',
    };
  }
  if (service.traffic.protocol === 'h2c') yield* checkProbesOfHttp2(service, at);
  yield* checkPlaces(service, at);
}

/** Where its instances listen. */
function* checkPlaces(service: ServiceConfig, at: At): Generator<Finding> {
  if (service.port && service.socket) {
    yield { path: at('socket'), message: 'cannot take socket beside port: expected one of them; remove the other' };
  }
  const { port, socket } = placesOf(service);
  if (port === false && socket === false) yield* checkPortless(service, at);
  const told = port || socket;
  if (told && Object.hasOwn(service.env, told.env)) {
    const what = port ? 'port' : 'socket';
    const none = port ? ', or write port: false' : '';
    yield {
      path: at('env', told.env),
      message: `cannot set ${told.env}, in which each instance is told its own ${what}: remove it, choose another variable with ${what}: { env: NAME }${none}`,
    };
  }
  if (port && service.isolation.network === 'loopback') {
    yield {
      path: at('isolation', 'network'),
      message: 'cannot reach the port of a service without a network: give it a socket instead, or write port: false',
    };
  }
  if (port === false) {
    const lacking = socket ? 'socket instead of a port' : 'port: false';
    yield* checkPlaceholders(service, portPlaceholder, `the port of a service with ${lacking}`, 'a port', at);
  }
  if (socket === false)
    yield* checkPlaceholders(service, socketPlaceholder, 'the socket of a service without one', 'a socket', at);
}

type At = (...rest: Path) => Path;

function* checkPackage(service: ServiceConfig, at: At): Generator<Finding> {
  const { path, url, sha256 } = packageParts(service);
  const short = typeof service.package === 'string';
  if (!short && service.sha256 !== undefined) {
    yield { path: at('sha256'), message: 'cannot take sha256 beside a package mapping: move it into package' };
  }
  if ((path === undefined) === (url === undefined)) {
    yield { path: at('package'), message: 'cannot tell which package is meant: expected exactly one of path and url' };
  }
  if (path !== undefined && sha256 !== undefined) {
    yield {
      path: short ? at('sha256') : at('package', 'sha256'),
      message: 'cannot take sha256 with a path: it belongs to a URL; remove it',
    };
  }
  if (url === undefined) return;
  const place = short ? at('package') : at('package', 'url');
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^https?:$/.test(parsed.protocol)) {
    yield {
      path: place,
      message: `cannot fetch from ${JSON.stringify(url)}: expected an http or https URL, or a path`,
    };
  } else if (parsed.username !== '' || parsed.password !== '') {
    yield {
      path: place,
      message:
        'cannot take a URL with a user or password, since URLs are shown: fetch the package yourself and give its path',
    };
  } else if (sha256 === undefined) {
    yield {
      path: place,
      message: `cannot fetch a package without its digest: add sha256 ${short ? 'beside package' : 'beside url'} (see \`sha256sum FILE\`)`,
    };
  }
}

function* checkProbesOfHttp2(service: ServiceConfig, at: At): Generator<Finding> {
  for (const kind of ['startup', 'readiness', 'liveness'] as const) {
    if (service.probes[kind]?.action.kind !== 'http') continue;
    yield {
      path: at('probes', kind, 'http'),
      message:
        'cannot probe by http a service with traffic.protocol: h2c, since probes speak HTTP/1.1: expected tcp: true, or exec with a command such as grpc_health_probe',
    };
  }
}

function* checkPortless(service: ServiceConfig, at: At): Generator<Finding> {
  for (const kind of ['startup', 'readiness', 'liveness'] as const) {
    const action = service.probes[kind]?.action;
    if (action && action.kind !== 'exec') {
      yield {
        path: at('probes', kind, action.kind),
        message: `cannot probe by ${action.kind} a service with port: false: expected an exec probe, or a port`,
      };
    }
  }
  if (routesOf(service).length > 0) {
    const key = service.routes ? 'routes' : 'route';
    yield { path: at(key), message: `cannot route to a service with port: false: remove ${key}, or give it a port` };
  }
  if (service.tcp.length > 0) {
    yield {
      path: at('tcp'),
      message: 'cannot pass connections on to a service with port: false: remove tcp, or give it a port',
    };
  }
}

/** @param what there is none of, to be got by giving the service `instead` */
function* checkPlaceholders(
  service: ServiceConfig,
  placeholder: RegExp,
  what: string,
  instead: string,
  at: At,
): Generator<Finding> {
  for (const [path, words] of commandLines(service)) {
    for (const [index, word] of words.entries()) {
      if (!placeholder.test(word)) continue;
      yield {
        path: at(...path, index),
        message: `cannot fill in ${what}: remove it from ${show(word)}, or give it ${instead}`,
      };
    }
  }
}

function* commandLines(service: ServiceConfig): Generator<readonly [Path, readonly string[]]> {
  for (const kind of ['startup', 'readiness', 'liveness'] as const) {
    const action = service.probes[kind]?.action;
    if (action?.kind === 'exec') yield [['probes', kind, 'exec'], action.command];
  }
  for (const key of ['command', 'args', 'runtimeArgs'] as const) yield [[key], service[key] ?? []];
}

/** The name of a runtime, in a service or in the list of further places. */
export function* checkRuntimeName(name: string, path: Path): Generator<Finding> {
  if (runtimeNames.includes(name)) return;
  const hint = didYouMean(name, runtimeNames) || `the runtimes are ${runtimeNames.join(', ')}`;
  yield { path, message: `cannot find the runtime "${name}": ${hint}; for anything else give a command` };
}

/** Rules between services. `names` are all names in the file, of broken services too. */
export function* checkServices(services: Services, names: readonly string[]): Generator<Finding> {
  const known = new Set(names);
  for (const [name, { dependsOn }] of services) {
    for (const [index, dependency] of dependsOn.entries()) {
      if (known.has(dependency)) continue;
      const meant = suggest(dependency, names);
      const hint = meant === undefined ? 'expected the name of a service in this file' : `did you mean "${meant}"?`;
      yield {
        path: ['services', name, 'dependsOn', index],
        message: `cannot depend on the unknown service "${dependency}": ${hint}`,
      };
    }
  }
  yield* checkCycles(services);
}

/** Each cycle once, reported where its first service (in the order of the file) depends on the next. */
function* checkCycles(services: Services): Generator<Finding> {
  const done = new Set<string>();
  for (const start of services.keys()) {
    const trail: { readonly name: string; next: number }[] = [{ name: start, next: 0 }];
    const positions = new Map([[start, 0]]);
    for (let top = trail.at(-1); top; top = trail.at(-1)) {
      const dependency = done.has(top.name) ? undefined : services.get(top.name)?.dependsOn[top.next++];
      if (dependency === undefined) {
        done.add(top.name);
        positions.delete(top.name);
        trail.pop();
        continue;
      }
      const from = positions.get(dependency);
      if (from === undefined) {
        positions.set(dependency, trail.length);
        trail.push({ name: dependency, next: 0 });
      } else if (dependency !== top.name) {
        const cycle = [...trail.slice(from).map(({ name }) => name), dependency];
        const first = trail[from] ?? top;
        yield {
          path: ['services', first.name, 'dependsOn', first.next - 1],
          message: `cannot order services that depend on each other: ${formatCycle(cycle)}; remove one of these dependencies`,
        };
      }
    }
  }
}

function formatCycle(names: readonly string[]): string {
  const shown = names.length > 12 ? [...names.slice(0, 6), '…', ...names.slice(-5)] : names;
  return shown.join(' → ');
}

/** Things that work, but maybe not as meant. */
export function* doubts({ ports: { from, to }, router }: ProjectConfig): Generator<Finding> {
  const introduced = router.listen.findIndex(text => parseListen(text)?.proxyProtocol);
  if (introduced >= 0 && router.trustedProxies.length === 0) {
    const message =
      'whoever can connect here can claim to be any client: name the proxies that send the PROXY protocol in router.trustedProxies';
    yield { path: ['router', 'listen', introduced], message };
  }
  if (to >= 32_768 && from <= 60_999) {
    const message =
      'these ports overlap with 32768-60999, from which Linux by default takes those of outgoing connections; a busy one is skipped';
    yield { path: ['ports'], message };
  }
}
