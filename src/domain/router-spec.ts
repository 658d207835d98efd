/** What concerns the router as a whole. */
import type { Milliseconds } from './clock.ts';
import type { RouteSpec } from './route-spec.ts';

/** Sizes in bytes. */
export interface RouterLimits {
  /** Of a head, from the start line to the empty line: 431. */
  readonly head: number;
  /** Of a request's target: 414. */
  readonly target: number;
  /** Fields of a head: 431. */
  readonly fields: number;
  readonly trailers: number;
  /** Of a request's body: 413. Absent: unlimited. */
  readonly body?: number;
  /** A client must have sent a request's head within this: 408. It has as long for a TLS handshake before that. */
  readonly headTimeout: Milliseconds;
  /** Between two pieces of a request's body: 408. */
  readonly bodyTimeout: Milliseconds;
  /** A client's connection between two requests. */
  readonly keepAlive: Milliseconds;
  /** For an instance to accept a connection. */
  readonly connectTimeout: Milliseconds;
  /** For an instance to begin its response: 504. */
  readonly responseTimeout: Milliseconds;
  /** Without a byte in either direction once the response has begun. */
  readonly idleTimeout: Milliseconds;
  /** An unused connection to an instance, where the instance doesn't say how long it keeps it. */
  readonly instanceKeepAlive: Milliseconds;
}

export interface CertificateSpec {
  /** Absolute paths of PEM files. Reloaded when they change. */
  readonly cert: string;
  readonly key: string;
}

export interface TlsSpec {
  /** The first whose names fit; the first of all where none does. */
  readonly certificates: readonly CertificateSpec[];
  readonly minVersion: '1.2' | '1.3';
}

export interface AccessLogSpec {
  /** Absolute path; opened anew when it was moved away. */
  readonly path: string;
  /** 0…1: the share of the requests that is written; errors (5xx) always are. */
  readonly sample: number;
}

/** All but the addresses: what a running router takes over from one request to the next. */
export interface RouterSettings {
  /** Processes that serve: at least 1. Each has its share of what a service is limited to. */
  readonly workers: number;
  readonly limits: RouterLimits;
  /** Addresses and CIDR blocks whose word about where a request comes from is believed. */
  readonly trustedProxies: readonly string[];
  readonly http2: boolean;
  /** Requests on plain HTTP listeners are sent to https at this port. */
  readonly redirectToHttps: number | false;
  readonly tls: TlsSpec;
  readonly accessLog: AccessLogSpec | false;
  /** Those that belong to no service: each redirects or responds. */
  readonly routes: readonly RouteSpec[];
}

export interface RouterSpec extends RouterSettings {
  /** See {@link parseListen}. */
  readonly listen: readonly string[];
  /** 0: see {@link workersOn}. */
  readonly workers: number;
}

/** One for each core; but one alone on a small host, where instances need the other core more. */
export function workersOn(cores: number): number {
  return cores <= 2 ? 1 : Math.min(cores, mostWorkers);
}

export const mostWorkers = 256;

/** What applies where nothing is said. */
export const defaultSettings: RouterSettings = {
  workers: 1,
  limits: {
    head: 16 * 1024,
    target: 8 * 1024,
    fields: 100,
    trailers: 8 * 1024,
    headTimeout: 20_000,
    bodyTimeout: 60_000,
    keepAlive: 75_000,
    connectTimeout: 1_000,
    responseTimeout: 60_000,
    idleTimeout: 300_000,
    instanceKeepAlive: 4_000,
  },
  trustedProxies: [],
  http2: true,
  redirectToHttps: false,
  tls: { certificates: [], minVersion: '1.2' },
  accessLog: false,
  routes: [],
};
