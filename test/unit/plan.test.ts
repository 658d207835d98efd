import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type DesiredService, type ObservedInstance, plan } from '../../src/domain/plan.ts';

const rollout = { maxSurge: 1, maxUnavailable: 0, minReady: 0, timeout: 120_000 };
const desired: DesiredService = { up: true, wanted: 3, target: 1, stopped: new Set(), rollout, held: false };

function seen(index: number, revision: number, change: Partial<ObservedInstance> = {}): ObservedInstance {
  return { index, revision, state: 'ready', desired: 'up', completed: false, readySince: 0, ...change };
}

describe('a plan', () => {
  it('creates all that is wanted at once where nothing runs', () => {
    const { actions } = plan(desired, [], 0);
    assert.deepEqual(
      actions.map(action => action.kind),
      ['create', 'create', 'create'],
    );
  });

  it('creates nothing where what it depends on is not there', () => {
    assert.deepEqual(plan({ ...desired, held: true }, [], 0).actions, []);
  });

  it('replaces one by one, the new one ready before the old one goes', () => {
    const old = [0, 1, 2].map(index => seen(index, 1));
    const target = { ...desired, target: 2 };
    assert.deepEqual(plan(target, old, 0).actions, [{ kind: 'create', index: 0, revision: 2 }]);
    const starting = seen(0, 2, { state: 'starting', readySince: undefined });
    assert.deepEqual(plan(target, [...old, starting], 0).actions, []);
    assert.deepEqual(plan(target, [...old, seen(0, 2)], 0).actions, [
      { kind: 'stop', index: 0, revision: 1 },
      { kind: 'create', index: 1, revision: 2 },
    ]);
  });

  it('waits for minReady before it counts a new instance', () => {
    const target = { ...desired, wanted: 1, target: 2, rollout: { ...rollout, minReady: 2000 } };
    const both = [seen(0, 1), seen(0, 2, { readySince: 500 })];
    const early = plan(target, both, 1000);
    assert.deepEqual(early.actions, []);
    assert.equal(early.again, 2500);
    assert.deepEqual(plan(target, both, 2500).actions, [{ kind: 'stop', index: 0, revision: 1 }]);
  });

  it('starts again what was on its way out and is wanted after all', () => {
    const draining = seen(0, 1, { state: 'draining', desired: 'down', readySince: undefined });
    const { actions } = plan({ ...desired, wanted: 1 }, [draining], 0);
    assert.deepEqual(actions, [{ kind: 'start', index: 0, revision: 1 }]);
  });

  it('leaves alone what completed by itself', () => {
    const done = seen(0, 1, { state: 'stopped', desired: 'down', completed: true, readySince: undefined });
    const result = plan({ ...desired, wanted: 1 }, [done], 0);
    assert.deepEqual(result.actions, []);
    assert.equal(result.converged, true);
  });

  it('stops what is beyond the wanted number and forgets it once it is over', () => {
    assert.deepEqual(plan({ ...desired, wanted: 0 }, [seen(0, 1)], 0).actions, [
      { kind: 'stop', index: 0, revision: 1 },
    ]);
    const over = seen(0, 1, { state: 'stopped', desired: 'down' });
    assert.deepEqual(plan({ ...desired, wanted: 0 }, [over], 0).actions, [{ kind: 'remove', index: 0, revision: 1 }]);
  });
});

/** A world that obeys: created instances become ready, stopped ones end, in the order that `choose` picks. */
function simulate(start: readonly ObservedInstance[], want: DesiredService, choices: readonly number[]): void {
  let world = [...start];
  const floor = Math.min(
    want.wanted - want.rollout.maxUnavailable,
    world.filter(one => one.state === 'ready' && one.index < want.wanted).length,
  );
  let now = 0;
  for (let turn = 0; turn < 400; turn += 1) {
    now += 1;
    const { actions, converged } = plan(want, world, now);
    for (const action of actions) {
      const same = (one: ObservedInstance) => one.index === action.index && one.revision === action.revision;
      if (action.kind === 'create') {
        assert.ok(!world.some(same), 'never two of one index and revision');
        world.push(seen(action.index, action.revision, { state: 'starting', readySince: undefined }));
      } else if (action.kind === 'remove') {
        world = world.filter(one => !same(one));
      } else {
        const change: Partial<ObservedInstance> =
          action.kind === 'stop'
            ? { state: 'stopping', desired: 'down', readySince: undefined }
            : { state: 'starting', desired: 'up', readySince: undefined };
        world = world.map(one => (same(one) ? { ...one, ...change } : one));
      }
    }
    const ready = world.filter(one => one.state === 'ready').length;
    assert.ok(ready >= floor, `${ready} ready, at least ${floor} expected`);
    const up = world.filter(one => one.desired === 'up').length;
    assert.ok(
      up <= Math.max(start.length, want.wanted + want.rollout.maxSurge),
      `${up} up after ${JSON.stringify(actions)} in ${JSON.stringify(world)}`,
    );
    if (converged) {
      assert.deepEqual(
        world
          .filter(one => one.state === 'ready')
          .map(one => `${one.index}.${one.revision}`)
          .sort(),
        Array.from({ length: want.wanted }, (_, index) => `${index}.${want.target}`).sort(),
      );
      return;
    }
    const moving = world.filter(one => one.state === 'starting' || one.state === 'stopping');
    const chosen = moving[(choices[turn % choices.length] ?? 0) % Math.max(1, moving.length)];
    world = world.map(one => {
      if (one !== chosen) return one;
      return one.state === 'starting' ? { ...one, state: 'ready', readySince: now } : { ...one, state: 'stopped' };
    });
  }
  assert.fail(`did not converge: ${JSON.stringify(world)}`);
}

describe('a rollout, whatever order things happen in', () => {
  it('converges, keeps the floor and never exceeds the surge', () => {
    const count = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(
        count,
        count,
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 0, max: 3 }),
        fc.array(fc.nat(20), { minLength: 1, maxLength: 30 }),
        (running, wanted, maxSurge, maxUnavailable, choices) => {
          fc.pre(maxSurge + maxUnavailable > 0);
          const old = Array.from({ length: running }, (_, index) => seen(index, 1));
          simulate(old, { ...desired, wanted, target: 2, rollout: { ...rollout, maxSurge, maxUnavailable } }, choices);
        },
      ),
      { numRuns: 500 },
    );
  });
});
