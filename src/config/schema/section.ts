/**
 * Mappings of the configuration. Each schema's own error text says what was *expected* ("a whole number from 0 to
 * 10"), or is a whole message where it begins with "cannot"; `issues.ts` makes the sentence around it.
 */
import { z } from 'zod';
import { didYouMean } from '../suggest.ts';

/** A mapping with exactly these keys. One line of its message for each unknown key, in the order of the issue. */
export function section<S extends z.ZodRawShape>(shape: S) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: issue =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map(key => didYouMean(key, known) || `expected ${alternatives(known)}`).join('\n')
        : known.length === 0 || known.length > 8
          ? 'a mapping'
          : `a mapping with ${known.length === 1 ? 'the key' : 'keys of'} ${known.join(', ')}`,
  });
}

function alternatives(known: readonly string[]): string {
  return known.length === 1 ? `only ${known[0]}` : `one of ${known.join(', ')}`;
}

/** For rules that hold, or not, even where some of the values are wrong by themselves. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
