/**
 * What a user wants, resolved: every default filled in, every path absolute, every duration in milliseconds and
 * every size in bytes. It says what is wanted, never how this host does it. All of it is plain JSON, since a
 * revision stores it as it is.
 */
import type { Milliseconds } from './clock.ts';
import type { IsolationSpec, SecretSpec } from './isolation-spec.ts';
import type { Bytes, CapacitySpec, Limits, Requests, TotalLimits } from './limits-spec.ts';
import type { RouteSpec } from './route-spec.ts';
import type { RouterSpec } from './router-spec.ts';
import type { TrafficSpec } from './traffic-spec.ts';

/** Where a package comes from. A URL is fetched only against a digest that the user gave. */
export type PackageSource =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string; readonly sha256: string };

/** `node@20`, `java@>=17`: a runtime by name and, if given, a semver range as the user wrote it. */
export interface RuntimeRequest {
  readonly name: string;
  readonly range?: string;
}

/**
 * One environment variable. `secret` was interpolated from the environment when the configuration was applied;
 * `file` is read at each launch. Neither is ever shown.
 */
export type EnvValue =
  | { readonly kind: 'plain'; readonly value: string }
  | { readonly kind: 'secret'; readonly value: string }
  | { readonly kind: 'file'; readonly path: string };

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

export type ProbeAction =
  | {
      readonly kind: 'http';
      readonly path: string;
      readonly host?: string;
      readonly headers: Readonly<Record<string, string>>;
      /** Inclusive range of status codes that pass; Kubernetes' 200–399 by default. */
      readonly status: readonly [number, number];
    }
  | { readonly kind: 'tcp' }
  | { readonly kind: 'exec'; readonly command: readonly string[] };

export interface ProbeSpec {
  readonly action: ProbeAction;
  readonly initialDelay: Milliseconds;
  readonly period: Milliseconds;
  readonly timeout: Milliseconds;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

/**
 * An absent `readiness` means: ready at the first TCP connect to the port (at once where there is no port), and
 * not probed again after that.
 */
export type Probes = { readonly [K in ProbeKind]?: ProbeSpec };

export interface BackoffSpec {
  readonly initial: Milliseconds;
  readonly max: Milliseconds;
  readonly factor: number;
  /** 0…1: the share of the delay that is random. */
  readonly jitter: number;
}

export interface RestartSpec {
  readonly policy: 'always' | 'on-failure' | 'never';
  readonly backoff: BackoffSpec;
  /** A run at least this long clears the history: the next restart is immediate. */
  readonly stableAfter: Milliseconds;
  /** `false`: never give up. */
  readonly giveUpAfter: { readonly restarts: number; readonly within: Milliseconds } | false;
}

export interface RolloutSpec {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  /** How long a new instance must stay ready before it counts. */
  readonly minReady: Milliseconds;
  /** Without progress for this long, the rollout reverts. */
  readonly timeout: Milliseconds;
}

export interface StopSpec {
  readonly signal: NodeJS.Signals;
  readonly grace: Milliseconds;
  readonly drain: Milliseconds;
}

export interface ServiceSpec {
  readonly name: string;
  readonly package: PackageSource;
  readonly runtime?: RuntimeRequest;
  /** Beats what the runtime would run. There is no shell; only the placeholders of `placeholders.ts` are expanded. */
  readonly command?: readonly string[];
  readonly args: readonly string[];
  /** Flags for the runtime itself (JVM or Node options), before the entry point. */
  readonly runtimeArgs: readonly string[];
  readonly instances: number;
  /** The variable that tells an instance its port; `false` for a service that listens on none. */
  readonly port: { readonly env: string } | false;
  /** The variable that tells an instance the path of the Unix socket to listen on, where it has no port. */
  readonly socket: { readonly env: string } | false;
  readonly env: Readonly<Record<string, EnvValue>>;
  readonly routes: readonly RouteSpec[];
  readonly traffic: TrafficSpec;
  /** Addresses (`host:port`) of the router whose connections are passed on as they are. */
  readonly tcp: readonly string[];
  /** For each instance. */
  readonly limits: Limits;
  readonly totalLimits: TotalLimits;
  /** Whether a limit that can't be enforced keeps an instance from starting. */
  readonly strictLimits: boolean;
  /** Where no cgroup limits memory: whether an instance that is measured to use more is restarted. */
  readonly memoryWatchdog: boolean;
  readonly requests: Requests;
  readonly isolation: IsolationSpec;
  /** By name. */
  readonly secrets: Readonly<Record<string, SecretSpec>>;
  /** Whether the runtime is copied into the store with the release, so that the host can't change it. */
  readonly pinRuntime: boolean;
  readonly probes: Probes;
  readonly restart: RestartSpec;
  readonly rollout: RolloutSpec;
  readonly stop: StopSpec;
  readonly dependsOn: readonly string[];
  /** How many revisions stay, with their releases. */
  readonly keepRevisions: number;
}

/** A whole slipway.yaml, resolved. */
export interface ProjectSpec {
  readonly router: RouterSpec;
  readonly metrics: { readonly listen?: string };
  readonly ports: PortRange;
  readonly capacity: CapacitySpec;
  readonly logs: LogSpec;
  readonly unpack: UnpackLimits;
  readonly runtimes: RuntimePaths;
  readonly services: Readonly<Record<string, ServiceSpec>>;
}

/** Both ends belong to the range. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

export interface LogSpec {
  /** A log file is rotated when it has grown by this much since the last rotation. */
  readonly rotateAt: Bytes;
  /** How many rotated archives stay for each instance. */
  readonly keep: number;
}

/** What an archive may become on disk at the most. */
export interface UnpackLimits {
  readonly totalSize: Bytes;
  readonly entries: number;
  /** Unpacked size over packed size; not held against archives that unpack to under 10 MiB. */
  readonly ratio: number;
}

/** Extra places to look for runtimes, by runtime name: executables, or folders with `bin/` in them. */
export type RuntimePaths = Readonly<Record<string, readonly string[]>>;
