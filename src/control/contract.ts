/**
 * What the control plane offers to whoever speaks for a user: the API, and through it the CLI. Each change is
 * durable once its promise resolves; what it sets in motion goes on after that and can be waited for with `settled`.
 */

import type { PlannedChange } from '../domain/change.ts';
import type { Cancel } from '../domain/clock.ts';
import type { Diagnosis } from '../domain/diagnosis/diagnose.ts';
import type { PackageSource } from '../domain/spec.ts';
import type { AuditEvent, HostStatus, RevisionSummary, ServiceStatus } from './views.ts';

/** Who asked, in words, for the audit record: `cli uid 1000`, `config watch`. */
export type Actor = string;

export interface DeployOrder {
  readonly source: PackageSource;
  /** File name to show instead of the source's own (an upload has a temporary one). */
  readonly packageName?: string;
  readonly instances?: number;
}

export interface ApplyOptions {
  readonly dryRun: boolean;
  /** Services of another file, which this home follows until now, may be removed. */
  readonly replace: boolean;
}

export interface ApplyResult {
  readonly changes: readonly PlannedChange[];
  readonly dryRun: boolean;
}

export interface Control {
  host(): HostStatus;
  /** What can be enforced on this host, and what of it is in force. */
  doctor(): Promise<Diagnosis>;
  /** In order of name. */
  services(): Promise<readonly ServiceStatus[]>;
  /** @throws SlipwayError SLIP_SERVICE_UNKNOWN */
  service(name: string): Promise<ServiceStatus>;
  /**
   * Brings the services to what the file says; touches only what changed.
   * @throws SlipwayError SLIP_CONFIG_*, SLIP_PACKAGE_*, SLIP_RUNTIME_*, SLIP_LISTEN_FAILED, and nothing changed
   */
  apply(path: string, options: ApplyOptions, actor: Actor, signal?: AbortSignal): Promise<ApplyResult>;
  /** A new revision of an existing service with another package. Resolves when its rollout has begun. */
  deploy(name: string, order: DeployOrder, actor: Actor, signal?: AbortSignal): Promise<RevisionSummary>;
  start(name: string, index: number | undefined, actor: Actor): Promise<void>;
  stop(name: string, index: number | undefined, actor: Actor): Promise<void>;
  /** One by one where there are several, so that the service goes on. */
  restart(name: string, index: number | undefined, actor: Actor): Promise<void>;
  scale(name: string, instances: number, actor: Actor): Promise<void>;
  /** Newest first. */
  history(name: string): Promise<readonly RevisionSummary[]>;
  /** `to` absent: the revision that last served before the current one. */
  rollback(name: string, to: number | undefined, actor: Actor): Promise<RevisionSummary>;
  /**
   * Resolves once nothing is under way in the service (`undefined`: in any): every wanted instance is ready,
   * stopped or given up, and no rollout runs. Rejects with the signal's reason.
   */
  settled(name: string | undefined, signal: AbortSignal): Promise<readonly ServiceStatus[]>;
  /** Newest last. */
  events(limit: number): Promise<readonly AuditEvent[]>;
  onEvent(listener: (event: AuditEvent) => void): Cancel;
  /** Stops every service and the router, then the daemon. `hurry` skips drains and graces. */
  down(options: { hurry: boolean }, actor: Actor): Promise<void>;
}

/** What metrics count as it happens; the rest is read when it is asked for. */
export interface ControlCounters {
  restarted(service: string, reason: string): void;
  probed(service: string, probe: string, passed: boolean): void;
}
