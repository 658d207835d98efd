/**
 * Checks of what comes from outside: a check returns the value, narrowed and without unknown properties, or throws
 * an error that names the place. The router can't afford a schema library in each of its workers.
 */
export type Check<T> = (value: unknown, at: string) => T;

/** For a shape in which what is optional may be left out. */
export type Checks<T> = { readonly [K in keyof T]-?: Check<T[K]> };

export class CheckError extends Error {
  constructor(at: string, expected: string) {
    super(`${at || 'the message'}: expected ${expected}`);
    this.name = 'CheckError';
  }
}

export function text(max: number, pattern?: RegExp): Check<string> {
  return (value, at) => {
    if (typeof value !== 'string' || value.length > max || pattern?.test(value) === false) {
      throw new CheckError(at, pattern ? `text like ${pattern}` : `text of at most ${max} characters`);
    }
    return value;
  };
}

export function integer(min: number, max: number): Check<number> {
  return (value, at) => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      throw new CheckError(at, `an integer from ${min} to ${max}`);
    }
    return value as number;
  };
}

export const number: Check<number> = (value, at) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new CheckError(at, 'a number');
  return value;
};

export const boolean: Check<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw new CheckError(at, 'true or false');
  return value;
};

export function literal<const T extends string | number | boolean>(expected: T): Check<T> {
  return (value, at) => {
    if (value !== expected) throw new CheckError(at, JSON.stringify(expected));
    return expected;
  };
}

export function oneOf<const T extends string | number>(...expected: readonly T[]): Check<T> {
  return (value, at) => {
    if (!expected.includes(value as T)) throw new CheckError(at, `one of ${expected.join(', ')}`);
    return value as T;
  };
}

/** The second where the value does not pass the first; that one's complaint is told. */
export function either<A, B>(first: Check<A>, second: Check<B>): Check<A | B> {
  return (value, at) => {
    try {
      return first(value, at);
    } catch {
      return second(value, at);
    }
  };
}

export function list<T>(item: Check<T>, max: number): Check<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > max) throw new CheckError(at, `a list of at most ${max}`);
    return value.map((entry, index) => item(entry, `${at}[${index}]`));
  };
}

export function map<T>(item: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, at) =>
    Object.fromEntries(Object.entries(object(value, at)).map(([key, entry]) => [key, item(entry, `${at}.${key}`)]));
}

/** May be left out. */
export function optional<T>(item: Check<T>): Check<T | undefined> {
  return (value, at) => (value === undefined ? undefined : item(value, at));
}

/** Where it is left out, as by another version of Slipway, it is `value`. */
export function fallback<T>(item: Check<T>, value: T): Check<T> {
  return (given, at) => (given === undefined ? value : item(given, at));
}

export function shape<T extends object>(checks: { readonly [K in keyof T]-?: Check<T[K]> }): Check<T> {
  const entries = Object.entries(checks) as [string, Check<unknown>][];
  return (value, at) => {
    const source = object(value, at);
    const result: Record<string, unknown> = {};
    for (const [key, check] of entries) {
      const checked = check(Object.hasOwn(source, key) ? source[key] : undefined, at ? `${at}.${key}` : key);
      if (checked !== undefined) result[key] = checked;
    }
    return result as T;
  };
}

/** One of several shapes, told apart by the text in `type`. */
export function variant<T extends { readonly type: string }>(
  checks: {
    readonly [K in T['type']]: Check<Extract<T, { readonly type: K }>>;
  },
): Check<T> {
  return variantBy<'type', T>('type', checks);
}

/** One of several shapes, told apart by the text under `key`. */
export function variantBy<const N extends string, T extends { readonly [K in N]: string }>(
  key: N,
  checks: { readonly [K in T[N]]: Check<Extract<T, { readonly [P in N]: K }>> },
): Check<T> {
  return (value, at) => {
    const kind = object(value, at)[key];
    if (typeof kind !== 'string' || !Object.hasOwn(checks, kind)) {
      throw new CheckError(at ? `${at}.${key}` : key, `one of ${Object.keys(checks).join(', ')}`);
    }
    return checks[kind as T[N]](value, at);
  };
}

/** @throws CheckError also where it is no JSON */
export function parseJson<T>(source: string, check: Check<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    throw new CheckError('', 'JSON');
  }
  return check(value, '');
}

function object(value: unknown, at: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CheckError(at, 'an object');
  return value as Record<string, unknown>;
}
