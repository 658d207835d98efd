/**
 * Retries stay below a share of the requests, so that they can't multiply the load on a service that fails for it. A
 * few are always allowed, or a service with little to do would never get any.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import { ShareWindow } from './share-window.ts';

const remembered: Milliseconds = 10_000;
const slices = 10;
/** In each slice, which is a second. */
const alwaysAllowed = 3;

export class RetryBudget {
  readonly #window = new ShareWindow(remembered, slices);
  /** Retries per request. */
  share = 0;

  requested(now: Milliseconds): void {
    this.#window.count(now);
  }

  /** Whether one more retry is allowed, which then counts. */
  take(now: Milliseconds): boolean {
    const window = this.#window;
    if (window.partNow(now) >= alwaysAllowed && window.part(now) + 1 > this.share * window.all(now)) return false;
    window.countPart(now);
    return true;
  }
}
