/** The daemon's end of the router: starting or adopting it, telling it the table, hearing when a drain is done. */
import type { RouterSettings } from '../domain/router-spec.ts';
import type { ProcessIdentity } from '../processes/contract.ts';
import type { RoutedService, RouterStats } from './protocol.ts';

export interface RouterStatus {
  readonly state: 'off' | 'starting' | 'running' | 'down';
  /** The main worker's. */
  readonly pid?: number;
  /** What it really listens on, see `domain/listen.ts`. */
  readonly listen: readonly string[];
  /** Table number that it has confirmed. */
  readonly table: number;
  /** What is wrong although it runs, in words. */
  readonly problem?: string;
}

export interface RouterLink {
  /**
   * Makes a router listen on exactly these (see `domain/listen.ts`): adopts the one that runs, starts one, or has the running one
   * hand its sockets to a successor where the addresses changed. Returns when it listens.
   * @throws SlipwayError SLIP_LISTEN_FAILED, and what ran before goes on
   */
  ensure(listen: readonly string[]): Promise<void>;
  /** The latest wins; sent again after each reconnect. Gives it the next number. */
  publish(services: readonly RoutedService[], settings?: RouterSettings): void;
  /**
   * Resolves when no request is in flight to an endpoint that the table no longer has (at once when there is no
   * router), or rejects with the signal's reason.
   */
  drained(endpointId: string, signal: AbortSignal): Promise<void>;
  stats(): Promise<RouterStats | undefined>;
  status(): RouterStatus;
  identity(): ProcessIdentity | undefined;
  /** Ends the router: new connections are refused, those in flight finish within `grace` ms. */
  stop(grace: number): Promise<void>;
  /** Lets go of it; the router runs on. */
  close(): void;
}
