/**
 * The rules that the table is made of. A rule lists all states that it can lead to: the generated documentation
 * shows them, and a property test holds the rules to them.
 */
import type { EventKind, EventOf, InstanceEffect, StepContext } from './events.ts';
import { decideRestart, exitInWords } from './restart.ts';
import type { Ending, ExitStatus, Instance, InstanceStateKind, RestartReason } from './state.ts';

/** Where a rule leads, before `step` adds what the two states own. */
export interface Move {
  readonly to: InstanceStateKind;
  readonly change?: Partial<Instance>;
  readonly effects?: readonly InstanceEffect[];
}

export interface Rule<K extends EventKind> {
  readonly to: readonly InstanceStateKind[];
  readonly apply: (instance: Instance, event: EventOf<K>, context: StepContext) => Move;
}

const noHistory = { total: 0, recent: [] } as const;
/** What `exitInWords` says of the only exit that is clean. */
const cleanExit = exitInWords({ code: 0, oomKilled: false });

/** Also of what was stopped: should it be wanted again before it is gone, it comes back as after a restart. */
function onRequest({ now }: StepContext): Ending {
  return { reason: 'requested', detail: 'restart was asked for', at: now };
}

export function terminate(change: Partial<Instance>): Move {
  return { to: 'stopping', change, effects: [{ kind: 'signal' }] };
}

export function drain(change: Partial<Instance>): Move {
  return { to: 'draining', change, effects: [{ kind: 'awaitDrain' }] };
}

function kill(change: Partial<Instance>): Move {
  return { to: 'killing', change, effects: [{ kind: 'killTree' }] };
}

/** Nothing new starts beside survivors of the old: they are killed again first. */
function launch(instance: Instance, context: StepContext, change: Partial<Instance> = {}): Move {
  if (instance.survivors.length > 0) return kill({ desired: 'up', ending: onRequest(context), ...change });
  const epoch = instance.epoch + 1;
  return {
    to: 'launching',
    change: {
      desired: 'up',
      epoch,
      launchedAt: undefined,
      ending: undefined,
      retryAt: undefined,
      completed: false,
      ...change,
    },
    effects: [{ kind: 'spawn', epoch }],
  };
}

/** Only remembers; what is under way goes on. */
export function note(
  state: InstanceStateKind,
  change: Partial<Instance>,
): { readonly to: readonly InstanceStateKind[]; readonly apply: () => Move } {
  return { to: [state], apply: () => ({ to: state, change }) };
}

/** A user's start or restart of what doesn't run: whatever went wrong before is forgiven. */
export const startFresh: Rule<'start'> & Rule<'restart'> = {
  to: ['launching', 'killing'],
  apply: (instance: Instance, _event: object, context: StepContext) =>
    launch(instance, context, { history: noHistory, detail: undefined }),
};

/** The backoff is over. */
export const retry: Rule<'timeout'> = {
  to: ['launching', 'killing'],
  apply: (instance, _event, context) => launch(instance, context),
};

/** `stop` where requests may be in flight: they finish first. */
export const stopGently: Rule<'stop'> = {
  to: ['draining', 'killing'],
  apply: (_instance, { hurry }, context) => (hurry ? kill : drain)({ desired: 'down', ending: onRequest(context) }),
};

export const stopUnrouted: Rule<'stop'> = {
  to: ['stopping', 'killing'],
  apply: (_instance, { hurry }, context) => (hurry ? kill : terminate)({ desired: 'down', ending: onRequest(context) }),
};

/** `stop` where a stop is under way already. */
export function stopFurther(state: InstanceStateKind): Rule<'stop'> {
  return {
    to: [state, 'killing'],
    apply: (_instance, { hurry }) => (hurry ? kill({ desired: 'down' }) : { to: state, change: { desired: 'down' } }),
  };
}

/** `stop` where there is no process, but perhaps survivors of one. */
export const stopWaiting: Rule<'stop'> = {
  to: ['stopped', 'killing'],
  apply: instance =>
    instance.survivors.length > 0
      ? kill({ desired: 'down' })
      : { to: 'stopped', change: { desired: 'down', detail: 'stopped on request', retryAt: undefined } },
};

export const restartGently: Rule<'restart'> = {
  to: ['draining'],
  apply: (_instance, _event, context) => drain({ desired: 'up', ending: onRequest(context) }),
};

export const restartUnrouted: Rule<'restart'> = {
  to: ['stopping'],
  apply: (_instance, _event, context) => terminate({ desired: 'up', ending: onRequest(context) }),
};

export const spawned: Rule<'spawned'> = {
  to: ['starting', 'stopping'],
  apply: (instance, _event, context) => {
    const launchedAt = context.now;
    if (instance.desired === 'up') return { to: 'starting', change: { launchedAt } };
    return terminate({ launchedAt, ending: onRequest(context) });
  },
};

