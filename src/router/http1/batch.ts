/** Texts of one length, made many at once, as each alone would take longer. */
export class Batch {
  readonly #length: number;
  readonly #make: () => string;
  #text = '';
  #used = 0;

  /** @param make makes many, one behind the other, each `length` long */
  constructor(length: number, make: () => string) {
    this.#length = length;
    this.#make = make;
  }

  next(): string {
    if (this.#used === this.#text.length) {
      this.#text = this.#make();
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += this.#length;
    return this.#text.slice(start, this.#used);
  }
}
