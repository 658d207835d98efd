/** Ranges of octets, in order and without overlap. Their memory is used again, so that reading a head takes none. */
export class Ranges {
  /** Starts and ends in turn; behind `#length` is what was cleared. */
  readonly #bounds: number[] = [];
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** How many there are. */
  get count(): number {
    return this.#length / 2;
  }

  clear(): void {
    this.#length = 0;
  }

  add(start: number, end: number): void {
    this.#bounds[this.#length] = start;
    this.#bounds[this.#length + 1] = end;
    this.#length += 2;
  }

  start(index: number): number {
    return this.#bounds[2 * index] as number;
  }

  end(index: number): number {
    return this.#bounds[2 * index + 1] as number;
  }

  /** Those of both, in order. What is in both stays once. */
  with(other: Ranges): Ranges {
    const ends = new Map<number, number>();
    for (const ranges of [this, other]) {
      for (let index = 0; index < ranges.count; index++) {
        const start = ranges.start(index);
        ends.set(start, Math.max(ends.get(start) ?? 0, ranges.end(index)));
      }
    }
    const all = new Ranges();
    for (const [start, end] of [...ends].sort(([a], [b]) => a - b)) all.add(start, end);
    return all;
  }

  /** Takes those of the other in. */
  merge(other: Ranges): void {
    const all = this.with(other);
    this.clear();
    for (let index = 0; index < all.count; index++) this.add(all.start(index), all.end(index));
  }
}
