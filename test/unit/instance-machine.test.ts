import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { EventKind, InstanceEffect, InstanceEvent, StepContext } from '../../src/domain/instance/events.ts';
import {
  type Instance,
  type InstanceStateKind,
  instanceStates,
  newInstance,
  stateTraits,
} from '../../src/domain/instance/state.ts';
import { step, targets } from '../../src/domain/instance/step.ts';
import { table } from '../../src/domain/instance/table.ts';

const context: StepContext = {
  restart: {
    policy: 'always',
    backoff: { initial: 100, max: 30_000, factor: 2, jitter: 0 },
    stableAfter: 10_000,
    giveUpAfter: { restarts: 5, within: 60_000 },
  },
  stop: { signal: 'SIGTERM', grace: 10_000, drain: 5_000 },
  now: 0,
  random: 0,
};

const clean = { code: 0, oomKilled: false };
const crash = { code: 1, oomKilled: false };

/** Sends events one after the other, each for the present epoch, and gives the last outcome. */
function run(from: Instance, events: readonly InstanceEvent[], changes: Partial<StepContext> = {}) {
  let instance = from;
  let effects: readonly InstanceEffect[] = [];
  for (const event of events) {
    const current = { ...event };
    if ('epoch' in current) current.epoch = instance.epoch;
    if ('sequence' in current) current.sequence = instance.sequence;
    const outcome = step(instance, current, { ...context, ...changes });
    instance = outcome.next;
    effects = outcome.effects;
  }
  return { instance, effects, kinds: effects.map(effect => effect.kind) };
}

const start: InstanceEvent = { kind: 'start' };
const stop: InstanceEvent = { kind: 'stop', hurry: false };
const restart: InstanceEvent = { kind: 'restart' };
const spawned: InstanceEvent = { kind: 'spawned', epoch: 0 };
const passed: InstanceEvent = { kind: 'readinessPassed', epoch: 0 };
const drained: InstanceEvent = { kind: 'drained', epoch: 0 };
const timeout: InstanceEvent = { kind: 'timeout', sequence: 0 };
const reaped: InstanceEvent = { kind: 'reaped', epoch: 0, survivors: [] };
const exited = (exit = crash): InstanceEvent => ({ kind: 'exited', epoch: 0, exit });
const toReady = [start, spawned, passed];

