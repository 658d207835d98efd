/**
 * The states of an instance and what each one owns. What a state owns is data, so that a transition can neither
 * forget to withdraw a route nor leave a probe or a timer behind: `step` takes the difference of the two states.
 */
import type { Milliseconds } from '../clock.ts';

export const instanceStates = [
  'stopped',
  'launching',
  'starting',
  'ready',
  'unready',
  'draining',
  'stopping',
  'killing',
  'backoff',
  'recovering',
  'failed',
] as const;

export type InstanceStateKind = (typeof instanceStates)[number];

export interface StateTraits {
  /** Whether the router sends requests to it. */
  readonly routed: boolean;
  readonly probed: boolean;
  /** Whether a process may be alive. */
  readonly process: boolean;
  /** Every state that is not final waits for something that is bound to come. */
  readonly waitsFor: 'nothing' | 'timer' | 'operation' | 'process';
}

const idle: StateTraits = { routed: false, probed: false, process: false, waitsFor: 'nothing' };
const live: StateTraits = { routed: false, probed: true, process: true, waitsFor: 'process' };

export const stateTraits: Readonly<Record<InstanceStateKind, StateTraits>> = {
  stopped: idle,
  failed: idle,
  launching: { ...idle, process: true, waitsFor: 'operation' },
  starting: live,
  ready: { ...live, routed: true },
  unready: live,
  draining: { ...live, probed: false, waitsFor: 'timer' },
  stopping: { ...live, probed: false, waitsFor: 'timer' },
  killing: { ...live, probed: false, waitsFor: 'operation' },
  backoff: { ...idle, waitsFor: 'timer' },
  recovering: { ...idle, process: true, waitsFor: 'operation' },
};

/** How a process ended, as far as it can be known. */
export interface ExitStatus {
  readonly code?: number;
  readonly signal?: string;
  readonly oomKilled: boolean;
  /** Bytes; where it was killed for them. */
  readonly memoryPeak?: number;
  /** The program never ran: what kept the launcher from executing it, in words. */
  readonly failure?: string;
}

/** Why the process was, or is to be, replaced. `requested` is planned and never counts as a failure. */
export type RestartReason = 'exited' | 'oom-killed' | 'liveness' | 'startup' | 'launch-failed' | 'requested';

export interface Ending {
  readonly reason: RestartReason;
  readonly detail: string;
  /** Monotonic: when it was decided; to end a tree can take long after that. */
  readonly at: Milliseconds;
}

export interface RestartHistory {
  /** Unplanned restarts since the first start or the last `start` by a user. */
  readonly total: number;
  /** Monotonic instants of the unplanned restarts since the last stable run, oldest first. */
  readonly recent: readonly Milliseconds[];
}

export interface Instance {
  readonly state: InstanceStateKind;
  readonly desired: 'up' | 'down';
  /** Counts launches: what comes late from an older one is told apart by it. */
  readonly epoch: number;
  /** Counts state changes: a timer that fires late is told apart by it. */
  readonly sequence: number;
  readonly history: RestartHistory;
  /** Monotonic; of the present process. */
  readonly launchedAt: Milliseconds | undefined;
  /** Decided before the process was gone, so that the reason outlives it. */
  readonly ending: Ending | undefined;
  /** In words: why it is in this state. */
  readonly detail: string | undefined;
  /** Monotonic; in `backoff`. */
  readonly retryAt: Milliseconds | undefined;
  /** It ended by itself and its restart policy leaves it at that. */
  readonly completed: boolean;
  /** Processes that survived SIGKILL; while there are any, nothing new is launched. */
  readonly survivors: readonly number[];
}

export function newInstance(): Instance {
  return {
    state: 'stopped',
    desired: 'down',
    epoch: 0,
    sequence: 0,
    history: { total: 0, recent: [] },
    launchedAt: undefined,
    ending: undefined,
    detail: undefined,
    retryAt: undefined,
    completed: false,
    survivors: [],
  };
}
