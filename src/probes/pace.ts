/** When the next run of a probe begins. Pure. */
import type { Milliseconds } from '../domain/clock.ts';

/** Pauses between the early runs, before the first that passes: from `first`, growing by half, to `longest`. */
export interface EarlyPauses {
  readonly first: Milliseconds;
  readonly longest: Milliseconds;
}

/** The tick at or after `earliest`, but not `anchor` itself: a run that lasts over ticks makes them fall out. */
export function nextTick(anchor: Milliseconds, period: Milliseconds, earliest: Milliseconds): Milliseconds {
  return anchor + period * Math.max(1, Math.ceil((earliest - anchor) / period));
}

/** How long to pause after so many early runs. */
export function earlyPause({ first, longest }: EarlyPauses, runs: number): Milliseconds {
  return Math.min(longest, first * 1.5 ** (runs - 1));
}
