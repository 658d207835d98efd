import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { backoffDelay, exitInWords, inWords, reasonInWords } from '../../src/domain/instance/restart.ts';
import { newInstance } from '../../src/domain/instance/state.ts';

describe('the backoff', () => {
  it('grows from its first delay to its cap, and jitter only shortens it by its share', () => {
    const spec = fc.record({
      initial: fc.integer({ min: 1, max: 10_000 }),
      max: fc.integer({ min: 10_000, max: 600_000 }),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    const random = fc.double({ min: 0, max: 0.999, noNaN: true });
    fc.assert(
      fc.property(spec, fc.integer({ min: 1, max: 10_000 }), random, (backoff, attempt, share) => {
        const full = backoffDelay({ ...backoff, jitter: 0 }, attempt, share);
        assert.ok(full >= backoff.initial && full <= backoff.max);
        assert.ok(backoffDelay({ ...backoff, jitter: 0 }, attempt + 1, share) >= full);
        const actual = backoffDelay(backoff, attempt, share);
        assert.ok(actual <= full && actual >= full * (1 - backoff.jitter));
      }),
    );
  });
});

describe('in words', () => {
  it('a span has the precision that a person needs', () => {
    assert.deepEqual([0, 480, 6400, 9000, 61_000, 200_000].map(inWords), [
      '0 ms',
      '480 ms',
      '6.4 s',
      '9 s',
      '61 s',
      '3 m 20 s',
    ]);
  });

  it('an exit says how, or that it can’t be known', () => {
    assert.equal(exitInWords({ code: 3, oomKilled: false }), 'exited 3');
    assert.equal(exitInWords({ signal: 'SIGSEGV', oomKilled: false }), 'killed by SIGSEGV');
    assert.match(exitInWords({ signal: 'SIGKILL', oomKilled: true }), /OOMKilled/);
    assert.match(exitInWords({ oomKilled: false }), /code is unknown/);
  });

  it('flapping says how often, in what time, and when the next try is', () => {
    const instance = {
      ...newInstance(),
      state: 'backoff',
      detail: 'exited 1',
      history: { total: 4, recent: [0, 3000, 6000, 9000] },
      retryAt: 15_400,
    } as const;
    assert.equal(reasonInWords(instance, 9000), 'exited 1 4 times in 9 s; next try in 6.4 s');
  });
});
