/**
 * What daemon and router say to each other. A table is whole, numbered and idempotent: the router keeps the highest
 * number that it has seen, in memory and on disk, so it goes on with it while there is no daemon.
 */
import type { RouteSpec } from '../domain/route-spec.ts';
import type { RouterSettings } from '../domain/router-spec.ts';
import type { TrafficSpec } from '../domain/traffic-spec.ts';

/** Where it accepts connections: at an address, or at a Unix socket by its absolute path. */
export type EndpointAddress =
  | { readonly host: string; readonly port: number; readonly socket?: undefined }
  | { readonly socket: string; readonly host?: undefined; readonly port?: undefined };

/** One ready instance. `id` is its instance key. */
export type Endpoint = EndpointAddress & {
  readonly id: string;
  /** Of the instance in its service; absent: 0. */
  readonly index?: number;
};

export interface RoutedService {
  readonly name: string;
  readonly routes: readonly RouteSpec[];
  /** Absent: the defaults. */
  readonly traffic?: TrafficSpec;
  /** Listening addresses whose connections go to this service as they are. */
  readonly tcp?: readonly string[];
  readonly endpoints: readonly Endpoint[];
}

export interface RouteTable {
  readonly version: number;
  /** Absent: the defaults. */
  readonly settings?: RouterSettings;
  readonly services: readonly RoutedService[];
}

/**
 * Counters since the router's start, by service, over all workers: every number in it is added up, and what is in
 * {@link gauges} falls away with its worker.
 */
export interface RouterStats {
  readonly services: Readonly<Record<string, ServiceTraffic>>;
  /** Requests that met no route. */
  readonly unrouted: number;
  /** Requests and connections that the router refused or cut off, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly openConnections: number;
  /** Those alive that answered. */
  readonly workers: readonly WorkerStats[];
  /** Lines that the access log lost. A router of an earlier version doesn't say. */
  readonly accessLogDropped?: number;
}

export interface WorkerStats {
  readonly pid: number;
  /** Resident, in bytes. */
  readonly memory: number;
  readonly connections: number;
}

/** The names, anywhere in {@link RouterStats}, of what tells what is now. */
export const gauges: ReadonlySet<string> = new Set([
  'inFlight',
  'openConnections',
  'open',
  'ejected',
  'queued',
  'breaker',
]);

export interface ServiceTraffic extends BalanceStats {
  /** By code class, `1xx` … `5xx`. */
  readonly responses: Readonly<Record<string, number>>;
  /** Cumulative counts for {@link latencyBuckets}, then all. */
  readonly latency: readonly number[];
  readonly latencySum: number;
  readonly retries: number;
  /** Retries that would have been too many. */
  readonly retriesRefused: number;
  /** Requests that the router itself answered with 503, by reason: see {@link Unavailable}. */
  readonly unavailable: Readonly<Record<string, number>>;
  readonly inFlight: number;
  /** Octets from and to clients, of exchanges that are over. A router of an earlier version doesn't say. */
  readonly bytesIn?: number;
  readonly bytesOut?: number;
  /** Absent: none was to be passed on so far. */
  readonly connections?: ConnectionStats;
}

/** Connections that are passed on to instances as they are. */
export interface ConnectionStats {
  readonly open: number;
  /** Those that are open, and all before. */
  readonly opened: number;
  /** Of those: no instance accepted. */
  readonly refused: number;
  /** Octets that clients sent … */
  readonly received: number;
  /** … and that were sent to them. */
  readonly sent: number;
}

/** Why a request was not sent to any instance. */
export type Unavailable = 'no-instance' | 'queue-full' | 'queue-timeout' | 'breaker-open';

export interface BalanceStats {
  /** How often an instance began to be passed over because it failed. */
  readonly ejections: number;
  /** Instances that are passed over now; of several workers, each has its own opinion. */
  readonly ejected: number;
  /** Requests that wait now because all instances are busy. */
  readonly queued: number;
  /** Requests that were to wait, by what came of it: `admitted`, `timeout`, `full`, `gone`. */
  readonly queue: Readonly<Record<string, number>>;
  /** Workers by the state that its breaker has there: `closed`, `open`, `half-open`. Empty: it has none. */
  readonly breaker: Readonly<Record<string, number>>;
}

/** Upper bounds in seconds. */
export const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
