/** "Did you mean …?": the known word that a typing slip most likely meant. */

/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, each at 1 (Damerau
 * 1964; no substring is edited twice).
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current[column] = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
        swapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, b.length);
}

const at = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY;

/** `max_surge`, `MaxSurge` and `max-surge` are all one slip away from `maxSurge`. */
const plain = (word: string): string => word.toLowerCase().replace(/[_\s-]/g, '');

/** Guessing is worth no more than this, however hostile the input. */
const longestWord = 64;
const mostCandidates = 1000;

/** The nearest of `known`, if at most a third of its letters differ. */
export function suggest(word: string, known: readonly string[]): string | undefined {
  if (word.length > longestWord) return undefined;
  const wanted = plain(word);
  let best: { readonly candidate: string; readonly distance: number } | undefined;
  for (const candidate of known.slice(0, mostCandidates)) {
    const distance = editDistance(wanted, plain(candidate));
    if (distance <= Math.max(1, Math.floor(candidate.length / 3)) && distance < (best?.distance ?? Infinity)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}

/** ` (did you mean "instances"?)`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const best = suggest(word, known);
  return best === undefined ? '' : `did you mean ${JSON.stringify(best)}?`;
}
