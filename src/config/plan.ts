/**
 * What applying a configuration would change, in words. Pure; equal projects give no change, whatever the order of
 * their keys. A package whose bytes changed under the same path is not seen here: that needs the disk.
 */
import type { PlannedChange } from '../domain/change.ts';
import type { RouteSpec } from '../domain/route-spec.ts';
import { defaultSettings, type RouterSpec } from '../domain/router-spec.ts';
import type { EnvValue, PackageSource, ProbeKind, ProbeSpec, ProjectSpec, ServiceSpec } from '../domain/spec.ts';
import { formatDuration } from './duration.ts';
import { redactValue } from './redact.ts';
import { formatRoute } from './route.ts';
import { formatSize } from './size.ts';

/** In the order: router, settings, then services by name. `service` is empty where a change is of none. */
export function planChanges(before: ProjectSpec | undefined, after: ProjectSpec): PlannedChange[] {
  const changes: PlannedChange[] = [];
  const add = (service: string, action: PlannedChange['action'], details: readonly string[]): void => {
    if (details.length > 0) changes.push({ service, action, details });
  };
  add('', 'router', diffRouter(before?.router, after.router));
  if (before) add('', 'settings', diff(settings(before), settings(after)));

  const old = before?.services ?? {};
  const names = new Set([...Object.keys(old), ...Object.keys(after.services)]);
  for (const name of [...names].sort()) {
    const was = own(old, name);
    const is = own(after.services, name);
    if (was && is) add(name, 'change', diffService(was, is));
    else if (is) add(name, 'add', summary(is));
    else if (was) add(name, 'remove', summary(was));
  }
  return changes;
}

function diffRouter(before: RouterSpec | undefined, after: RouterSpec): string[] {
  // Before anything was applied there is no router, so its addresses are news, and its defaults are not.
  const base = before ?? { ...defaultSettings, listen: [], workers: 0 };
  const { routes: _was, ...was } = base;
  const { routes: _is, ...is } = after;
  return [...diff(was, is), ...diffRoutes(base.routes, after.routes)];
}

function settings({ metrics, ports, logs, unpack, runtimes }: ProjectSpec): object {
  return { metrics, ports: `${ports.from}-${ports.to}`, logs, unpack, runtimes };
}

function summary(service: ServiceSpec): string[] {
  const { package: source, instances, routes } = service;
  const details = [`package: ${formatSource(source)}`, `instances: ${instances}`];
  return routes.length > 0 ? [...details, `routes: ${formatRoutes(routes)}`] : details;
}

function diffService(before: ServiceSpec, after: ServiceSpec): string[] {
  return [
    ...diff(visible(before), visible(after)),
    ...diffRoutes(before.routes, after.routes),
    ...[...union(before.env, after.env)].flatMap(name => diffEnv(name, own(before.env, name), own(after.env, name))),
    ...probeKinds.flatMap(kind => diffProbe(kind, before.probes[kind], after.probes[kind])),
  ];
}

/** All but environment and probes, in the words of slipway.yaml. */
function visible(service: ServiceSpec): object {
  const {
    name: _name,
    env: _env,
    probes: _probes,
    runtime,
    port,
    socket,
    routes: _routes,
    dependsOn,
    restart,
    ...rest
  } = service;
  return {
    ...rest,
    package: formatSource(service.package),
    runtime: runtime && (runtime.range === undefined ? runtime.name : `${runtime.name}@${runtime.range}`),
    port: port === false ? false : port.env,
    socket: socket === false ? false : socket.env,
    dependsOn: [...dependsOn].sort(),
    restart: {
      ...restart,
      giveUpAfter:
        restart.giveUpAfter && `${restart.giveUpAfter.restarts} in ${formatDuration(restart.giveUpAfter.within)}`,
    },
  };
}

function formatSource(source: PackageSource): string {
  return source.kind === 'path' ? source.path : `${source.url} (sha256 ${source.sha256.slice(0, 12)}…)`;
}

/** What a route does to requests is not quoted: headers hold credentials now and then. */
function diffRoutes(before: readonly RouteSpec[], after: readonly RouteSpec[]): string[] {
  const moved = diffValue('routes', formatRoutes(before), formatRoutes(after));
  if (moved.length > 0) return moved;
  const was = new Map(before.map(route => [formatRoute(route), JSON.stringify(route)]));
  return after
    .filter(route => was.get(formatRoute(route)) !== JSON.stringify(route))
    .map(route => `routes ${formatRoute(route)}: changed`);
}

