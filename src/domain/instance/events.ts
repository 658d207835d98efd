/** What can happen to an instance, and what it makes the shell do. */
import type { Milliseconds } from '../clock.ts';
import type { RestartSpec, StopSpec } from '../spec.ts';
import type { ExitStatus, Instance, RestartReason } from './state.ts';

/** Payloads. Those with an `epoch` speak of one launch and are dropped when it is not the present one. */
export interface InstanceEvents {
  start: object;
  /** `hurry` skips drain and grace. */
  stop: { readonly hurry: boolean };
  restart: object;
  spawned: { readonly epoch: number };
  spawnFailed: { readonly epoch: number; readonly detail: string };
  readinessPassed: { readonly epoch: number };
  readinessFailed: { readonly epoch: number; readonly detail: string };
  startupFailed: { readonly epoch: number; readonly detail: string };
  livenessFailed: { readonly epoch: number; readonly detail: string };
  exited: { readonly epoch: number; readonly exit: ExitStatus };
  drained: { readonly epoch: number };
  /** The tree was killed; these pids survived it. */
  reaped: { readonly epoch: number; readonly survivors: readonly number[] };
  /** The timer of the state that had this sequence number. */
  timeout: { readonly sequence: number };
  /** A new daemon found the process alive, in the state in which its record left it. */
  adopted: { readonly as: 'starting' | 'ready' | 'unready' | 'draining' | 'stopping' };
  /** A new daemon found no such process. */
  lost: { readonly detail: string };
}

export type EventKind = keyof InstanceEvents;
export type EventOf<K extends EventKind> = { readonly kind: K } & InstanceEvents[K];
export type InstanceEvent = { [K in EventKind]: EventOf<K> }[EventKind];

export type InstanceEffect =
  | { readonly kind: 'spawn'; readonly epoch: number }
  | { readonly kind: 'signal' }
  | { readonly kind: 'killTree' }
  | { readonly kind: 'publish' }
  | { readonly kind: 'withdraw' }
  | { readonly kind: 'awaitDrain' }
  | { readonly kind: 'probe'; readonly from: 'launch' | 'running' }
  | { readonly kind: 'unprobe' }
  | { readonly kind: 'cancelTimer' }
  | { readonly kind: 'setTimer'; readonly after: Milliseconds; readonly sequence: number }
  | { readonly kind: 'restarted'; readonly reason: RestartReason; readonly detail: string };

/** What a step may look at besides the instance: nothing else, so that it is the same each time. */
export interface StepContext {
  readonly restart: RestartSpec;
  readonly stop: StopSpec;
  readonly now: Milliseconds;
  /** 0 ≤ random < 1. */
  readonly random: number;
}

export interface Outcome {
  readonly next: Instance;
  readonly effects: readonly InstanceEffect[];
}
