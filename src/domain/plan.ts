/**
 * What to do next for one service: level-triggered and pure. It looks only at what is wanted and what is there, so a
 * lost event costs time and never correctness.
 *
 * - At most one instance of each (index, revision); two revisions of an index live at once only during a rollout.
 * - A ready instance is stopped only while more than `wanted − maxUnavailable` others are available.
 * - Never more than `wanted + maxSurge` instances are up (those on their way out not counted).
 */
import type { Milliseconds } from './clock.ts';
import type { InstanceStateKind } from './instance/state.ts';
import type { RolloutSpec } from './spec.ts';

export interface ObservedInstance {
  readonly index: number;
  readonly revision: number;
  readonly state: InstanceStateKind;
  readonly desired: 'up' | 'down';
  /** It ended by itself and its restart policy leaves it at that. */
  readonly completed: boolean;
  /** Monotonic; while it is ready. */
  readonly readySince: Milliseconds | undefined;
}

export interface DesiredService {
  readonly up: boolean;
  readonly wanted: number;
  /** The revision that all instances should be of. */
  readonly target: number;
  /** Indexes that a user stopped one by one. */
  readonly stopped: ReadonlySet<number>;
  readonly rollout: RolloutSpec;
  /** What it depends on isn't there yet: a service with nothing running stays so. */
  readonly held: boolean;
}

export type Action =
  | { readonly kind: 'create'; readonly index: number; readonly revision: number }
  /** It was on its way out, or is out, and is wanted again. */
  | { readonly kind: 'start'; readonly index: number; readonly revision: number }
  | { readonly kind: 'stop'; readonly index: number; readonly revision: number }
  /** It is over: its record can go. */
  | { readonly kind: 'remove'; readonly index: number; readonly revision: number };

export interface Plan {
  readonly actions: readonly Action[];
  /** Everything wanted is there and available; others may still be on their way out. */
  readonly available: boolean;
  /** Everything wanted is there and available, and nothing else. */
  readonly converged: boolean;
  /** Monotonic: when to plan again even if nothing happens. */
  readonly again: Milliseconds | undefined;
}

const gone: ReadonlySet<InstanceStateKind> = new Set(['stopped', 'failed']);
const leaving: ReadonlySet<InstanceStateKind> = new Set(['draining', 'stopping', 'killing']);

export function plan(desired: DesiredService, observed: readonly ObservedInstance[], now: Milliseconds): Plan {
  const actions: Action[] = [];
  const isOver = (one: ObservedInstance) => gone.has(one.state) && (one.desired === 'down' || !isWanted(desired, one));
  const isLeaving = (one: ObservedInstance) => one.desired === 'down' || leaving.has(one.state);
  const add = (kind: Action['kind'], one: { index: number; revision: number }) =>
    actions.push({ kind, index: one.index, revision: one.revision });

  for (const one of observed) {
    if (isWanted(desired, one)) continue;
    // A stopped instance of a wanted index stays visible as such; any other has nothing more to say.
    const keep = one.revision === desired.target && one.index < desired.wanted;
    if (isOver(one)) {
      if (!keep) add('remove', one);
    } else if (one.revision === desired.target || !desired.up || one.index >= desired.wanted) {
      if (one.desired === 'up') add('stop', one);
    }
  }

  const { up, wanted, target, stopped, rollout } = desired;
  const indexes = up ? Array.from({ length: wanted }, (_, index) => index).filter(index => !stopped.has(index)) : [];
  const alive = observed.filter(one => !gone.has(one.state) && !isLeaving(one) && one.index < wanted);
  const old = alive.filter(one => one.revision !== target);
  const isAvailable = (one: ObservedInstance) =>
    one.completed ||
    (one.state === 'ready' &&
      (one.revision !== target || old.length === 0 || now - (one.readySince ?? now) >= rollout.minReady));
  const current = new Map(observed.filter(one => one.revision === target).map(one => [one.index, one]));

  let running = alive.length;
  let available = alive.filter(isAvailable).length;
  const floor = Math.max(0, indexes.length - rollout.maxUnavailable);

  if (up) {
    for (const one of old) {
      const successor = current.get(one.index);
      const replaced = stopped.has(one.index) || (successor !== undefined && isAvailable(successor));
      const room = running >= indexes.length + rollout.maxSurge;
      if (one.state === 'ready' ? available - 1 >= floor && (replaced || room) : replaced || room) {
        add('stop', one);
        running -= 1;
        if (one.state === 'ready') available -= 1;
      }
    }
    if (!desired.held || alive.length > 0) {
      const overlapping = new Set(old.map(one => one.index));
      const overlaps = (index: number) => overlapping.has(index);
      // Where nothing serves yet comes first: the surge is for what overlaps with an instance that still does.
      for (const index of indexes.toSorted((a, b) => Number(overlaps(a)) - Number(overlaps(b)))) {
        const there = current.get(index);
        if (there?.desired === 'down' && !there.completed) add('start', there);
        if (there !== undefined || (overlaps(index) && running >= indexes.length + rollout.maxSurge)) continue;
        add('create', { index, revision: target });
        running += 1;
      }
    }
  }

  const allAvailable = indexes.every(index => {
    const one = current.get(index);
    return one !== undefined && isAvailable(one);
  });
  const waits = alive.flatMap(one =>
    one.revision === target && one.state === 'ready' && !isAvailable(one)
      ? [(one.readySince ?? now) + rollout.minReady]
      : [],
  );
  return {
    actions,
    available: allAvailable,
    converged: allAvailable && actions.length === 0 && observed.every(one => isWanted(desired, one) || isOver(one)),
    again: waits.length > 0 ? Math.min(...waits) : undefined,
  };
}

function isWanted(desired: DesiredService, one: { readonly index: number; readonly revision: number }): boolean {
  return desired.up && one.revision === desired.target && one.index < desired.wanted && !desired.stopped.has(one.index);
}
