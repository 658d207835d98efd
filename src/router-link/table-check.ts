/** What a route table must be like; see `domain/route-spec.ts`, `traffic-spec.ts`, `router-spec.ts` for what it means. */
import { isEditable } from '../domain/header-names.ts';
import { isNetwork } from '../domain/networks.ts';
import type { HeaderRules, RateLimitSpec, RedirectSpec, RespondSpec, RouteSpec } from '../domain/route-spec.ts';
import {
  type AccessLogSpec,
  type CertificateSpec,
  mostWorkers,
  type RouterLimits,
  type RouterSettings,
  type TlsSpec,
} from '../domain/router-spec.ts';
import type {
  BalanceSpec,
  BreakerSpec,
  EjectionSpec,
  HashKey,
  RetrySpec,
  TrafficSpec,
} from '../domain/traffic-spec.ts';
import {
  boolean,
  type Check,
  CheckError,
  type Checks,
  either,
  fallback,
  integer,
  list,
  literal,
  map,
  number,
  oneOf,
  optional,
  shape,
  text,
  variantBy,
} from './check.ts';
import type { Endpoint, RoutedService, RouteTable } from './protocol.ts';

const count = integer(0, Number.MAX_SAFE_INTEGER);
const milliseconds = integer(0, 2 ** 31 - 1);
const headerName = text(256, /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/);
const headerValue = text(8192, /^[\t\x20-\x7e\u0080-\u00ff]*$/);
const path = text(4096, /^\/[^\0]*$/);

/** As the router writes them into messages without a further look. */
const editableName: Check<string> = (value, at) => {
  if (typeof value !== 'string' || !isEditable(value)) throw new CheckError(at, 'the name of a header for rules');
  return value;
};

const headers: Check<Readonly<Record<string, string>>> = (value, at) => {
  const checked = map(headerValue)(value, at);
  for (const name of Object.keys(checked)) editableName(name, at);
  return checked;
};

const headerRules = shape<HeaderRules>({ set: headers, add: headers, remove: list(editableName, 1000) });

const network: Check<string> = (value, at) => {
  if (typeof value !== 'string' || !isNetwork(value)) throw new CheckError(at, 'an IP address or a block of them');
  return value;
};

const rateLimit = shape<RateLimitSpec>({
  requests: count,
  per: milliseconds,
  burst: count,
  header: optional(headerName),
} as Checks<RateLimitSpec>);

const redirect = shape<RedirectSpec>({ to: text(4096, /^[\x21-\x7e]+$/), status: oneOf(301, 302, 303, 307, 308) });

const respond = shape<RespondSpec>({
  status: integer(200, 599),
  headers,
  body: either(shape({ text: text(16 * 1024 * 1024) }), shape({ file: path })),
});

const routeCheck = shape<RouteSpec>({
  // A host name or `*.suffix`; underscores occur in practice.
  host: optional(text(255, /^(\*\.)?[^\s*/:@]+$|^\[[0-9a-fA-F:.]+\]$/)),
  path: text(4096, /^\/[^\s?#]*$/),
  stripPrefix: boolean,
  timeout: optional(milliseconds),
  maxBody: optional(count),
  requestHeaders: optional(headerRules),
  responseHeaders: optional(headerRules),
  rateLimit: optional(rateLimit),
  compress: optional(boolean),
  redirect: optional(redirect),
  respond: optional(respond),
} as Checks<RouteSpec>);

const hashKey = variantBy<'kind', HashKey>('kind', {
  source: shape({ kind: literal('source') }),
  header: shape({ kind: literal('header'), name: headerName }),
  cookie: shape({ kind: literal('cookie'), name: headerName }),
});

const balance = variantBy<'policy', BalanceSpec>('policy', {
  'round-robin': shape({ policy: literal('round-robin') }),
  weighted: shape({ policy: literal('weighted'), weights: list(number, 10_000) }),
  'least-requests': shape({ policy: literal('least-requests') }),
  hash: shape({ policy: literal('hash'), by: hashKey }),
});

const off = literal(false);

const traffic = shape<TrafficSpec>({
  protocol: oneOf('http1', 'h2c'),
  balance,
  maxConnections: optional(integer(1, Number.MAX_SAFE_INTEGER)),
  queue: shape<TrafficSpec['queue']>({ size: count, timeout: milliseconds }),
  slowStart: milliseconds,
  ejection: either(off, shape<EjectionSpec>({ failures: count, initial: milliseconds, max: milliseconds })),
  retries: shape<RetrySpec>({ attempts: count, budget: number }),
  breaker: either(
    off,
    shape<BreakerSpec>({ failureRatio: number, requests: count, within: milliseconds, open: milliseconds }),
  ),
  upgradeGrace: milliseconds,
} as Checks<TrafficSpec>);

const instance = { id: text(256), index: optional(count) };
const endpoint = either(
  shape({ ...instance, socket: text(107, /^\/[^\0]*$/) }),
  shape({ ...instance, host: text(255, /^[^\s/]+$/), port: integer(1, 65_535) }),
) as Check<Endpoint>;

const service = shape<RoutedService>({
  name: text(256),
  routes: list(routeCheck, 10_000),
  traffic: optional(traffic),
  tcp: optional(list(text(300), 64)),
  endpoints: list(endpoint, 10_000),
} as Checks<RoutedService>);

const settings = shape<RouterSettings>({
  workers: fallback(integer(1, mostWorkers), 1),
  limits: shape<RouterLimits>({
    head: count,
    target: count,
    fields: count,
    trailers: count,
    body: optional(count),
    headTimeout: milliseconds,
    bodyTimeout: milliseconds,
    keepAlive: milliseconds,
    connectTimeout: milliseconds,
    responseTimeout: milliseconds,
    idleTimeout: milliseconds,
    instanceKeepAlive: milliseconds,
  } as Checks<RouterLimits>),
  trustedProxies: list(network, 10_000),
  http2: boolean,
  redirectToHttps: either(off, integer(1, 65_535)),
  tls: shape<TlsSpec>({
    certificates: list(shape<CertificateSpec>({ cert: path, key: path }), 10_000),
    minVersion: oneOf('1.2', '1.3'),
  }),
  accessLog: either(off, shape<AccessLogSpec>({ path, sample: number })),
  routes: list(routeCheck, 10_000),
});

export const tableCheck: Check<RouteTable> = shape<RouteTable>({
  version: count,
  settings: optional(settings),
  services: list(service, 100_000),
} as Checks<RouteTable>);
