import type { UnpackLimits } from '../domain/spec.ts';
import { tooLarge } from './refusal.ts';

/** Under this, an archive may be packed as tightly as it likes. */
const ratioFreeSize = 10 * 1024 * 1024;

/** Counts bytes as they come out of an archive, and stops at the first one too many. */
export class SizeBudget {
  readonly #limits: UnpackLimits;
  readonly #mostByRatio: number;
  #used = 0;

  constructor(limits: UnpackLimits, packedSize: number) {
    this.#limits = limits;
    this.#mostByRatio = Math.max(ratioFreeSize, packedSize * limits.ratio);
  }

  get used(): number {
    return this.#used;
  }

  /** @throws Refusal SLIP_PACKAGE_TOO_LARGE */
  take(bytes: number): void {
    this.#used += bytes;
    if (this.#used > this.#limits.totalSize) {
      throw tooLarge(`it unpacks to more than ${this.#limits.totalSize} bytes`);
    }
    if (this.#used > this.#mostByRatio) {
      throw tooLarge(`it unpacks to more than ${this.#limits.ratio} times its own size`);
    }
  }
}
