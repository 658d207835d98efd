/** What every instance works with, and what of its service's spec applies to it while it runs. */
import type { Clock } from '../domain/clock.ts';
import type { Limits, TotalLimits } from '../domain/limits-spec.ts';
import type { RestartSpec, StopSpec } from '../domain/spec.ts';
import type { LogStore } from '../logs/contract.ts';
import type { Prober } from '../probes/contract.ts';
import type { ProcessHost } from '../processes/contract.ts';
import type { Runtimes } from '../runtimes/contract.ts';
import type { StateStore } from '../state/contract.ts';
import type { Audit } from './audit.ts';
import type { ControlCounters } from './contract.ts';
import type { Isolation } from './isolation.ts';
import type { Ports } from './ports.ts';
import type { Routing } from './routing.ts';
import type { Sockets } from './sockets.ts';

/** What all instances share. */
export interface InstanceWorld {
  readonly clock: Clock;
  readonly random: () => number;
  readonly bootId: string;
  readonly host: ProcessHost;
  readonly isolation: Pick<Isolation, 'house' | 'environmentOf' | 'clear' | 'levelOf'>;
  readonly runtimes: Pick<Runtimes, 'versionNow'>;
  readonly prober: Prober;
  readonly logs: LogStore;
  readonly ports: Ports;
  readonly sockets: Sockets;
  readonly routing: Routing;
  readonly store: StateStore;
  readonly counters: ControlCounters;
  readonly audit: Audit;
}

/** The part of a spec that applies to what runs already. */
export interface InstancePolicy {
  readonly restart: RestartSpec;
  readonly stop: StopSpec;
  readonly limits: Limits;
  readonly totalLimits: TotalLimits;
  readonly strictLimits: boolean;
  readonly memoryWatchdog: boolean;
}
