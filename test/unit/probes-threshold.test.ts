import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { earlyPause, nextTick } from '../../src/probes/pace.ts';
import { addRun, emptyTally, type Tally, type Verdict } from '../../src/probes/threshold.ts';

type Thresholds = Parameters<typeof addRun>[2];

function verdicts(runs: readonly boolean[], thresholds: Thresholds): (Verdict | undefined)[] {
  let tally: Tally = emptyTally;
  return runs.map(passed => {
    const added = addRun(tally, passed, thresholds);
    tally = added.tally;
    return added.verdict;
  });
}

const [yes, no] = [true, false];

test('it passes after so many successes in a row, once', () => {
  const thresholds = { successThreshold: 2, failureThreshold: 3 };
  assert.deepEqual(verdicts([yes, no, yes, yes, yes], thresholds), [...Array(3).fill(undefined), 'passed', undefined]);
});

test('it fails after so many failures in a row, and again after each so many more', () => {
  const thresholds = { successThreshold: 1, failureThreshold: 2 };
  assert.deepEqual(verdicts([no, no, no, no, no], thresholds), [undefined, 'failed', undefined, 'failed', undefined]);
});

test('a single failure among successes changes nothing', () => {
  const thresholds = { successThreshold: 1, failureThreshold: 2 };
  assert.deepEqual(verdicts([yes, no, yes, no, yes], thresholds), ['passed', ...Array(4).fill(undefined)]);
});

test('it passes anew once it had failed', () => {
  const thresholds = { successThreshold: 1, failureThreshold: 2 };
  assert.deepEqual(verdicts([yes, no, no, yes], thresholds), ['passed', undefined, 'failed', 'passed']);
});

test('verdicts come only at the end of a long enough row, and a pass only after no pass', () => {
  const runs = fc.array(fc.boolean(), { maxLength: 60 });
  const thresholds = fc.record({
    successThreshold: fc.integer({ min: 1, max: 5 }),
    failureThreshold: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(runs, thresholds, (runs, thresholds) => {
      let last: Verdict | undefined;
      for (const [i, verdict] of verdicts(runs, thresholds).entries()) {
        const length = i - runs.lastIndexOf(!runs[i], i);
        const expected = runs[i]
          ? length >= thresholds.successThreshold && last !== 'passed' && 'passed'
          : length % thresholds.failureThreshold === 0 && 'failed';
        assert.equal(verdict, expected || undefined);
        last = verdict ?? last;
      }
    }),
  );
});

test('ticks that passed during a run fall out', () => {
  assert.equal(nextTick(100, 10, 100), 110);
  assert.equal(nextTick(100, 10, 109), 110);
  assert.equal(nextTick(100, 10, 110), 110);
  assert.equal(nextTick(100, 10, 110.5), 120);
  assert.equal(nextTick(100, 10, 1234), 1240);
});

test('early pauses grow to their limit', () => {
  const pauses = Array.from({ length: 8 }, (_, i) => earlyPause({ first: 100, longest: 500 }, i + 1));
  assert.deepEqual(pauses, [100, 150, 225, 337.5, 500, 500, 500, 500]);
});
