/** The single values that the configuration and the API are made of. Each has one text that says what it expects. */
import { z } from 'zod';
import type { Milliseconds } from '../../domain/clock.ts';
import type { Bytes } from '../../domain/limits-spec.ts';
import { serviceNamePattern } from '../../domain/names.ts';
import { durationPattern, formatDuration, longestDuration, parseDuration } from '../duration.ts';
import { formatSize, parseSize, sizePattern } from '../size.ts';

/** In: `1m30s`. Out: milliseconds. */
export function duration({ min = 0 }: { readonly min?: Milliseconds } = {}) {
  const least = min > 0 ? ` of at least ${formatDuration(min)}` : '';
  const error = `a duration${least} with its unit, such as 500ms, 10s or 1m30s`;
  return z
    .union([z.string({ error }).regex(durationPattern, { error }), z.literal(0, { error })], { error })
    .meta({ title: 'duration', examples: ['500ms', '10s', '1m30s'] })
    .transform(text => (text === 0 ? 0 : (parseDuration(text) ?? Number.NaN)))
    .refine(value => value >= min && value <= longestDuration, { error: `${error}, and of at most 24d` });
}

/** In: `256Mi`. Out: bytes. */
export function size({ min = 0 }: { readonly min?: Bytes } = {}) {
  const error = `a size${min > 0 ? ` of at least ${formatSize(min)}` : ''}, such as 256Mi or 1Gi`;
  return z
    .union([z.string({ error }).regex(sizePattern, { error }), z.int({ error }).min(0, { error })], { error })
    .meta({ title: 'size', examples: ['256Mi', '1Gi'] })
    .transform(text => parseSize(String(text)) ?? Number.NaN)
    .refine(value => value >= min, { error });
}

/** Both ends are allowed. */
export function whole(min: number, max: number) {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

export function decimal(min: number, max: number, unit = 'a number') {
  const error = `${unit} from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

/** Text that an operating system call can take: NUL would end it early. */
export function text(what: string, pattern?: RegExp) {
  const plain = z.string({ error: what }).refine(value => !value.includes('\0'), {
    error: `${what}, without NUL characters`,
    abort: true,
  });
  return pattern ? plain.regex(pattern, { error: what }) : plain;
}

/** One of a fixed set of words. */
export function word<const W extends readonly string[]>(words: W) {
  return z.enum(words, { error: `one of ${words.join(', ')}` });
}

export function flag() {
  return z.boolean({ error: 'true or false' });
}

/** Text where YAML might see a number or a boolean: it is taken as it is written. */
export function verbatim(what: string) {
  return z.union([text(what), z.number(), z.boolean()], { error: what }).transform(String);
}

export function list<T extends z.ZodType>(item: T, what: string) {
  return z.array(item, { error: what });
}

export function nonEmptyList<T extends z.ZodType>(item: T, what: string) {
  return list(item, what).min(1, { error: what });
}

/** `constructor` fits the pattern, but is no safe key of a plain object. */
export const serviceName = text(
  'a name of 1 to 63 lower-case letters, digits and inner hyphens that begins with a letter',
  serviceNamePattern,
)
  .refine(name => name !== 'constructor', { error: 'another name: "constructor" is reserved' })
  .meta({ title: 'service name', examples: ['greeter'] });

const envNamePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

export const envName = text('a name of letters, digits and underscores that begins with no digit', envNamePattern)
  .refine(name => !name.startsWith('SLIPWAY_'), {
    error: 'a name that does not begin with SLIPWAY_: Slipway sets those itself',
  })
  .meta({ title: 'variable name' });

/** Relative to the folder of the file that it is written in. */
export const filePath = text('a path', /^[^\0]+$/).meta({ title: 'path' });
