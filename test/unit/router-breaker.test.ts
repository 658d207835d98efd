import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Breaker, type Permit, type Verdict } from '../../src/router/balancer/breaker.ts';
import { type BreakerEvent, type BreakerState, letsThrough, step } from '../../src/router/balancer/breaker-state.ts';

const context = { now: 100, open: 50 };
const closed: BreakerState = { kind: 'closed' };
const open: BreakerState = { kind: 'open', until: 120 };
const over: BreakerState = { kind: 'open', until: 100 };
const half: BreakerState = { kind: 'half-open', until: 120 };
const asked: BreakerEvent = { kind: 'asked' };

const cases: readonly (readonly [BreakerState, BreakerEvent, BreakerState, through?: boolean])[] = [
  [closed, asked, closed, true],
  [closed, { kind: 'succeeded' }, closed],
  [closed, { kind: 'dropped' }, closed],
  [closed, { kind: 'failed', tooMany: false }, closed],
  [closed, { kind: 'failed', tooMany: true }, { kind: 'open', until: 150 }],
  [open, asked, open, false],
  [over, asked, { kind: 'half-open', until: 150 }, true],
  [open, { kind: 'succeeded' }, open],
  [open, { kind: 'failed', tooMany: true }, open],
  [open, { kind: 'dropped' }, open],
  [half, asked, half, false],
  [{ kind: 'half-open', until: 100 }, asked, { kind: 'half-open', until: 150 }, true],
  [half, { kind: 'succeeded' }, closed],
  [half, { kind: 'failed', tooMany: false }, { kind: 'open', until: 150 }],
  [half, { kind: 'dropped' }, { kind: 'open', until: 100 }],
];

for (const [before, event, after, through] of cases) {
  test(`${JSON.stringify(before)} and ${JSON.stringify(event)}`, () => {
    const actual = step(before, event, context);
    assert.deepEqual(actual, after);
    if (through !== undefined) assert.equal(letsThrough(before, actual), through);
  });
}

const spec = { failureRatio: 0.5, requests: 4, within: 1_000, open: 500 };

function settle(breaker: Breaker, now: number, ...verdicts: readonly Verdict[]): void {
  for (const verdict of verdicts) breaker.settle(breaker.ask(now) as Permit, verdict, now);
}

test('it opens at the share, of enough requests, of the last while', () => {
  const breaker = new Breaker(spec);
  settle(breaker, 0, 'failed', 'failed', 'failed');
  assert.equal(breaker.state, 'closed', 'three are not enough');
  settle(breaker, 2_000, 'failed', 'dropped', 'succeeded', 'succeeded', 'dropped', 'succeeded', 'failed');
  assert.equal(breaker.state, 'closed', 'the first three are forgotten; two of five are not half');
  settle(breaker, 2_100, 'failed');
  assert.equal(breaker.state, 'open');
  assert.equal(breaker.remaining(2_200), 400);
  assert.equal(breaker.ask(2_599), undefined);
});

test('one tries, and its success closes it; counting begins anew', () => {
  const breaker = new Breaker(spec);
  settle(breaker, 0, 'failed', 'failed', 'failed', 'failed');
  const trial = breaker.ask(500) as Permit;
  assert.equal(breaker.state, 'half-open');
  assert.equal(breaker.ask(500), undefined);
  breaker.settle(trial, 'succeeded', 600);
  assert.equal(breaker.state, 'closed');
  settle(breaker, 600, 'failed', 'failed', 'failed');
  assert.equal(breaker.state, 'closed');
});

test('where the one that tries fails it stays open, where nothing comes of it the next one tries', () => {
  const breaker = new Breaker(spec);
  settle(breaker, 0, 'failed', 'failed', 'failed', 'failed');
  settle(breaker, 500, 'failed');
  assert.equal(breaker.ask(999), undefined);
  settle(breaker, 1_000, 'dropped');
  const trial = breaker.ask(1_000) as Permit;
  assert.ok(trial);
  assert.equal(breaker.ask(1_499), undefined);
  assert.ok(breaker.ask(1_500), 'nothing is known of it for long');
  breaker.settle(trial, 'succeeded', 1_600);
  assert.equal(breaker.state, 'closed');
});

test('what was under way before says nothing about now', () => {
  const breaker = new Breaker(spec);
  const old = breaker.ask(0) as Permit;
  settle(breaker, 0, 'failed', 'failed', 'failed', 'failed');
  breaker.settle(old, 'succeeded', 10);
  assert.equal(breaker.state, 'open');
  const trial = breaker.ask(500) as Permit;
  breaker.settle(old, 'succeeded', 500);
  assert.equal(breaker.state, 'half-open');
  breaker.settle(trial, 'succeeded', 500);
  for (let count = 0; count < 4; count++) breaker.settle(old, 'failed', 500);
  assert.equal(breaker.state, 'closed');
});

test('whatever happens: open lets none through, half-open one in a while, and it does not stay shut for ever', () => {
  const action = fc.oneof(
    fc.record({ kind: fc.constant('ask' as const) }),
    fc.record({ kind: fc.constantFrom<Verdict[]>('succeeded', 'failed', 'dropped'), which: fc.nat() }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(400) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 100 }), actions => {
      const breaker = new Breaker(spec);
      const permits: Permit[] = [];
      let now = 0;
      let lastTrial = Number.NEGATIVE_INFINITY;
      for (const one of actions) {
        if (one.kind === 'wait') now += one.ms;
        else if (one.kind === 'ask') {
          const remaining = breaker.remaining(now);
          const before = breaker.state;
          const permit = breaker.ask(now);
          assert.equal(permit !== undefined, before === 'closed' || remaining === 0);
          if (permit && before !== 'closed') {
            if (before === 'half-open') assert.ok(now - lastTrial >= spec.open);
            lastTrial = now;
          }
          if (permit) permits.push(permit);
        } else {
          const [permit] = permits.splice(one.which % Math.max(permits.length, 1), 1);
          if (permit) breaker.settle(permit, one.kind, now);
        }
      }
      assert.ok(breaker.ask(now + spec.open));
    }),
  );
});
