/** How the router spreads requests over the instances of a service, and how it guards them. */
import type { Milliseconds } from './clock.ts';

/** What a request is hashed by, so that the same instance serves the same caller. */
export type HashKey =
  | { readonly kind: 'source' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string };

export type BalanceSpec =
  | { readonly policy: 'round-robin' }
  /** By index of the instance; those beyond the list weigh 1. */
  | { readonly policy: 'weighted'; readonly weights: readonly number[] }
  | { readonly policy: 'least-requests' }
  | { readonly policy: 'hash'; readonly by: HashKey };

/** An instance that failed so often in a row is passed over for a time that grows. Never more than half of them are. */
export interface EjectionSpec {
  /** Failed connects, resets, timeouts and 502, 503, 504 responses, in a row. */
  readonly failures: number;
  readonly initial: Milliseconds;
  readonly max: Milliseconds;
}

/** Retries stay below a share of the requests, so that they can't multiply an overload. */
export interface RetrySpec {
  /** Attempts of a request beyond the first. */
  readonly attempts: number;
  /** Share of the requests of the last seconds that may be retries; a few are always allowed. */
  readonly budget: number;
}

/** A service that mostly fails is left alone for a while: its requests are answered with 503 at once. */
export interface BreakerSpec {
  /** Share of failed requests at which it opens … */
  readonly failureRatio: number;
  /** … of at least so many … */
  readonly requests: number;
  /** … within this time. */
  readonly within: Milliseconds;
  /** Then a single request tries whether it is better. */
  readonly open: Milliseconds;
}

export interface TrafficSpec {
  /** What instances speak. `h2c` is HTTP/2 without TLS, as gRPC servers speak it. */
  readonly protocol: 'http1' | 'h2c';
  readonly balance: BalanceSpec;
  /** Requests and upgraded connections at the same time, for each instance. Absent: unlimited. */
  readonly maxConnections?: number;
  /** For requests that find every instance at `maxConnections`. */
  readonly queue: { readonly size: number; readonly timeout: Milliseconds };
  /** In this time from when it became ready, an instance's share of the requests grows to the full one. */
  readonly slowStart: Milliseconds;
  readonly ejection: EjectionSpec | false;
  readonly retries: RetrySpec;
  readonly breaker: BreakerSpec | false;
  /** How long upgraded connections go on when their instance is to stop. */
  readonly upgradeGrace: Milliseconds;
}

/** What applies where nothing is said. */
export const defaultTraffic: TrafficSpec = {
  protocol: 'http1',
  balance: { policy: 'round-robin' },
  queue: { size: 100, timeout: 5_000 },
  slowStart: 0,
  ejection: { failures: 5, initial: 1_000, max: 30_000 },
  retries: { attempts: 2, budget: 0.2 },
  breaker: false,
  upgradeGrace: 5_000,
};
