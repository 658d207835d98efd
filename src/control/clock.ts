import type { Clock } from '../domain/clock.ts';

/** CLOCK_MONOTONIC: on one boot it is the same for every process, so what a record says holds for the next daemon. */
export const systemClock: Clock = {
  now: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  wallTime: () => Date.now(),
  after: (delay, run) => {
    const timer = setTimeout(run, delay);
    return () => clearTimeout(timer);
  },
};
