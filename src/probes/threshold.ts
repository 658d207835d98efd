/** When the runs of a probe add up to a verdict: Kubernetes' `successThreshold` and `failureThreshold`. */
import type { ProbeSpec } from '../domain/spec.ts';

export type Verdict = 'passed' | 'failed';

/** What the runs so far amount to. At most one of the two counts is above 0. */
export interface Tally {
  /** The last verdict; absent before the first. */
  readonly verdict?: Verdict;
  /** Runs in a row that passed. */
  readonly successes: number;
  /** Runs in a row that failed. */
  readonly failures: number;
}

export const emptyTally: Tally = { successes: 0, failures: 0 };

/**
 * @returns the new tally, and a verdict where this run gave one: passed, when it had not been so before; failed,
 * again after each further `failureThreshold` failures
 */
export function addRun(
  tally: Tally,
  passed: boolean,
  thresholds: Pick<ProbeSpec, 'successThreshold' | 'failureThreshold'>,
): { readonly tally: Tally; readonly verdict?: Verdict } {
  const successes = passed ? tally.successes + 1 : 0;
  const failures = passed ? 0 : tally.failures + 1;
  const counted = { ...tally, successes, failures };
  const verdict = passed
    ? successes >= thresholds.successThreshold && tally.verdict !== 'passed' && 'passed'
    : failures % thresholds.failureThreshold === 0 && 'failed';
  return verdict ? { tally: { ...counted, verdict }, verdict } : { tally: counted };
}
