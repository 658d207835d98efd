/**
 * How many events there were in the last while, and how many of them of a certain kind. Time is cut into slices, of
 * which the oldest is forgotten when a new one begins: so a figure is of the last `slices - 1` to `slices` of them.
 */
import type { Milliseconds } from '../../domain/clock.ts';

export class ShareWindow {
  readonly #slice: Milliseconds;
  readonly #all: number[];
  readonly #part: number[];
  #at = 0;
  #end: Milliseconds = Number.NEGATIVE_INFINITY;

  constructor(length: Milliseconds, slices: number) {
    this.#slice = length / slices;
    this.#all = new Array(slices).fill(0);
    this.#part = new Array(slices).fill(0);
  }

  count(now: Milliseconds): void {
    if (now >= this.#end) this.#advance(now);
    (this.#all[this.#at] as number)++;
  }

  /** One of the kind; {@link count} is to be told of it apart. */
  countPart(now: Milliseconds): void {
    this.#advance(now);
    (this.#part[this.#at] as number)++;
  }

  all(now: Milliseconds): number {
    this.#advance(now);
    return sum(this.#all);
  }

  part(now: Milliseconds): number {
    this.#advance(now);
    return sum(this.#part);
  }

  /** Of the slice that is not over. */
  partNow(now: Milliseconds): number {
    this.#advance(now);
    return this.#part[this.#at] as number;
  }

  clear(): void {
    this.#all.fill(0);
    this.#part.fill(0);
  }

  #advance(now: Milliseconds): void {
    if (now < this.#end) return;
    const passed = Math.floor((now - this.#end) / this.#slice) + 1;
    if (passed >= this.#all.length) {
      this.clear();
      this.#end = now + this.#slice;
      return;
    }
    for (let step = 0; step < passed; step++) {
      this.#at = (this.#at + 1) % this.#all.length;
      this.#all[this.#at] = 0;
      this.#part[this.#at] = 0;
    }
    this.#end += passed * this.#slice;
  }
}

function sum(counts: readonly number[]): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
