/** Rules of instances, plans and records that only show when two things happen at once, or one of them late. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { InstanceEvent, StepContext } from '../../src/domain/instance/events.ts';
import { type Instance, newInstance } from '../../src/domain/instance/state.ts';
import { step } from '../../src/domain/instance/step.ts';
import { type DesiredService, type ObservedInstance, plan } from '../../src/domain/plan.ts';
import type { Revision } from '../../src/domain/revision.ts';
import { judgeRollout } from '../../src/domain/rollout.ts';
import {
  concludeRollout,
  declare,
  firstRecord,
  previousRevision,
  resize,
  revert,
  rollOut,
} from '../../src/domain/service.ts';
import { serviceSpec } from '../helpers/specs.ts';

const context: StepContext = {
  restart: {
    policy: 'always',
    backoff: { initial: 100, max: 30_000, factor: 2, jitter: 0 },
    stableAfter: 10_000,
    giveUpAfter: { restarts: 5, within: 60_000 },
  },
  stop: { signal: 'SIGTERM', grace: 10_000, drain: 10_000 },
  now: 0,
  random: 0,
};

function run(from: Instance, events: readonly InstanceEvent[], changes: Partial<StepContext> = {}): Instance {
  return events.reduce((instance, event) => {
    const current = { ...event };
    if ('epoch' in current) current.epoch = instance.epoch;
    if ('sequence' in current) current.sequence = instance.sequence;
    return step(instance, current, { ...context, ...changes }).next;
  }, from);
}

const start: InstanceEvent = { kind: 'start' };
const stop: InstanceEvent = { kind: 'stop', hurry: false };
const spawned: InstanceEvent = { kind: 'spawned', epoch: 0 };
const passed: InstanceEvent = { kind: 'readinessPassed', epoch: 0 };
const drained: InstanceEvent = { kind: 'drained', epoch: 0 };
const reaped: InstanceEvent = { kind: 'reaped', epoch: 0, survivors: [] };
const timeout: InstanceEvent = { kind: 'timeout', sequence: 0 };
const terminated: InstanceEvent = { kind: 'exited', epoch: 0, exit: { signal: 'SIGTERM', oomKilled: false } };

describe('an instance that is wanted again while it stops', () => {
  for (const policy of ['always', 'on-failure', 'never'] as const) {
    it(`comes back at once and unblamed, with restart policy ${policy}`, () => {
      const restart = { ...context.restart, policy };
      const again = run(newInstance(), [start, spawned, passed, stop, drained, start, terminated, reaped], { restart });
      assert.equal(again.state, 'launching');
      assert.deepEqual(again.history, { total: 0, recent: [] });
      const launching = run(newInstance(), [start, stop, spawned, start, terminated, reaped], { restart });
      assert.equal(launching.state, 'launching');
      assert.deepEqual(launching.history, { total: 0, recent: [] });
    });
  }
});

describe('a stable run', () => {
  const startup: InstanceEvent = { kind: 'startupFailed', epoch: 0, detail: 'HTTP 503' };
  const liveness: InstanceEvent = { kind: 'livenessFailed', epoch: 0, detail: 'HTTP 503' };

  it('is none that never came up, however long that took', () => {
    const launched = run(newInstance(), [start, spawned]);
    const failing = run(launched, [startup, terminated, reaped], { now: 60_000 });
    assert.equal(failing.state, 'backoff');
  });

  it('does not get longer by the time that it takes to end it', () => {
    const hung = run(run(newInstance(), [start, spawned, passed]), [liveness], { now: 3_000 });
    const ended = run(hung, [timeout, timeout, reaped], { now: 23_000 });
    assert.equal(ended.state, 'backoff');
  });

  it('is that of the process at hand, not of the one before', () => {
    const ready = run(newInstance(), [start, spawned, passed]);
    const next = run(ready, [terminated, reaped], { now: 20_000 });
    assert.equal(next.state, 'launching');
    const lost = run({ ...next, state: 'recovering' }, [{ kind: 'lost', detail: 'gone' }, reaped], { now: 20_010 });
    assert.equal(lost.state, 'backoff');
  });
});

const rollout = { maxSurge: 1, maxUnavailable: 0, minReady: 0, timeout: 120_000 };
const desired: DesiredService = { up: true, wanted: 1, target: 2, stopped: new Set(), rollout, held: false };

function seen(index: number, revision: number, change: Partial<ObservedInstance> = {}): ObservedInstance {
  return { index, revision, state: 'ready', desired: 'up', completed: false, readySince: 0, ...change };
}

describe('a plan', () => {
  it('tells apart what is still to be replaced from what only has to drain', () => {
    const draining = seen(0, 1, { state: 'draining', desired: 'down', readySince: undefined });
    const result = plan(desired, [draining, seen(0, 2)], 0);
    assert.equal(result.available, true);
    assert.equal(result.converged, false);
    assert.equal(plan(desired, [draining, seen(0, 2, { state: 'starting' })], 0).available, false);
  });

  it('costs in proportion to the number of instances in a rollout', () => {
    const fastest = (instances: number) => {
      const observed = Array.from({ length: instances }, (_, index) => seen(index, 1));
      const times = Array.from({ length: 40 }, () => {
        const began = performance.now();
        plan({ ...desired, wanted: instances }, observed, 0);
        return performance.now() - began;
      });
      return Math.min(...times);
    };
    fastest(200);
    const ratio = fastest(2_000) / fastest(200);
    assert.ok(ratio < 40, `ten times as many cost ${ratio} times as much`);
  });
});

describe('a rollout', () => {
  it('that is only waiting for the old ones to drain is not out of time', () => {
    const fresh = [{ label: 'a/0', instance: { ...newInstance(), state: 'ready' as const } }];
    const before = { to: 2, ready: 1, since: 0 };
    assert.equal(judgeRollout(2, fresh, before, 1000, 5000).kind, 'failed');
    assert.deepEqual(judgeRollout(2, fresh, before, undefined, 5000), {
      kind: 'going-on',
      deadline: undefined,
      progress: { to: 2, ready: 1, since: 5000 },
    });
  });
});

function revisionOf(number: number, release = `release-${number}`): Revision {
  return {
    number,
    release,
    packageName: 'p',
    spec: serviceSpec({ package: { kind: 'path', path: `/p/${release}` } }),
    runtime: { name: 'exec', version: '', path: '/bin/true' },
    launch: { argv: ['/bin/true'], cwd: '/', env: {} },
    createdAt: 0,
    cause: 'test',
  };
}

const numbers = (record: { readonly revisions: readonly Revision[] }) => record.revisions.map(one => one.number);

describe('the revisions of a record', () => {
  const first = firstRecord(revisionOf(1));
  const record = { ...first, declared: { ...first.declared, keepRevisions: 2 } };

  it('do not grow with deploys that fail', () => {
    let failed = record;
    for (let number = 2; number < 50; number += 1) {
      failed = concludeRollout(revert(rollOut(failed, revisionOf(number), 0), 'no'));
    }
    assert.deepEqual(numbers(failed), [1, 48, 49]);
  });

  it('do not grow with deploys while the service is down', () => {
    let down: typeof record = { ...record, desired: 'down' };
    for (let number = 2; number < 50; number += 1) down = rollOut(down, revisionOf(number), 0);
    assert.deepEqual(numbers(down), [48, 49]);
  });

  it('all stay while a rollout runs, since instances of any may', () => {
    let rolling = record;
    for (const number of [2, 3, 4, 5]) rolling = rollOut(rolling, revisionOf(number), 0);
    rolling = declare(rolling, rolling.declared, rolling.declaredRelease);
    assert.deepEqual(numbers(rolling), [1, 2, 3, 4, 5]);
    assert.deepEqual(numbers(concludeRollout(rolling)), [4, 5]);
  });

  it('lead back to what still serves where the one that is being rolled out is to go', () => {
    const rolling = rollOut(concludeRollout(rollOut(record, revisionOf(2), 0)), revisionOf(3), 0);
    assert.equal(previousRevision(rolling)?.number, 2);
    assert.equal(previousRevision(revert(rolling, 'no'))?.number, 1);
  });
});

describe('another number of instances', () => {
  const record = { ...firstRecord(revisionOf(1)), instances: 3, stopped: [0, 2], restarting: [1, 2] };

  it('forgets what a user said of those that are gone', () => {
    const small = resize(record, 2);
    assert.deepEqual([small.instances, small.stopped, small.restarting], [2, [0], [1]]);
    assert.deepEqual(declare(record, { ...record.declared, instances: 2 }, 'r').stopped, [0]);
  });

  it('and so does a service that comes back while it goes', () => {
    const back = declare({ ...record, removing: true, desired: 'down' }, record.declared, 'r');
    assert.deepEqual([back.removing, back.desired, back.stopped], [false, 'up', []]);
  });
});
