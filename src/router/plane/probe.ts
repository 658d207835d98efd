/**
 * When to find out whether a client that has sent a FIN still waits for its answer: what is sent to one that is gone
 * comes back as a reset. Less and less often.
 */
import type { Milliseconds } from '../../domain/clock.ts';

const first: Milliseconds = 1_000;

export class Probe {
  #at: Milliseconds = 0;
  #after = first;

  begin(now: Milliseconds): void {
    this.#at = now + first;
  }

  /** Whether it is time for one, which then counts as sent. */
  isDue(now: Milliseconds): boolean {
    if (now <= this.#at) return false;
    this.#after *= 2;
    this.#at = now + this.#after;
    return true;
  }
}
