/** The data plane as the worker sees it: what carries requests from client connections to instances and back. */
import type { Milliseconds } from '../../domain/clock.ts';
import type { RouterSettings } from '../../domain/router-spec.ts';
import type { ListenAddress } from '../../router-link/listen.ts';
import type { Upstream } from '../balancer/upstream.ts';
import type { Balancer } from '../balancer.ts';
import type { TrailerLimits } from '../http1/trailers.ts';
import type { Log } from '../log.ts';
import type { AccessLog } from '../policy/access-log.ts';
import type { Routes } from '../routes.ts';
import type { Traffic } from '../traffic.ts';

export interface Listener {
  /** As it was asked for, see `domain/listen.ts`; `bound` is what became of it. */
  readonly address: string;
  readonly bound: string;
  readonly fd: number;
  /** Accepts no more; connections that it accepted go on. */
  close(): void;
}

export interface Forwarder {
  /** Holds for what begins from now on. */
  configure(settings: RouterSettings): void;
  /**
   * Serves an inherited listening socket, or binds one.
   * @param address what was asked for; shown in errors
   * @throws SlipwayError SLIP_LISTEN_FAILED
   */
  listen(address: string, at: ListenAddress | { readonly fd: number }): Promise<Listener>;
  /** Client connections, upgraded ones too. */
  connections(): number;
  /** To be told that the table no longer has it. */
  left(upstream: Upstream): void;
  /**
   * From now on each connection is closed after the response under way, and those without any after `linger`.
   * Resolves when there is none left. Upgraded connections end by themselves.
   */
  retire(linger: Milliseconds): Promise<void>;
  /** Cuts every connection. */
  destroy(): void;
}

/**
 * What a forwarder works with. `routes` is asked for each request anew, so a new table holds from the next one on.
 * `limits` is one object for all that goes by it, and changes in place: sizes hold from the next message on, and times at
 * once, on connections that are open too.
 */
export interface DataPlane {
  readonly routes: () => Routes;
  /** `undefined`: there is none. */
  readonly accessLog: () => AccessLog | undefined;
  readonly balancer: Balancer;
  readonly traffic: Traffic;
  readonly log: Log;
  readonly limits: ForwardLimits;
}

/** `maxHead`, `maxFields` and `maxTrailers` are for requests and responses, `maxTarget` is for requests. */
export interface ForwardLimits extends TrailerLimits {
  readonly connectTimeout: Milliseconds;
  /** No further instance is tried after this. */
  readonly retryWindow: Milliseconds;
  /** Without a byte of a request's body while it and the response's head are waited for. */
  readonly bodyTimeout: Milliseconds;
  /** Without a byte in either direction while only the response's head is waited for. */
  readonly headTimeout: Milliseconds;
  /** Without a byte in either direction after that; upgraded connections are subject to it once one side has ended. */
  readonly idleTimeout: Milliseconds;
  /** How long an unused connection to an instance is kept, where the instance doesn't say how long it keeps it. */
  readonly poolIdle: Milliseconds;
  /** Unused connections that are kept to one instance. */
  readonly poolSize: number;
  /** A client's connection between two requests. */
  readonly keepAlive: Milliseconds;
  /** A client must have sent a request's head within this. */
  readonly clientHeadTimeout: Milliseconds;
  /** How long the rest of a request's body is read and dropped after the response went out. */
  readonly discardTimeout: Milliseconds;
  /** How long a client that was told that its connection ends has to end it too. */
  readonly lingerTimeout: Milliseconds;
  /** Bytes of a request's body. */
  readonly maxBody: number;
}

export const defaultLimits: ForwardLimits = {
  connectTimeout: 1_000,
  retryWindow: 5_000,
  bodyTimeout: 60_000,
  headTimeout: 60_000,
  idleTimeout: 300_000,
  poolIdle: 4_000,
  poolSize: 512,
  keepAlive: 75_000,
  clientHeadTimeout: 20_000,
  discardTimeout: 5_000,
  lingerTimeout: 1_000,
  maxHead: 16 * 1024,
  maxTarget: 8 * 1024,
  maxFields: 100,
  maxTrailers: 8 * 1024,
  maxBody: Number.POSITIVE_INFINITY,
};
