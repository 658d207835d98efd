import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RetryBudget } from '../../src/router/balancer/retry-budget.ts';
import { ShareWindow } from '../../src/router/balancer/share-window.ts';

function budget(share: number): RetryBudget {
  const made = new RetryBudget();
  made.share = share;
  return made;
}

function taken(subject: RetryBudget, wanted: number, now: number): number {
  return Array.from({ length: wanted }, () => subject.take(now)).filter(Boolean).length;
}

test('a few in a second always, further ones by the requests of the last while', () => {
  const subject = budget(0.1);
  assert.equal(taken(subject, 10, 0), 3);
  for (let count = 0; count < 100; count++) subject.requested(500);
  assert.equal(taken(subject, 20, 900), 7, 'ten for a hundred, of which three were taken');
  assert.equal(taken(subject, 20, 1_000), 3);
  assert.equal(taken(subject, 20, 20_000), 3, 'all is forgotten');
});

test('a share of nothing leaves the few', () => {
  const subject = budget(0);
  for (let count = 0; count < 100; count++) subject.requested(0);
  assert.equal(taken(subject, 20, 0), 3);
});

test('whenever they come, there are no more retries than the share and three for each second', () => {
  const moments = fc.array(fc.record({ wait: fc.nat(700), requests: fc.nat(30), retries: fc.nat(30) }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(moments, fc.double({ min: 0, max: 1, noNaN: true }), (steps, share) => {
      const subject = budget(share);
      const requests: number[] = [];
      const retries: number[] = [];
      let now = 0;
      for (const step of steps) {
        now += step.wait;
        for (let count = 0; count < step.requests; count++) {
          subject.requested(now);
          requests.push(now);
        }
        for (let count = 0; count < step.retries; count++) if (subject.take(now)) retries.push(now);
        const within = (times: readonly number[], length: number) => times.filter(time => time > now - length).length;
        // The oldest slice may be older than the window is long by as much as one slice.
        assert.ok(within(retries, 9_000) <= share * within(requests, 10_000) + 3 * 11);
      }
    }),
  );
});

test('a window forgets slice by slice, however far apart its events are', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3_000), { minLength: 1, maxLength: 50 }), waits => {
      const window = new ShareWindow(1_000, 10);
      const times: number[] = [];
      let now = 12_345;
      for (const wait of waits) {
        now += wait;
        window.count(now);
        times.push(now);
        const within = (length: number) => times.filter(time => time > now - length).length;
        assert.ok(window.all(now) >= within(900) && window.all(now) <= within(1_000 + 1e-6));
      }
    }),
  );
});