describe('an instance', () => {
  it('is launched, probed and routed', () => {
    assert.deepEqual(run(newInstance(), [start]).kinds, ['spawn']);
    assert.deepEqual(run(newInstance(), [start, spawned]).kinds, ['probe']);
    assert.deepEqual(run(newInstance(), toReady).kinds, ['publish']);
  });

  it('stops by way of drain, signal and a verified kill', () => {
    const ready = run(newInstance(), toReady).instance;
    assert.deepEqual(run(ready, [stop]).kinds, ['unprobe', 'withdraw', 'awaitDrain', 'setTimer']);
    assert.deepEqual(run(ready, [stop, drained]).kinds, ['cancelTimer', 'signal', 'setTimer']);
    assert.deepEqual(run(ready, [stop, timeout, timeout]).kinds, ['cancelTimer', 'killTree']);
    const { instance } = run(ready, [stop, drained, exited(clean), reaped]);
    assert.equal(instance.state, 'stopped');
  });

  it('in a hurry is killed at once', () => {
    const { kinds } = run(newInstance(), [...toReady, { kind: 'stop', hurry: true }]);
    assert.deepEqual(kinds, ['unprobe', 'withdraw', 'killTree']);
  });

  it('that was told to stop while it was launching stops as soon as there is a process', () => {
    assert.equal(run(newInstance(), [start, stop, spawned]).instance.state, 'stopping');
  });

  it('is relaunched at once after a stable run, and later after an unstable one', () => {
    const ready = run(newInstance(), toReady).instance;
    const stable = run(ready, [exited(), reaped], { now: 10_000 });
    assert.equal(stable.instance.state, 'launching');
    assert.deepEqual(stable.kinds, ['restarted', 'spawn']);
    const unstable = run(ready, [exited(), reaped], { now: 9_999 });
    assert.equal(unstable.instance.state, 'backoff');
    assert.equal(unstable.instance.retryAt, 9_999 + 100);
  });

  it('that crashes again and again waits longer, then is given up, and starts afresh on request', () => {
    let { instance } = run(newInstance(), [start]);
    const delays: number[] = [];
    for (let now = 0; instance.state !== 'failed'; now += 1000) {
      instance = run(instance, [spawned, exited(), reaped], { now }).instance;
      if (instance.state !== 'backoff') break;
      delays.push((instance.retryAt ?? 0) - now);
      instance = run(instance, [timeout], { now }).instance;
    }
    assert.deepEqual(delays, [100, 200, 400, 800, 1600]);
    assert.equal(instance.state, 'failed');
    assert.match(instance.detail ?? '', /^exited 1 6 times in 5 s; given up$/);
    const again = run(instance, [start]);
    assert.equal(again.instance.state, 'launching');
    assert.deepEqual(again.instance.history, { total: 0, recent: [] });
  });

  it('is left alone when it ends as its restart policy allows', () => {
    const onFailure = { restart: { ...context.restart, policy: 'on-failure' as const } };
    const done = run(newInstance(), [start, spawned, exited(clean), reaped], onFailure).instance;
    assert.equal(done.state, 'stopped');
    assert.equal(done.completed, true);
    assert.equal(run(newInstance(), [start, spawned, exited(), reaped], onFailure).instance.state, 'backoff');
  });

  it('comes back at once, and is not counted, when a restart was asked for', () => {
    const { instance } = run(newInstance(), [...toReady, restart, drained, exited(crash), reaped]);
    assert.equal(instance.state, 'launching');
    assert.equal(instance.history.total, 0);
  });

  it('whose processes survive SIGKILL starts nothing beside them', () => {
    const survived: InstanceEvent = { kind: 'reaped', epoch: 0, survivors: [42] };
    const stuck = run(newInstance(), [...toReady, exited(), survived]);
    assert.equal(stuck.instance.state, 'failed');
    assert.match(stuck.instance.detail ?? '', /unkillable: process 42/);
    assert.deepEqual(run(stuck.instance, [start]).kinds, ['killTree']);
    assert.equal(run(stuck.instance, [start, reaped]).instance.state, 'launching');
  });

  it('adopted as ready keeps its route and goes on being probed', () => {
    const recovering: Instance = { ...run(newInstance(), toReady).instance, state: 'recovering' };
    const { instance, kinds, effects } = run(recovering, [{ kind: 'adopted', as: 'ready' }]);
    assert.equal(instance.state, 'ready');
    assert.deepEqual(kinds, ['publish', 'probe']);
    assert.deepEqual(effects[1], { kind: 'probe', from: 'running' });
  });
});

const someEvent: fc.Arbitrary<InstanceEvent> = fc.oneof(
  fc.constantFrom(start, restart),
  fc.boolean().map((hurry): InstanceEvent => ({ kind: 'stop', hurry })),
  fc.constantFrom<InstanceEvent>(
    spawned,
    { kind: 'spawnFailed', epoch: 0, detail: 'no such file' },
    passed,
    { kind: 'readinessFailed', epoch: 0, detail: 'refused' },
    { kind: 'startupFailed', epoch: 0, detail: 'refused' },
    { kind: 'livenessFailed', epoch: 0, detail: 'refused' },
    drained,
    timeout,
    { kind: 'lost', detail: 'gone' },
  ),
  fc.constantFrom(0, 1, 137).map(code => exited({ code, oomKilled: false })),
  fc.constantFrom([], [7]).map((survivors): InstanceEvent => ({ kind: 'reaped', epoch: 0, survivors })),
  fc
    .constantFrom('starting', 'ready', 'unready', 'stopping')
    .map((as): InstanceEvent => ({ kind: 'adopted', as: as as 'ready' })),
);

