/**
 * How many requests a connection may take back before they are answered: each costs what a request costs, and the
 * limit on streams at the same time does not hold them back (CVE-2023-44487, "rapid reset").
 */
import type { Milliseconds } from '../../domain/clock.ts';

const most = 200;
const perSecond = 20;

export class ResetBudget {
  #left = most;
  #at: Milliseconds;

  constructor(now: Milliseconds) {
    this.#at = now;
  }

  /** @returns whether it was still within the budget */
  spend(now: Milliseconds): boolean {
    this.#left = Math.min(most, this.#left + ((now - this.#at) / 1_000) * perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
