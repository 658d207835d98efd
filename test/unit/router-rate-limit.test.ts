import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { bucketKey, type Rate, RateLimiter } from '../../src/router/policy/rate-limit.ts';

test('so many at once, then one for each interval', () => {
  const limiter = new RateLimiter({ requests: 10, per: 1_000, burst: 2 });
  assert.equal(limiter.take('a', 0), 0);
  assert.equal(limiter.take('a', 0), 0);
  assert.equal(limiter.take('a', 0), 100);
  assert.equal(limiter.take('b', 0), 0, 'another has its own');
  assert.equal(limiter.take('a', 60), 40, 'a refused one takes nothing');
  assert.equal(limiter.take('a', 100), 0);
  assert.equal(limiter.take('a', 100), 100);
});

/** As the documentation says it. */
class Bucket {
  readonly #rate: Rate;
  tokens: number;
  at: number;

  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.tokens = rate.burst;
    this.at = now;
  }

  take(now: number): boolean {
    const { requests, per, burst } = this.#rate;
    this.tokens = Math.min(burst, this.tokens + ((now - this.at) * requests) / per);
    this.at = now;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}

test('it does what buckets of tokens do', () => {
  const rate = fc.record({
    requests: fc.constantFrom(1, 2, 4, 8),
    per: fc.constantFrom(16, 64, 1024), // Powers of 2, so that the sums are exact in both.
    burst: fc.integer({ min: 1, max: 9 }),
  });
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 200 })), { maxLength: 60 });
  fc.assert(
    fc.property(rate, steps, (given, asked) => {
      const limiter = new RateLimiter(given);
      const model = new Map<string, Bucket>();
      let now = 0;
      for (const [key, pause] of asked) {
        now += pause;
        const bucket = model.get(key) ?? new Bucket(given, now);
        model.set(key, bucket);
        const wait = limiter.take(key, now);
        assert.equal(wait === 0, bucket.take(now));
        if (wait > 0) assert.equal(wait, ((1 - bucket.tokens) * given.per) / given.requests, 'how long it takes');
      }
    }),
    { numRuns: 2_000 },
  );
});

test('over any time, no more pass than the rate and the burst allow', () => {
  const rate = fc.record({
    requests: fc.integer({ min: 1, max: 50 }),
    per: fc.integer({ min: 1, max: 5_000 }),
    burst: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(rate, fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 100 }), (given, pauses) => {
      const limiter = new RateLimiter(given);
      let now = 0;
      let passed = 0;
      for (const pause of pauses) {
        now += pause;
        if (limiter.take('a', now) === 0) passed++;
      }
      assert.ok(passed <= given.burst + (now * given.requests) / given.per + 1e-6);
    }),
  );
});

test('buckets that are full are dropped, and there are never more than so many', () => {
  const limiter = new RateLimiter({ requests: 1, per: 1_000, burst: 1 }, 1, 100);
  for (let index = 0; index < 1_000; index++) limiter.take(`k${index}`, 0);
  assert.equal(limiter.size, 100);
  assert.equal(limiter.take('k0', 0), 0, 'forgotten, in favour of who came later');
  assert.ok(limiter.take('k999', 0) > 0);
  for (let index = 0; index < 100; index++) limiter.take('one', 2_000 + index);
  assert.equal(limiter.size, 1);
});

test('workers share a limit', () => {
  const limiter = new RateLimiter({ requests: 10, per: 1_000, burst: 4 }, 4);
  assert.equal(limiter.take('a', 0), 0);
  assert.equal(limiter.take('a', 0), 400);
  assert.equal(limiter.take('a', 400), 0);
});

test('a key is short, and tells addresses from values', () => {
  assert.notEqual(bucketKey('10.0.0.1', undefined), bucketKey('10.0.0.1', '10.0.0.1'));
  assert.notEqual(bucketKey('a', 'x'.repeat(8_000)), bucketKey('a', 'x'.repeat(8_001)));
  assert.ok(bucketKey('a', 'x'.repeat(8_000)).length <= 64);
  assert.equal(bucketKey('2001:db8:0:1::7', undefined), bucketKey('2001:db8:0:1:9:9:9:9', undefined));
  assert.notEqual(bucketKey('2001:db8:0:1::7', undefined), bucketKey('2001:db8:0:2::7', undefined));
  assert.equal(bucketKey('::1', undefined), bucketKey('0:0:0:0:0:0:0:1', undefined));
  assert.notEqual(bucketKey('10.0.0.1', undefined), bucketKey('10.0.0.2', undefined));
});
