/** What an instance may consume. Absent means unlimited, but where something else is said. */

export type Bytes = number;

/** Of each block device, in a second. `weight` is relative to others (1…10000, 100 where nothing is said). */
export interface IoLimits {
  readonly weight?: number;
  readonly readBytes?: Bytes;
  readonly writeBytes?: Bytes;
  readonly readOps?: number;
  readonly writeOps?: number;
}

export interface Limits {
  /** Beyond it the kernel kills. */
  readonly memory?: Bytes;
  /** Beyond it the kernel throttles and reclaims. */
  readonly memoryHigh?: Bytes;
  /** What may be swapped out; with `memory`, nothing where it is absent. */
  readonly swap?: Bytes;
  /** In cores: 0.5 is half of one. */
  readonly cpu?: number;
  /** Share of the CPU where it is scarce, relative to others (1…10000, 100 where nothing is said). */
  readonly cpuWeight?: number;
  /** Processes and threads. */
  readonly pids?: number;
  readonly io?: IoLimits;
  /** Descriptors of each process. */
  readonly openFiles?: number;
  /** Size of a core dump; 0 for none. */
  readonly coreDump?: Bytes;
  /** -20…19; more is less urgent. */
  readonly nice?: number;
  /** -1000…1000; more is killed earlier when the host is out of memory. */
  readonly oomScoreAdjust?: number;
}

/** Of all instances of a service together. */
export type TotalLimits = Pick<Limits, 'memory' | 'cpu' | 'pids'>;

/** What is reserved for each instance on the host: an instance that doesn't fit is not started. */
export interface Requests {
  readonly cpu?: number;
  readonly memory?: Bytes;
}

/** What the host has to give. */
export interface CapacitySpec {
  /** Absent: what the host has. */
  readonly cpu?: number;
  readonly memory?: Bytes;
  /** How many times what there is may be requested. */
  readonly overcommit: { readonly cpu: number; readonly memory: number };
  /** What becomes of a change that asks for more than there is. */
  readonly whenFull: 'refuse' | 'queue';
}

export const defaultCapacity: CapacitySpec = { overcommit: { cpu: 1, memory: 1 }, whenFull: 'refuse' };
