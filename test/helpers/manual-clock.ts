import type { Cancel, Clock, Milliseconds } from '../../src/domain/clock.ts';

/** Time that moves only when told to. Timers fire in order of their due time. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { due: number; run: () => void }[] = [];

  now(): Milliseconds {
    return this.#now;
  }

  wallTime(): Milliseconds {
    return 1_700_000_000_000 + this.#now;
  }

  after(delay: Milliseconds, run: () => void): Cancel {
    const timer = { due: this.#now + delay, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer);
    };
  }

  get pending(): number {
    return this.#timers.length;
  }

  advance(by: Milliseconds): void {
    const end = this.#now + by;
    for (;;) {
      const next = this.#timers.filter(timer => timer.due <= end).sort((a, b) => a.due - b.due)[0];
      if (!next) break;
      this.#timers = this.#timers.filter(timer => timer !== next);
      this.#now = next.due;
      next.run();
    }
    this.#now = end;
  }
}
