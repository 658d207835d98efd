import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Attempt } from '../../src/probes/attempt.ts';
import { type Pace, ProbeLoop } from '../../src/probes/loop.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

interface Script {
  /** How long each run takes and whether it passes; the last one goes on for ever. */
  readonly runs: readonly { readonly lasts: number; readonly passes: boolean }[];
}

/** Plays the script against a loop, and notes what happens when. */
function play(script: Script, pace: Partial<Pace>, delay = 0) {
  const clock = new ManualClock();
  const heard: string[] = [];
  let begun = 0;
  let underWay = 0;
  const attempt: Attempt = done => {
    const run = script.runs[Math.min(begun, script.runs.length - 1)] ?? { lasts: 0, passes: false };
    begun += 1;
    underWay += 1;
    assert.equal(underWay, 1, 'one run at a time');
    heard.push(`run ${clock.now()}`);
    const cancel = clock.after(run.lasts, () => {
      underWay -= 1;
      done({ passed: run.passes, detail: 'seen' });
    });
    return () => {
      underWay -= 1;
      heard.push(`aborted ${clock.now()}`);
      cancel();
    };
  };
  const loop = new ProbeLoop(attempt, { period: 1000, successThreshold: 1, failureThreshold: 3, ...pace }, clock, {
    onResult: () => {},
    onPassed: () => heard.push(`passed ${clock.now()}`),
    onFailed: detail => heard.push(`failed ${clock.now()} ${detail}`),
  });
  loop.begin(delay);
  return { clock, heard, loop };
}

const passes = { lasts: 10, passes: true };
const fails = { lasts: 10, passes: false };

test('the first run is after the initial delay, each next one a period later, whatever a run takes', () => {
  const { clock, heard } = play({ runs: [passes, { lasts: 900, passes: true }, passes] }, {}, 500);
  clock.advance(3600);
  assert.deepEqual(heard, ['run 500', 'passed 510', 'run 1500', 'run 2500', 'run 3500']);
});

test('an overdue run does not pile up: the next begins at the first tick after its end', () => {
  const { clock, heard } = play({ runs: [{ lasts: 2500, passes: true }] }, {});
  clock.advance(7000);
  assert.deepEqual(heard, ['run 0', 'passed 2500', 'run 3000', 'run 6000']);
});

test('failures add up to a verdict, again and again', () => {
  const { clock, heard } = play({ runs: [fails] }, {});
  clock.advance(5999);
  assert.deepEqual(
    heard.filter(each => each.startsWith('failed')),
    ['failed 2010 seen', 'failed 5010 seen'],
  );
});

test('early runs find a pass soon, but their failures bring no verdict sooner than the period would', () => {
  const early = { first: 100, longest: 400 };
  const { clock, heard } = play({ runs: [fails] }, { early });
  clock.advance(2500);
  assert.deepEqual(heard.slice(0, 6), ['run 0', 'run 110', 'run 270', 'run 505', 'run 852.5', 'run 1000']);
  assert.deepEqual(
    heard.filter(each => each.startsWith('failed')),
    ['failed 2010 seen'],
  );

  const soon = play({ runs: [fails, fails, passes] }, { early });
  soon.clock.advance(3000);
  assert.deepEqual(soon.heard, ['run 0', 'run 110', 'run 270', 'passed 280', 'run 1000', 'run 2000', 'run 3000']);
});

test('no early runs once a run has passed', () => {
  const { clock, heard } = play({ runs: [passes, fails] }, { early: { first: 100, longest: 400 } });
  clock.advance(3500);
  assert.deepEqual(heard, ['run 0', 'passed 10', 'run 1000', 'run 2000', 'run 3000', 'failed 3010 seen']);
});

test('a probe that is wanted once ends with its pass', () => {
  const { clock, heard } = play({ runs: [fails, passes] }, { once: true });
  clock.advance(9000);
  assert.deepEqual(heard, ['run 0', 'run 1000', 'passed 1010']);
  assert.equal(clock.pending, 0);
});

test('a cancel aborts the run under way, or the wait, and nothing is heard after it', () => {
  const { clock, heard, loop } = play({ runs: [passes, { lasts: 500, passes: false }] }, { failureThreshold: 1 });
  clock.advance(1200);
  loop.cancel();
  assert.equal(clock.pending, 0);
  clock.advance(5000);
  assert.deepEqual(heard, ['run 0', 'passed 10', 'run 1000', 'aborted 1200']);

  const waiting = play({ runs: [passes] }, {}, 100);
  waiting.loop.cancel();
  assert.equal(waiting.clock.pending, 0);
});

test('whatever runs take, verdicts of failure are at least failureThreshold periods apart, less one', () => {
  const run = fc.record({ lasts: fc.nat(3000), passes: fc.constant(false) });
  fc.assert(
    fc.property(fc.array(run, { minLength: 1 }), fc.integer({ min: 2, max: 5 }), (runs, failureThreshold) => {
      const { clock, heard } = play({ runs }, { failureThreshold, early: { first: 100, longest: 1000 } });
      clock.advance(60_000);
      const failed = heard.filter(each => each.startsWith('failed')).map(each => Number(each.split(' ')[1]));
      assert.ok(failed.length > 0);
      assert.ok((failed[0] ?? 0) >= (failureThreshold - 1) * 1000);
    }),
  );
});
