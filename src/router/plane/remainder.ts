/** The part of a message that could not be understood yet, kept for when more of it comes. */
import type { WireOwner } from './wire.ts';

const smallestGrowth = 2048;

export class Remainder {
  #kept: Buffer | undefined;
  #end = 0;

  keep(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (bytes === this.#kept) {
      if (start > 0) bytes.copyWithin(0, start, end);
    } else {
      this.#kept = Buffer.allocUnsafeSlow(Math.max(smallestGrowth, 2 * length));
      bytes.copy(this.#kept, 0, start, end);
    }
    this.#end = length;
  }

  /** Tells of the first `length` octets, behind what was kept. */
  deliver(bytes: Buffer, length: number, owner: WireOwner): void {
    const kept = this.#kept;
    if (!kept) {
      owner.received(bytes, 0, length);
      return;
    }
    const end = this.#end + length;
    let joined = kept;
    if (end > kept.length) {
      joined = Buffer.allocUnsafeSlow(Math.max(2 * kept.length, end));
      kept.copy(joined, 0, 0, this.#end);
      this.#kept = joined;
    }
    bytes.copy(joined, this.#end, 0, length);
    this.#end = 0;
    owner.received(joined, 0, end);
    if (this.#end === 0) this.#kept = undefined;
  }
}
