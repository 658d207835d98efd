/**
 * What supervision needs of the operating system. A tree is everything that descends from one launch, however it
 * forked; it is gone only when that was verified.
 */
import type { Cancel } from '../domain/clock.ts';
import type { Limits, TotalLimits } from '../domain/limits-spec.ts';
import type { Sandbox, SandboxSupport } from './sandbox/contract.ts';

/** Survives pid reuse and reboots: a pid is the same process only with the same start time on the same boot. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of `/proc/PID/stat`, in clock ticks since boot; Unix seconds on a system without `/proc`. */
  readonly startTime: number;
  readonly bootId: string;
}

export type Backend = 'cgroup-v2' | 'cgroup-v1' | 'none';

export interface LaunchOrder {
  /**
   * `greeter.0.r3`: names the cgroup; also the marker that every descendant carries in its environment. A key has one
   * tree at a time: the next launch comes after the last tree's `kill` or a `sweep`.
   */
  readonly key: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  /** The whole environment; nothing of the daemon's leaks in. */
  readonly env: Readonly<Record<string, string>>;
  /** Opened O_APPEND for stdout and stderr. */
  readonly logFile: string;
  readonly limits: Limits;
  /** Of all trees of the service together, which is the part of the key before the first dot. */
  readonly totalLimits: TotalLimits;
  /** Rather not at all than without one of the limits. */
  readonly strict: boolean;
  /** Where no cgroup limits memory, a tree that is measured to use more is killed as if it did. */
  readonly memoryWatchdog: boolean;
  /** Absent: it runs as the daemon's user and sees what that sees. */
  readonly sandbox?: Sandbox;
}

/** What is executed, where, and with what environment. */
export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Where to find a tree again after the daemon was replaced. Plain JSON. */
export interface TreeRecord {
  readonly key: string;
  readonly identity: ProcessIdentity;
  /** Whom it runs as, and behind what; absent where it runs as the daemon does. */
  readonly sandbox?: Pick<Sandbox, 'level' | 'user' | 'capabilities'>;
  /** Absolute cgroup folders that the tree lives in; empty where there are none. */
  readonly cgroups: readonly string[];
  /** `oom_kill` count of the memory cgroup when the tree was launched. */
  readonly oomKills: number;
  readonly enforcement: readonly Enforcement[];
}

/** How a tree's main process ended. An adopted process is not the daemon's child: its code can't be known. */
export interface Exit {
  readonly code?: number;
  readonly signal?: NodeJS.Signals;
  /** The kernel killed a process of the tree since the launch, for want of memory. */
  readonly oomKilled: boolean;
  /** Bytes, where it was killed for them; the most that it used. */
  readonly memoryPeak?: number;
  /** Present where the program never ran: what stopped the launcher from executing it, in words. */
  readonly failure?: string;
}

/**
 * CPU time in seconds since the launch, memory in bytes (what could not be reclaimed at once), of the whole tree.
 * Without cgroups, the CPU time of processes that have ended is missing and memory is resident size. What is absent
 * can't be known on this host.
 */
export interface Usage {
  readonly cpuSeconds: number;
  readonly memory: number;
  readonly processes: number;
  readonly openFiles?: number;
  /** Bytes from and to disks. Under cgroup v1, of the processes that live. */
  readonly readBytes?: number;
  readonly writtenBytes?: number;
  /** For how long it was not let run although it could have, for its CPU limit. */
  readonly throttledSeconds?: number;
  readonly pressure?: Pressure;
}

/** Seconds in which some of its processes waited for a resource that was scarce (PSI; cgroup v2). */
export interface Pressure {
  readonly cpu: number;
  readonly memory: number;
  readonly io: number;
}

/** `process`: an attribute of each process, such as its priority. `watchdog`: Slipway measures, and ends what exceeds. */
export const mechanisms = ['cgroup-v2', 'cgroup-v1', 'rlimit', 'process', 'watchdog', 'not enforced'] as const;
export type Mechanism = (typeof mechanisms)[number];

/** For one limit: what is in force, by what; or why it isn't. */
export interface Enforcement {
  /** As in slipway.yaml: `memory`, `io.weight`; `totalLimits.memory` for that of the service. */
  readonly limit: string;
  readonly asked: number;
  /** What the kernel made of it; absent where nothing is. */
  readonly inForce?: number;
  readonly by: Mechanism;
  /** Why not, or what is to be known about it. */
  readonly why?: string;
}

export interface ProcessTree {
  readonly record: TreeRecord;
  readonly enforcement: readonly Enforcement[];
  /** Calls back once, when the main process is gone; at once if it is already. */
  onExit(listener: (exit: Exit) => void): Cancel;
  /** To the main process, and only if it is still the same one. `false`: it is gone. */
  signal(signal: NodeJS.Signals): boolean;
  /**
   * SIGKILLs everything in the tree until none is left, then removes its cgroups. Idempotent. By the time that it
   * resolves with none, `onExit` has called back.
   * @param timeout milliseconds
   * @returns pids that could not be killed within `timeout`; empty means verified gone.
   */
  kill(timeout: number): Promise<readonly number[]>;
  usage(): Promise<Usage | undefined>;
  /** The command line, whole, by which a command runs beside it: in its cgroups, as its user, seeing what it sees. */
  beside(command: Command): Command;
  /** Changes its limits while it runs. What can't be changed any more says so, and holds from the next launch on. */
  limit(limits: Limits): Promise<readonly Enforcement[]>;
}

export interface ProcessHost {
  readonly backend: Backend;
  /** Why no cgroup is used, in words; absent where one is. */
  readonly whyNoCgroup?: string;
  readonly isolation: SandboxSupport;
  /**
   * Spawns through the launcher. It resolves as soon as there is a pid; what goes wrong between there and the
   * program's first instruction is in {@link Exit.failure}.
   * @throws SlipwayError SLIP_LAUNCH_FAILED when the command can't be executed at all, SLIP_LIMIT_UNENFORCED when the
   * order is strict and this host can't enforce one of its limits
   */
  launch(order: LaunchOrder): Promise<ProcessTree>;
  /** The tree, if its main process still is the one in the record; else `undefined`. */
  adopt(record: TreeRecord): Promise<ProcessTree | undefined>;
  /**
   * Kills whatever of `key` is alive although no record names it (the daemon died between spawn and record), and
   * removes its cgroup.
   * @returns pids that could not be killed; empty means verified gone
   */
  sweep(key: string): Promise<readonly number[]>;
  /** Keys of all trees of this home that left a trace on the host: cgroups or marked processes. */
  traces(): Promise<readonly string[]>;
  /** Changes what all trees of a service may use together, while they run. @param lifted are not wanted any more */
  limitTotal(service: string, limits: TotalLimits, lifted: TotalLimits): readonly Enforcement[];
  /** Stops watching adopted processes; trees go on. */
  close(): void;
}
