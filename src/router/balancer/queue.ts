/**
 * Requests that wait because every instance has as many as it may have: first come, first served, bounded in number and
 * in time.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import type { Upstream } from './upstream.ts';

export interface Waiter {
  readonly tried: ReadonlySet<Upstream>;
  /** See {@link Policy}. */
  readonly key: number;
  /** It has an instance, on which it counts as in flight; `undefined`: there will be none for it. */
  admitted(upstream: Upstream | undefined): void;
  /** It has waited for too long. */
  expired(): void;
}

export type QueueOutcome = 'admitted' | 'timeout' | 'full' | 'gone';

export class Queue {
  readonly outcomes: Record<QueueOutcome, number> = { admitted: 0, timeout: 0, full: 0, gone: 0 };
  /** In their order, with when they came. */
  readonly #waiting = new Map<Waiter, Milliseconds>();
  /** How many wait. */
  length = 0;
  /** How many may. */
  size = 0;
  timeout: Milliseconds = 0;

  /** @returns whether there is room for it */
  join(waiter: Waiter, now: Milliseconds): boolean {
    if (this.length >= this.size) {
      this.outcomes.full += 1;
      return false;
    }
    this.#waiting.set(waiter, now);
    this.length += 1;
    return true;
  }

  /** It waits no more. Nothing where it does not wait. */
  leave(waiter: Waiter): void {
    if (this.#waiting.has(waiter)) this.#remove(waiter, 'gone');
  }

  /** From first to last; any may leave or be admitted meanwhile. */
  waiting(): Iterable<Waiter> {
    return this.#waiting.keys();
  }

  admit(waiter: Waiter, upstream: Upstream | undefined): void {
    this.#remove(waiter, upstream ? 'admitted' : 'gone');
    waiter.admitted(upstream);
  }

  /** Ends the wait of those who have waited for too long. */
  expire(now: Milliseconds): void {
    for (const [waiter, since] of this.#waiting) {
      if (now - since < this.timeout) return;
      this.#remove(waiter, 'timeout');
      waiter.expired();
    }
  }

  #remove(waiter: Waiter, outcome: QueueOutcome): void {
    this.#waiting.delete(waiter);
    this.length -= 1;
    this.outcomes[outcome] += 1;
  }
}
