/**
 * One probe of one instance, run again and again.
 *
 * - One run at a time. The next begins at a tick of the period; ticks that pass during a run fall out.
 * - Before the first run that passes there are early runs between the ticks, so that a start takes no longer than it
 *   must. They can pass; but their failures count only at the ticks, so that they bring no verdict any sooner.
 * - After `cancel` the listener hears nothing more.
 */
import type { Cancel, Clock, Milliseconds } from '../domain/clock.ts';
import type { ProbeSpec } from '../domain/spec.ts';
import type { Attempt } from './attempt.ts';
import type { ProbeResult } from './contract.ts';
import { type EarlyPauses, earlyPause, nextTick } from './pace.ts';
import { addRun, emptyTally, type Tally } from './threshold.ts';

export type Pace = Pick<ProbeSpec, 'period' | 'successThreshold' | 'failureThreshold'> & {
  /** Absent: no early runs. */
  readonly early?: EarlyPauses;
  /** Ends once it has passed. */
  readonly once?: boolean;
};

interface LoopListener {
  onResult(result: ProbeResult): void;
  onPassed(): void;
  onFailed(detail: string): void;
}

export class ProbeLoop {
  readonly #attempt: Attempt;
  readonly #pace: Pace;
  readonly #clock: Clock;
  readonly #listener: LoopListener;
  #tally: Tally = emptyTally;
  /** Early runs so far; `undefined` once a run has passed. */
  #earlyRuns: number | undefined;
  /** The last tick at which a run began. */
  #tick: Milliseconds = 0;
  #cancelled = false;
  /** Ends the run under way or the wait for the next one. */
  #cancelPending: Cancel = () => {};

  constructor(attempt: Attempt, pace: Pace, clock: Clock, listener: LoopListener) {
    this.#attempt = attempt;
    this.#pace = pace;
    this.#clock = clock;
    this.#listener = listener;
    this.#earlyRuns = pace.early && 0;
  }

  /** @param delay until the first run */
  begin(delay: Milliseconds): void {
    this.#runAfter(delay, true);
  }

  cancel(): void {
    this.#cancelled = true;
    this.#cancelPending();
  }

  #runAfter(delay: Milliseconds, atTick: boolean): void {
    this.#cancelPending = this.#clock.after(delay, () => {
      if (atTick) this.#tick = this.#clock.now();
      this.#cancelPending = this.#attempt(result => this.#ended(result, atTick));
    });
  }

  #ended(result: ProbeResult, atTick: boolean): void {
    this.#cancelPending = () => {};
    this.#listener.onResult(result);
    if (result.passed) this.#earlyRuns = undefined;
    const counts = result.passed || atTick;
    const { tally, verdict } = counts ? addRun(this.#tally, result.passed, this.#pace) : { tally: this.#tally };
    this.#tally = tally;
    // The listener may have cancelled in any of these calls.
    if (this.#cancelled) return;
    if (verdict === 'failed') this.#listener.onFailed(result.detail);
    if (verdict === 'passed') {
      if (this.#pace.once) this.cancel();
      this.#listener.onPassed();
    }
    if (!this.#cancelled) this.#waitForNext();
  }

  #waitForNext(): void {
    const now = this.#clock.now();
    const untilTick = nextTick(this.#tick, this.#pace.period, now) - now;
    let pause = Number.POSITIVE_INFINITY;
    if (this.#earlyRuns !== undefined && this.#pace.early) {
      this.#earlyRuns += 1;
      pause = earlyPause(this.#pace.early, this.#earlyRuns);
    }
    this.#runAfter(Math.min(pause, untilTick), untilTick <= pause);
  }
}
