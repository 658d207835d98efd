import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Instance, newInstance } from '../../src/domain/instance/state.ts';
import { judgeRollout } from '../../src/domain/rollout.ts';

function fresh(index: number, change: Partial<Instance>) {
  return { label: `greeter/${index}`, instance: { ...newInstance(), ...change } };
}

describe('a rollout', () => {
  it('goes on for as long as something becomes ready in time', () => {
    const first = judgeRollout(2, [fresh(0, { state: 'starting' })], undefined, 1000, 0);
    assert.ok(first.kind === 'going-on');
    assert.equal(first.deadline, 1000);
    const second = judgeRollout(2, [fresh(0, { state: 'ready' })], first.progress, 1000, 900);
    assert.ok(second.kind === 'going-on');
    assert.equal(second.deadline, 1900);
    const third = judgeRollout(2, [fresh(0, { state: 'ready' })], second.progress, 1000, 1899);
    assert.equal(third.kind, 'going-on');
  });

  it('fails when nothing got further for too long, and says what it waits for', () => {
    const waiting = fresh(0, { state: 'starting', detail: 'not ready: connection refused on port 20000' });
    const before = { to: 2, ready: 0, since: 0 };
    assert.deepEqual(judgeRollout(2, [waiting], before, 1000, 1000), {
      kind: 'failed',
      reason: 'no progress for 1 s; greeter/0 is not ready: connection refused on port 20000',
    });
  });

  it('fails at once when a new instance gave up, or crashed three times', () => {
    const gaveUp = fresh(1, { state: 'failed', detail: 'exited 1; restart policy is never' });
    assert.deepEqual(judgeRollout(2, [gaveUp], undefined, 1000, 0), {
      kind: 'failed',
      reason: 'greeter/1: exited 1; restart policy is never',
    });
    const history = { total: 3, recent: [0, 1, 2] };
    assert.equal(judgeRollout(2, [fresh(0, { state: 'backoff', history })], undefined, 1000, 5).kind, 'failed');
    const twice = { total: 2, recent: [0, 1] };
    assert.equal(
      judgeRollout(2, [fresh(0, { state: 'backoff', history: twice })], undefined, 1000, 5).kind,
      'going-on',
    );
  });

  it('begins anew when another revision supersedes it', () => {
    const before = { to: 2, ready: 3, since: 0 };
    const verdict = judgeRollout(3, [], before, 1000, 5000);
    assert.ok(verdict.kind === 'going-on');
    assert.equal(verdict.deadline, 6000);
  });
});
