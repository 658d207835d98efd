/** The processes of this host, by `/proc` where there is one and by `ps` elsewhere. */
import type { ProcessIdentity } from './contract.ts';

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Where the system doesn't tell: the group. */
  readonly session: number;
  /** See {@link ProcessIdentity.startTime}. */
  readonly startTime: number;
  /** Dead, and only waiting for its parent to notice. */
  readonly zombie: boolean;
}

/** A lasting view of one process, which another process with the same pid can't fool. */
export interface Vigil {
  /** A zombie isn't alive. */
  alive(): boolean;
  close(): void;
}

export interface ProcessTable {
  /** Tells one boot of the host from the next. */
  readonly bootId: string;
  /** Zombies included. Where the table is `/proc`, the reading is done before this returns its promise. */
  find(pid: number): Promise<ProcessStat | undefined>;
  /** Zombies included. */
  list(): Promise<readonly ProcessStat[]>;
  /** `undefined` unless that very process is alive. */
  watch(identity: ProcessIdentity): Promise<Vigil | undefined>;
  /**
   * The value of a variable in the environment that the process was executed with; `undefined` where it has none,
   * or where that environment can't be read.
   */
  variable(pid: number, name: string): string | undefined;
  /** Whether `variable` can answer at all on this system. */
  readonly readsEnvironments: boolean;
}
