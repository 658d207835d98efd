/**
 * Notices the end of processes that are not the daemon's children: nobody tells it, so that it looks. One timer for
 * all, and none while there is nothing to watch. To look at hundreds several times a second costs more than all else
 * that an idle daemon does, so that it looks at their number first, where there is one.
 */
import type { Cancel, Clock, Milliseconds } from '../domain/clock.ts';
import type { Vigil } from './process-table.ts';

const period: Milliseconds = 250;

/** An exit and a fork in the same period leave the number as it was: so at times it isn't trusted. */
const trustedPeriods = 7;

export class ExitWatch {
  readonly #clock: Clock;
  readonly #population: () => number | undefined;
  readonly #watched = new Map<Vigil, () => void>();
  #cancelTimer: Cancel | undefined;
  #lastPopulation: number | undefined;
  #trusted = 0;

  /** @param population how many processes and threads there are, of those watched and maybe others; if that is known */
  constructor(clock: Clock, population: () => number | undefined) {
    this.#clock = clock;
    this.#population = population;
  }

  /** Calls back once, when the process is gone, and closes the vigil. */
  watch(vigil: Vigil, gone: () => void): void {
    this.#watched.set(vigil, gone);
    this.#arm();
  }

  /** Looks at this one now. */
  look(vigil: Vigil): void {
    const gone = this.#watched.get(vigil);
    if (!gone || vigil.alive()) return;
    this.release(vigil);
    gone();
  }

  /** Forgets it; `gone` won't be called. */
  release(vigil: Vigil): void {
    this.#watched.delete(vigil);
    vigil.close();
    if (this.#watched.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #arm(): void {
    this.#cancelTimer ??= this.#clock.after(period, () => {
      this.#cancelTimer = undefined;
      if (this.#maybeGone()) for (const vigil of [...this.#watched.keys()]) this.look(vigil);
      if (this.#watched.size > 0) this.#arm();
    });
  }

  #maybeGone(): boolean {
    const population = this.#population();
    const isSame = population !== undefined && population === this.#lastPopulation;
    this.#lastPopulation = population;
    this.#trusted = isSame && this.#trusted < trustedPeriods ? this.#trusted + 1 : 0;
    return this.#trusted === 0;
  }
}
