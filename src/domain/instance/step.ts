/**
 * One step of an instance: pure and total. What a state owns (route, probes, timer) is taken and given back here,
 * by comparing the two states, so that no rule can forget it.
 */
import type { EventKind, EventOf, InstanceEffect, InstanceEvent, Outcome, StepContext } from './events.ts';
import type { Move, Rule } from './rules.ts';
import { type Instance, type InstanceStateKind, stateTraits } from './state.ts';
import { table } from './table.ts';

export function step(instance: Instance, event: InstanceEvent, context: StepContext): Outcome {
  if (isLate(instance, event)) return { next: instance, effects: [] };
  const move = moveFor(instance, event, context);
  if (move === undefined) return { next: instance, effects: [] };
  const changed = move.to !== instance.state;
  const next: Instance = {
    ...instance,
    ...move.change,
    state: move.to,
    sequence: instance.sequence + (changed ? 1 : 0),
  };
  const effects = [...(move.effects ?? [])];
  return {
    next,
    effects: changed ? [...released(instance, next), ...effects, ...taken(event, next, context)] : effects,
  };
}

/** States that an event leads to from a state; empty where it is ignored. For the documentation and the tests. */
export function targets(state: InstanceStateKind, event: EventKind): readonly InstanceStateKind[] {
  const cell = table[state][event];
  return cell === 'ignore' ? [] : cell.to;
}

function isLate(instance: Instance, event: InstanceEvent): boolean {
  if ('epoch' in event) return event.epoch !== instance.epoch;
  if ('sequence' in event) return event.sequence !== instance.sequence;
  return false;
}

function moveFor<K extends EventKind>(
  instance: Instance,
  event: EventOf<K> & { readonly kind: K },
  context: StepContext,
): Move | undefined {
  const cell = table[instance.state][event.kind] as Rule<K> | 'ignore';
  return cell === 'ignore' ? undefined : cell.apply(instance, event, context);
}

function released(before: Instance, after: Instance): InstanceEffect[] {
  const [was, is] = [stateTraits[before.state], stateTraits[after.state]];
  const effects: InstanceEffect[] = [];
  if (was.waitsFor === 'timer') effects.push({ kind: 'cancelTimer' });
  if (was.probed && !is.probed) effects.push({ kind: 'unprobe' });
  if (was.routed && !is.routed) effects.push({ kind: 'withdraw' });
  return effects;
}

function taken(event: InstanceEvent, after: Instance, context: StepContext): InstanceEffect[] {
  const is = stateTraits[after.state];
  const effects: InstanceEffect[] = [];
  if (is.routed) effects.push({ kind: 'publish' });
  // Between two probed states the probes simply go on; only a launch or an adoption begins them.
  if (is.probed && (event.kind === 'spawned' || event.kind === 'adopted')) {
    const running = event.kind === 'adopted' && event.as !== 'starting';
    effects.push({ kind: 'probe', from: running ? 'running' : 'launch' });
  }
  if (is.waitsFor === 'timer') {
    effects.push({ kind: 'setTimer', after: waitIn(after, context), sequence: after.sequence });
  }
  return effects;
}

function waitIn(instance: Instance, { stop, now }: StepContext): number {
  switch (instance.state) {
    case 'draining':
      return stop.drain;
    case 'stopping':
      return stop.grace;
    default:
      return Math.max(0, (instance.retryAt ?? now) - now);
  }
}
