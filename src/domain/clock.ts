/** A span or an instant in milliseconds; instants are monotonic unless a name says `wall`. */
export type Milliseconds = number;

/** Ends what `after` or a subscription began. Calling it twice, or too late, does nothing. */
export type Cancel = () => void;

/**
 * The only source of time: everything that waits or measures is handed one, so that a test can turn it by hand.
 * `now` is monotonic and, on one boot of one host, the same for every process (CLOCK_MONOTONIC).
 */
export interface Clock {
  now(): Milliseconds;
  /** Unix time. For people and records only; never for measuring. */
  wallTime(): Milliseconds;
  after(delay: Milliseconds, run: () => void): Cancel;
}
