/**
 * How long and from where a fuzz test looks.
 *
 * - What once failed is kept in `test/fuzz/seeds/` and tried first by every run, so it fails again until it is mended.
 * - `FUZZ_SECONDS` is the time for all campaigns of a run together; `FUZZ_SEED` repeats one.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import fc from 'fast-check';

const campaigns = 3;
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 6) / campaigns;
const seed = process.env['FUZZ_SEED'];

/**
 * Looks for a value that `holds` throws for.
 * @param seeds name of the file that keeps such values
 */
export async function campaign<T>(
  t: TestContext,
  seeds: string,
  values: fc.Arbitrary<T>,
  holds: (value: T) => Promise<void>,
): Promise<void> {
  const file = new URL(`../seeds/${seeds}.json`, import.meta.url);
  const known = JSON.parse(readFileSync(file, 'utf8')) as T[];
  for (const value of known) await holds(value);
  const outcome = await fc.check(fc.asyncProperty(values, holds), {
    numRuns: 10_000_000,
    interruptAfterTimeLimit: seconds * 1000,
    markInterruptAsFailure: false,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  });
  t.diagnostic(`${known.length} known, ${outcome.numRuns} new, seed ${outcome.seed}`);
  if (!outcome.failed) return;
  const [value] = outcome.counterexample ?? [];
  if (value !== undefined) writeFileSync(file, `${JSON.stringify([...known, value], null, 2)}\n`);
  throw new Error(fc.defaultReportMessage(outcome), { cause: outcome.errorInstance });
}

/** `text` cut into pieces of these lengths, and the rest. */
export function inPieces(text: string, lengths: readonly number[]): readonly string[] {
  const pieces: string[] = [];
  let at = 0;
  for (const length of lengths) {
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return [...pieces, text.slice(at)].filter(piece => piece !== '');
}
