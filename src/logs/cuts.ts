/** Which parts of a live log become archives. */
import type { LogSpec } from '../domain/spec.ts';

/**
 * Offsets [first, second, …, last]: each two neighbours enclose one archive of about `rotateAt` bytes. What lies
 * before the first would be dropped again at once for `keep`, so it isn't even copied: however fast an instance
 * writes, a rotation copies no more than is kept. With `keep` 0 there is just the one offset to drop everything up to.
 * Empty where there is nothing to rotate.
 *
 * @param start offset of the first byte that is in no archive
 */
export function planCuts(start: number, size: number, { rotateAt, keep }: LogSpec): readonly number[] {
  const outgrown = Math.floor((size - start) / rotateAt);
  if (outgrown < 1) return [];
  const kept = Math.min(outgrown, keep);
  return Array.from({ length: kept + 1 }, (_, i) => start + (outgrown - kept + i) * rotateAt);
}
