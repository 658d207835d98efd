/** What the control plane shows. Plain JSON, without secrets; the API publishes these as they are. */

import type { Resources } from '../domain/capacity.ts';
import type { Milliseconds } from '../domain/clock.ts';
import type { InstanceStateKind } from '../domain/instance/state.ts';
import type { IsolationLevel } from '../domain/isolation-spec.ts';
import type { Limits, Requests, TotalLimits } from '../domain/limits-spec.ts';
import type { Backend, Enforcement, Usage } from '../processes/contract.ts';
import type { RouterStatus } from '../router-link/contract.ts';

export interface HostStatus {
  readonly version: string;
  readonly pid: number;
  readonly home: string;
  /** Unix time. */
  readonly startedAt: Milliseconds;
  readonly backend: Backend;
  /** Why there is no cgroup, in words; absent where there is. */
  readonly whyNoCgroup?: string;
  readonly router: RouterStatus;
  /** What instances may request in all, and what those that run, or shall, have requested. */
  /** Whether this host can isolate at these levels: if not, why not. */
  readonly isolation: { readonly standard: true | string; readonly strict: true | string };
  readonly capacity: Resources;
  readonly requested: Resources;
  /** The configuration that is watched, and what was wrong with its last change. */
  readonly config?: { readonly path: string; readonly problem?: string };
  readonly adopted: number;
}

export interface IsolationView {
  readonly level: IsolationLevel;
  /** Whom it runs as; absent where that is the daemon's user. */
  readonly user?: string;
  /** Why it isn't more, where nothing was asked for. */
  readonly why?: string;
}

export interface InstanceStatus {
  readonly service: string;
  readonly index: number;
  readonly revision: number;
  readonly state: InstanceStateKind;
  /** Why it is in this state, in words, where that isn't plain: `exited 1 four times in 9 s; next try in 6.4 s`. */
  readonly reason?: string;
  /** What should be known of it although it runs: `runtime changed: node 20.20.2 → 20.21.0`. */
  readonly note?: string;
  readonly pid?: number;
  readonly port?: number;
  /** Path of the Unix socket that it listens on, instead of a port. */
  readonly socket?: string;
  /** Since the instance was first started or last reset by `start`. */
  readonly restarts: number;
  /** How long the process has run. */
  readonly uptime?: Milliseconds;
  readonly usage?: Usage;
  readonly limits: readonly Enforcement[];
  /** Present while there is a process. */
  readonly isolation?: IsolationView;
}

/** Where a route leads from; what is done to requests on the way may hold secrets. */
export interface RouteView {
  readonly host?: string;
  readonly path: string;
  readonly stripPrefix: boolean;
}

export type ServiceState = 'ready' | 'starting' | 'degraded' | 'down' | 'failed' | 'stopping' | 'stopped';

export interface ServiceStatus {
  readonly name: string;
  readonly state: ServiceState;
  readonly desired: 'up' | 'down';
  readonly wanted: number;
  readonly ready: number;
  readonly revision: number;
  readonly package: string;
  readonly release: string;
  /** `node 20.20.2`, `node 20.20.2 (pinned)`, `exec`. */
  readonly runtime: string;
  readonly command: readonly string[];
  readonly routes: readonly RouteView[];
  /** Addresses of the router whose connections are passed on as they are. */
  readonly tcp: readonly string[];
  /** For each instance, and for all of them together. */
  readonly limits: Limits;
  readonly totalLimits: TotalLimits;
  readonly requests: Requests;
  readonly dependsOn: readonly string[];
  /** Names of the variables; values only where they are no secret. */
  readonly env: Readonly<Record<string, string>>;
  readonly rollout?: RolloutStatus;
  /** Why an instance that is wanted waits for room on the host. */
  readonly waits?: string;
  readonly instances: readonly InstanceStatus[];
}

export interface RolloutStatus {
  readonly from: number;
  readonly to: number;
  readonly state: 'rolling' | 'reverting' | 'succeeded' | 'failed';
  readonly reason?: string;
  /** Unix time. */
  readonly startedAt: Milliseconds;
}

export interface RevisionSummary {
  readonly number: number;
  readonly release: string;
  readonly package: string;
  readonly runtime: string;
  readonly createdAt: Milliseconds;
  readonly cause: string;
  readonly current: boolean;
}

/** One line of events.ndjson. */
export interface AuditEvent {
  /** Unix time. */
  readonly at: Milliseconds;
  readonly kind: string;
  readonly service?: string;
  readonly instance?: string;
  readonly actor?: string;
  readonly message: string;
}