/** A walk from a new instance, each event with the time since the last. */
const walk = fc.array(fc.tuple(someEvent, fc.integer({ min: 0, max: 20_000 })), { maxLength: 60 });

function follow(
  steps: readonly (readonly [InstanceEvent, number])[],
  check: (before: Instance, after: Instance, effects: readonly InstanceEffect[], event: InstanceEvent) => void,
): void {
  let instance = newInstance();
  let now = 0;
  for (const [event, passes] of steps) {
    now += passes;
    const current = { ...event };
    if ('epoch' in current) current.epoch = instance.epoch;
    if ('sequence' in current) current.sequence = instance.sequence;
    const { next, effects } = step(instance, current, { ...context, now });
    check(instance, next, effects, current);
    instance = next;
  }
}

describe('every walk through the table', () => {
  it('only goes where the rules say that they lead', () => {
    fc.assert(
      fc.property(walk, steps =>
        follow(steps, (before, after, _effects, event) => {
          if (after.state === before.state) return;
          assert.ok(
            targets(before.state, event.kind).includes(after.state),
            `${before.state} ${event.kind} → ${after.state}`,
          );
        }),
      ),
    );
  });

  it('withdraws on every way out of ready, and publishes on every way in', () => {
    fc.assert(
      fc.property(walk, steps =>
        follow(steps, (before, after, effects) => {
          const kinds = effects.map(effect => effect.kind);
          assert.equal(kinds.includes('withdraw'), before.state === 'ready' && after.state !== 'ready');
          assert.equal(kinds.includes('publish'), before.state !== 'ready' && after.state === 'ready');
        }),
      ),
    );
  });

  it('launches only where no process can be alive', () => {
    fc.assert(
      fc.property(walk, steps =>
        follow(steps, (before, _after, effects, event) => {
          if (!effects.some(effect => effect.kind === 'spawn')) return;
          const verified = event.kind === 'reaped' && event.survivors.length === 0;
          assert.ok(!stateTraits[before.state].process || verified, `${before.state} ${event.kind} spawned`);
        }),
      ),
    );
  });

  it('sets a timer on entering a state that waits for one, and cancels it on leaving', () => {
    fc.assert(
      fc.property(walk, steps =>
        follow(steps, (before, after, effects) => {
          const changed = before.state !== after.state;
          const waits = (state: InstanceStateKind) => stateTraits[state].waitsFor === 'timer';
          assert.equal(
            effects.some(effect => effect.kind === 'setTimer'),
            changed && waits(after.state),
          );
          assert.equal(
            effects.some(effect => effect.kind === 'cancelTimer'),
            changed && waits(before.state),
          );
        }),
      ),
    );
  });

  it('ignores what comes late from an older launch or an older timer', () => {
    fc.assert(
      fc.property(walk, someEvent, (steps, event) => {
        let instance = newInstance();
        follow(steps, (_before, after) => {
          instance = after;
        });
        const late = { ...event };
        if ('epoch' in late) late.epoch = instance.epoch - 1;
        else if ('sequence' in late) late.sequence = instance.sequence - 1;
        else return;
        const outcome = step(instance, late, context);
        assert.equal(outcome.next, instance);
        assert.deepEqual(outcome.effects, []);
      }),
    );
  });

  it('leaves no state without something that will move it on', () => {
    const movedBy: Record<string, readonly EventKind[]> = {
      timer: ['timeout'],
      process: ['exited'],
      operation: ['spawned', 'reaped', 'adopted'],
    };
    for (const state of instanceStates) {
      const { waitsFor } = stateTraits[state];
      if (waitsFor === 'nothing') continue;
      const moves = movedBy[waitsFor]?.filter(event => table[state][event] !== 'ignore') ?? [];
      assert.notEqual(moves.length, 0, state);
    }
  });
});
