/**
 * One run of one probe. It ends just once (by an answer, by its time limit, or by a cancel, which gives no result),
 * and by then it has let go of every socket, process and timer.
 */

import type { Cancel, Clock, Milliseconds } from '../domain/clock.ts';
import { inWords } from '../domain/instance/restart.ts';
import { type Place, placeInWords } from '../domain/place.ts';
import type { ProbeResult } from './contract.ts';

export interface TimeLimit {
  readonly clock: Clock;
  /** For the whole run. */
  readonly timeout: Milliseconds;
}

/** Begins a run; calls back with its result, but not before it has returned. */
export type Attempt = (done: (result: ProbeResult) => void) => Cancel;

interface Run {
  end(passed: boolean, detail: string): void;
  /** What to say instead of "no answer" when time is up. */
  progress(reached: string): void;
}

/** @param begin starts the work, and gives what ends it; where it throws, it has started nothing */
export function attempt({ clock, timeout }: TimeLimit, begin: (run: Run) => Cancel): Attempt {
  return done => {
    let over = false;
    let release: Cancel = () => {};
    let reached = 'no answer';
    const cancel = () => {
      if (over) return;
      over = true;
      cancelTimer();
      release();
    };
    const end = (passed: boolean, detail: string) => {
      if (over) return;
      cancel();
      done({ passed, detail });
    };
    let cancelTimer = clock.after(timeout, () => end(false, `${reached} within ${inWords(timeout)}`));
    const progress = (words: string) => {
      reached = words;
    };
    try {
      release = begin({ end, progress });
    } catch (error) {
      cancelTimer();
      cancelTimer = clock.after(0, () => end(false, `cannot probe: ${error instanceof Error ? error.message : error}`));
    }
    return cancel;
  };
}

/** What went wrong with a connection, in words. */
export function connectionProblem(error: NodeJS.ErrnoException, place: Place): string {
  const where = placeInWords(place);
  if (error.code === 'ENOENT') return `no ${where} yet`;
  if (error.code === 'ECONNREFUSED') return `connection refused on ${where}`;
  if (error.code === 'ECONNRESET') return `connection reset on ${where}`;
  return `no connection to ${where}: ${error.message}`;
}
