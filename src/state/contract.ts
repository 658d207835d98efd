/** What outlives the daemon: desired state durably, live processes until the next boot. */
import type { Instance } from '../domain/instance/state.ts';
import type { InstanceId } from '../domain/names.ts';
import type { ServiceRecord } from '../domain/service.ts';
import type { ProjectSpec } from '../domain/spec.ts';
import type { TreeRecord } from '../processes/contract.ts';

/** One instance as the last daemon knew it. */
export interface InstanceRecord {
  readonly id: InstanceId;
  readonly instance: Instance;
  readonly port: number | undefined;
  /** Absent: it has none. */
  readonly socket?: string;
  /** Absent before the process exists and after its tree is gone. */
  readonly tree?: TreeRecord;
  /** The version that its runtime had at its last launch, where that isn't what its revision was accepted with. */
  readonly runtimeVersion?: string;
  /** Instants in `instance` are monotonic and mean nothing after a reboot. */
  readonly bootId: string;
}

/** The configuration that was applied last. */
export interface AppliedConfig {
  readonly path: string;
  /** SHA-256 of the file's text: unchanged, it need not be applied again. */
  readonly digest: string;
  readonly project: ProjectSpec;
}

export interface StateStore {
  services(): Promise<readonly ServiceRecord[]>;
  /** Durable once resolved. Writes of one service take effect in the order of the calls. */
  saveService(record: ServiceRecord): Promise<void>;
  removeService(name: string): Promise<void>;
  instances(): Promise<readonly InstanceRecord[]>;
  /** Synchronous and not synced: see `overwriteFile`. */
  saveInstance(record: InstanceRecord): void;
  removeInstance(id: InstanceId): void;
  /** User ids by service: one that was given once stays, since files belong to it. */
  users(): Promise<Readonly<Record<string, number>>>;
  saveUsers(users: Readonly<Record<string, number>>): Promise<void>;
  config(): Promise<AppliedConfig | undefined>;
  saveConfig(config: AppliedConfig): Promise<void>;
}