/** A launch can fail after the process exists; so this too goes by way of `killing`. */
export const spawnFailed: Rule<'spawnFailed'> = {
  to: ['killing'],
  apply: (_instance, { detail }, { now }) =>
    kill({ launchedAt: undefined, ending: { reason: 'launch-failed', detail, at: now } }),
};

export const readinessPassed: Rule<'readinessPassed'> = {
  to: ['ready'],
  apply: () => ({ to: 'ready', change: { detail: undefined } }),
};

/** Not ready yet is no failure of a process that is starting; it is only said. */
export const launched: Rule<'readinessFailed'> = {
  to: ['starting'],
  apply: (_instance, { detail }) => ({ to: 'starting', change: { detail: `not ready: ${detail}` } }),
};

export const readinessFailed: Rule<'readinessFailed'> = {
  to: ['unready'],
  apply: (_instance, { detail }) => ({ to: 'unready', change: { detail: `not ready: ${detail}` } }),
};

export const startupFailed: Rule<'startupFailed'> = {
  to: ['stopping'],
  apply: (_instance, { detail }, { now }) =>
    terminate({ ending: { reason: 'startup', detail: `startup probe failed: ${detail}`, at: now } }),
};

export function livenessFailed(
  next: (change: Partial<Instance>) => Move,
  to: InstanceStateKind,
): Rule<'livenessFailed'> {
  return {
    to: [to],
    apply: (_instance, { detail }, { now }) =>
      next({ ending: { reason: 'liveness', detail: `liveness probe failed: ${detail}`, at: now } }),
  };
}

/** The first cause wins: what was told to restart and then exits 1 was restarted on request. */
export const exited: Rule<'exited'> = {
  to: ['killing'],
  apply: (instance, { exit }, { now }) =>
    kill({
      ending: instance.ending ?? { reason: reasonOf(exit), detail: exitInWords(exit), at: now },
    }),
};

function reasonOf(exit: ExitStatus): RestartReason {
  if (exit.failure !== undefined) return 'launch-failed';
  return exit.oomKilled ? 'oom-killed' : 'exited';
}

export const killing: Rule<'timeout'> = { to: ['killing'], apply: () => kill({}) };

/** What the machine waited for: the tree is gone, or can't be got rid of. */
export const reaped: Rule<'reaped'> = {
  to: ['stopped', 'launching', 'backoff', 'failed'],
  apply: (instance, { survivors }, context) => {
    if (survivors.length === 0) return settle({ ...instance, survivors }, context);
    return {
      to: 'failed',
      change: { survivors, detail: `unkillable: process ${survivors.join(', ')} survived SIGKILL` },
    };
  },
};

/** Its daemon died; this one found the process and goes on from what the record says. */
export const recovered: Rule<'adopted'> = {
  to: ['starting', 'ready', 'unready', 'draining', 'stopping'],
  apply: (instance, event, { now }) => {
    const change: Partial<Instance> = { launchedAt: instance.launchedAt ?? now };
    if (event.as === 'stopping') return terminate(change);
    // Its requests get the whole drain once more: how much of it was over is not known.
    if (event.as === 'draining') return drain(change);
    if (instance.desired === 'down') return event.as === 'starting' ? terminate(change) : drain(change);
    return { to: event.as, change };
  },
};

/** The main process is gone; what it left behind is not known, so it is looked for first. */
export const relaunch: Rule<'lost'> = {
  to: ['killing'],
  apply: (instance, { detail }, { now }) => kill({ ending: instance.ending ?? { reason: 'exited', detail, at: now } }),
};

function settle(instance: Instance, context: StepContext): Move {
  const change: Partial<Instance> = { survivors: [], ending: undefined };
  const ending = instance.ending ?? { reason: 'exited', detail: 'its process was gone', at: context.now };
  if (instance.desired === 'down') return { to: 'stopped', change: { ...change, detail: 'stopped on request' } };
  const clean = ending.reason === 'exited' && ending.detail === cleanExit;
  const decision = decideRestart(instance, { ...ending, clean }, context);
  const restarted = { kind: 'restarted', reason: ending.reason, detail: ending.detail } as const;
  switch (decision.kind) {
    case 'now': {
      const move = launch(instance, context, { ...change, history: decision.history, detail: ending.detail });
      return { ...move, effects: [restarted, ...(move.effects ?? [])] };
    }
    case 'later':
      return {
        to: 'backoff',
        change: {
          ...change,
          history: decision.history,
          detail: ending.detail,
          retryAt: context.now + decision.delay,
        },
        effects: [restarted],
      };
    case 'complete':
      return { to: 'stopped', change: { ...change, desired: 'down', completed: true, detail: decision.detail } };
    case 'give-up':
      return { to: 'failed', change: { ...change, history: decision.history, detail: decision.detail } };
  }
}
