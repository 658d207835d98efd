/** Validated configuration → what the domain works with: absolute paths, sources of packages, kinds of variables. */
import { resolve } from 'node:path';
import type { RouteSpec } from '../domain/route-spec.ts';
import type { RouterSpec } from '../domain/router-spec.ts';
import type { EnvValue, PackageSource, ProjectSpec, RuntimeRequest, ServiceSpec } from '../domain/spec.ts';
import { type Environment, interpolate } from './interpolate.ts';
import type { ProjectConfig } from './schema/project.ts';
import type { ServiceConfig } from './schema/service.ts';

export interface ResolveContext {
  /** Absolute; what relative paths start from. */
  readonly folder: string;
  readonly env: Environment;
}

/** All but the services. */
export function resolveSettings(
  { services: _services, runtimes, metrics, router, ...settings }: ProjectConfig,
  { folder }: ResolveContext,
): Omit<ProjectSpec, 'services'> {
  return {
    ...settings,
    router: resolveRouter(router, folder),
    metrics: metrics.listen === undefined ? {} : { listen: metrics.listen },
    runtimes: mapValues(runtimes, paths => paths.map(path => resolve(folder, path))),
  };
}

/** Of a service that passed its checks. */
export function resolveService(name: string, config: ServiceConfig, context: ResolveContext): ServiceSpec {
  const {
    package: _package,
    sha256: _sha256,
    route: _route,
    routes: _routes,
    runtime,
    env,
    isolation,
    secrets,
    ...rest
  } = config;
  return {
    name,
    ...rest,
    ...placesOf(config),
    package: resolvePackage(config, context.folder),
    ...(runtime === undefined ? {} : { runtime: resolveRuntime(runtime) }),
    env: mapValues(env, value => resolveEnv(value, context)),
    isolation: { ...isolation, writable: isolation.writable.map(path => resolve(context.folder, path)) },
    secrets: mapValues(secrets, ({ file }) => ({ file: resolve(context.folder, file) })),
    routes: routesOf(config).map(route => resolveRoute(route, context.folder)),
  };
}

function resolveRouter(router: ProjectConfig['router'], folder: string): RouterSpec {
  const { tls, accessLog, routes } = router;
  return {
    ...router,
    tls: {
      ...tls,
      certificates: tls.certificates.map(({ cert, key }) => ({
        cert: resolve(folder, cert),
        key: resolve(folder, key),
      })),
    },
    accessLog: accessLog && { ...accessLog, path: resolve(folder, accessLog.path) },
    routes: routes.map(route => resolveRoute(route, folder)),
  };
}

function resolveRoute(route: RouteSpec, folder: string): RouteSpec {
  const { respond } = route;
  if (respond === undefined || !('file' in respond.body)) return route;
  return { ...route, respond: { ...respond, body: { file: resolve(folder, respond.body.file) } } };
}

/** A service has one of them, or neither. */
export function placesOf({
  port,
  socket,
}: Pick<ServiceConfig, 'port' | 'socket'>): Pick<ServiceSpec, 'port' | 'socket'> {
  return { port: port ?? (socket ? false : { env: 'PORT' }), socket: socket ?? false };
}

export function routesOf({ route, routes }: Pick<ServiceConfig, 'route' | 'routes'>): readonly RouteSpec[] {
  return routes ?? (route ? [route] : []);
}

/** What the two ways of writing a package come to. */
export function packageParts(config: Pick<ServiceConfig, 'package' | 'sha256'>): {
  readonly path?: string;
  readonly url?: string;
  readonly sha256?: string;
} {
  if (typeof config.package !== 'string') return config.package;
  const source = /^[a-z][a-z0-9+.-]*:\/\//i.test(config.package) ? { url: config.package } : { path: config.package };
  return config.sha256 === undefined ? source : { ...source, sha256: config.sha256 };
}

function resolvePackage(config: ServiceConfig, folder: string): PackageSource {
  const { path = '', url, sha256 = '' } = packageParts(config);
  return url === undefined ? { kind: 'path', path: resolve(folder, path) } : { kind: 'url', url, sha256 };
}

function resolveRuntime(text: string): RuntimeRequest {
  const [name = '', range] = text.split('@');
  return range === undefined ? { name } : { name, range };
}

function resolveEnv(value: ServiceConfig['env'][string], { folder, env }: ResolveContext): EnvValue {
  if (typeof value !== 'string') return { kind: 'file', path: resolve(folder, value.file) };
  const result = interpolate(value, env);
  if (!result.ok) return { kind: 'plain', value };
  return { kind: result.used ? 'secret' : 'plain', value: result.text };
}

function mapValues<V, W>(record: Readonly<Record<string, V>>, map: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
