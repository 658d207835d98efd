/** What is to be known of a host, a daemon and its services to say what holds and what doesn't. Plain data. */
import type { Milliseconds } from '../clock.ts';
import type { Bytes } from '../limits-spec.ts';
import type { PortRange } from '../spec.ts';

export interface HostFacts {
  /** As Node names it: `linux`. */
  readonly platform: string;
  readonly isRoot: boolean;
  readonly hasProc: boolean;
  /** `unknown` where the host doesn't say. */
  readonly bootId: string;
  /** Unix time, as the host has it. */
  readonly now: Milliseconds;
  readonly cgroup: {
    readonly backend: 'cgroup-v2' | 'cgroup-v1' | 'none';
    readonly whyNone?: string;
    /** Those that limits need: `memory`, `cpu`, `pids`, `io`. */
    readonly controllers: readonly string[];
    readonly swap: boolean;
    /** Pressure stall information. */
    readonly pressure: boolean;
  };
  /** `true`, or why not. */
  readonly isolation: { readonly standard: true | string; readonly strict: true | string };
  /** Most user namespaces that there may be; absent where the kernel doesn't say. */
  readonly userNamespaces?: number;
  readonly missingTools: readonly string[];
  readonly privileges: { readonly mayRaiseLimits: boolean; readonly mayRaisePriority: boolean };
  /** Hard limits of the daemon, which instances can't exceed; `Infinity` for none. */
  readonly mostOpenFiles: number;
  readonly mostProcesses: number;
  /** Where secrets are kept in memory; `false` where there is no such place, absent where there is no home yet. */
  readonly secretsFolder?: string | false;
  /** Whether rotation can free a log file's beginning: if not, why not. Absent where it was not tried. */
  readonly punchHole?: true | string;
  /** Newest first, by name. */
  readonly runtimes: Readonly<Record<string, readonly { readonly version: string; readonly path: string }[]>>;
  /** Of the home's file system. Without a fixed number of inodes, `inodes` is 0. */
  readonly disk?: {
    readonly free: Bytes;
    readonly size: Bytes;
    readonly inodesFree: number;
    readonly inodes: number;
  };
  readonly ports: PortRange;
  /** Ports of outgoing connections, and what is spared of them. */
  readonly ephemeralPorts?: PortRange;
  readonly reservedPorts: readonly PortRange[];
  readonly somaxconn?: number;
  /** The unit that it runs in, with systemd's words for its settings. */
  readonly systemd?: {
    readonly unit: string;
    readonly delegate?: string;
    readonly oomPolicy?: string;
    readonly tasksMax?: string;
    readonly killMode?: string;
  };
}

export interface CertificateFacts {
  readonly path: string;
  /** Unix time. */
  readonly expiresAt?: Milliseconds;
  /** Why it can't be served. */
  readonly problem?: string;
}

export interface ServiceFacts {
  readonly name: string;
  readonly routes: readonly unknown[];
  readonly tcp: readonly string[];
  readonly waits?: string;
  readonly instances: readonly {
    readonly index: number;
    readonly state: string;
    readonly reason?: string;
    readonly note?: string;
    readonly limits: readonly { readonly limit: string; readonly by: string; readonly why?: string }[];
    readonly isolation?: { readonly level: string; readonly why?: string };
  }[];
}

export interface DaemonFacts {
  readonly router: { readonly state: string; readonly listen: readonly string[]; readonly problem?: string };
  readonly configProblem?: string;
  readonly certificates: readonly CertificateFacts[];
  readonly services: readonly ServiceFacts[];
}