function formatRoutes(routes: readonly RouteSpec[]): string {
  const formatted = routes.map(route => (route.stripPrefix ? `${formatRoute(route)} (stripped)` : formatRoute(route)));
  return formatted.sort().join(', ') || 'none';
}

function diffEnv(name: string, before: EnvValue | undefined, after: EnvValue | undefined): string[] {
  if (before?.kind !== 'secret' && after?.kind !== 'secret') {
    return diffValue(`env.${name}`, before && redactValue(before), after && redactValue(after));
  }
  if (before === undefined) return [`env.${name}: added`];
  if (after === undefined) return [`env.${name}: removed`];
  const same =
    before.kind === after.kind && before.kind === 'secret' && before.value === (after as typeof before).value;
  return same ? [] : [`env.${name}: changed`];
}

const probeKinds: readonly ProbeKind[] = ['startup', 'readiness', 'liveness'];

function diffProbe(kind: ProbeKind, before: ProbeSpec | undefined, after: ProbeSpec | undefined): string[] {
  const label = `probes.${kind}`;
  if (before && after && before.action.kind === after.action.kind) {
    const changed = diff(probeFields(before), probeFields(after)).map(line => `${label}.${line}`);
    // Headers hold credentials now and then.
    return sameHeaders(before, after) ? changed : [...changed, `${label}.http.headers: changed`];
  }
  return diffValue(label, before && formatProbe(before), after && formatProbe(after));
}

function probeFields({ action, ...timing }: ProbeSpec): object {
  if (action.kind === 'exec') return { exec: action.command, ...timing };
  if (action.kind === 'tcp') return timing;
  return { http: { path: action.path, host: action.host, status: action.status.join('-') }, ...timing };
}

function sameHeaders({ action: a }: ProbeSpec, { action: b }: ProbeSpec): boolean {
  if (a.kind !== 'http' || b.kind !== 'http') return true;
  return [...union(a.headers, b.headers)].every(name => own(a.headers, name) === own(b.headers, name));
}

function formatProbe({ action, period }: ProbeSpec): string {
  const what =
    action.kind === 'http' ? ` ${action.path}` : action.kind === 'exec' ? ` ${action.command.join(' ')}` : '';
  return `${action.kind}${what} every ${formatDuration(period)}`;
}

/** `limits.memory: 128Mi → 256Mi` for each leaf that differs. */
function diff(before: object, after: object, path = ''): string[] {
  return [...union(before, after)].flatMap(key => {
    const was = own(before as Record<string, unknown>, key);
    const is = own(after as Record<string, unknown>, key);
    if (isMapping(was) || isMapping(is))
      return diff(isMapping(was) ? was : {}, isMapping(is) ? is : {}, `${path}${key}.`);
    return diffValue(`${path}${key}`, format(key, was), format(key, is));
  });
}

function diffValue(label: string, before = 'none', after = 'none'): string[] {
  return before === after ? [] : [`${label}: ${before} → ${after}`];
}

const sizes = new Set(['memory', 'rotateAt', 'totalSize', 'head', 'target', 'trailers', 'body']);
const durations = new Set([
  'initialDelay',
  'period',
  'timeout',
  'initial',
  'max',
  'stableAfter',
  'minReady',
  'grace',
  'drain',
  'headTimeout',
  'bodyTimeout',
  'keepAlive',
  'connectTimeout',
  'responseTimeout',
  'idleTimeout',
  'instanceKeepAlive',
  'slowStart',
  'within',
  'open',
  'upgradeGrace',
]);

function format(key: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && sizes.has(key)) return formatSize(value);
  if (typeof value === 'number' && durations.has(key)) return formatDuration(value);
  if (typeof value === 'string') return value;
  return Array.isArray(value) && value.length === 0 ? undefined : JSON.stringify(value);
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function union(a: object, b: object): Set<string> {
  return new Set([...Object.keys(a), ...Object.keys(b)]);
}

function own<V>(record: Readonly<Record<string, V>>, key: string): V | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
