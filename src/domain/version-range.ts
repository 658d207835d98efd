/**
 * Versions as runtimes report them (`v20.20.2`, `17.0.15+6`, `1.8.0_392`, `3.13.0rc1`) and ranges as people and
 * packages write them, in two dialects: npm's (node-semver) and Python's (PEP 440). Numbers decide whether a version
 * fits; that it is a pre-release only decides its order.
 */

export interface Version {
  /** At least one; missing ones count as zero. */
  readonly numbers: readonly number[];
  /** `rc1`, `ea`; empty for a release. */
  readonly pre: string;
}

export type Dialect = 'npm' | 'pep440';

export interface VersionRange {
  /** As it was written. */
  readonly text: string;
  readonly dialect: Dialect;
  fits(version: Version): boolean;
}

type Test = (version: Version) => boolean;
type Numbers = readonly number[];

/** Before Java 9 (JEP 223) what everybody calls 8 called itself 1.8. */
function withoutJavaPrefix(numbers: Numbers): Numbers {
  const second = numbers[1] ?? 0;
  return numbers[0] === 1 && second >= 5 && second <= 8 ? numbers.slice(1) : numbers;
}

function parseNumbers(text: string): Numbers | undefined {
  if (!/^\d{1,9}(\.\d{1,9}){0,7}$/.test(text)) return undefined;
  return withoutJavaPrefix(text.split('.').map(Number));
}

/** `undefined` for anything that does not begin with numbers. Build metadata is dropped. */
export function parseVersion(text: string): Version | undefined {
  const match = /^v?(\d+(?:\.\d+)*)(_\d+)?(?:-?([a-z][\w.]*))?/i.exec(text.trim());
  if (!match) return undefined;
  const [, dotted = '', update = '', suffix = ''] = match;
  const numbers = parseNumbers(dotted + update.replace('_', '.'));
  return numbers && { numbers, pre: update === '' ? suffix : '' };
}

function compareNumbers(a: Numbers, b: Numbers): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

/** Orders from old to new; a pre-release comes before its release. */
export function compareVersions(a: Version, b: Version): number {
  const byNumbers = compareNumbers(a.numbers, b.numbers);
  if (byNumbers !== 0 || a.pre === b.pre) return byNumbers;
  if (a.pre === '') return 1;
  if (b.pre === '') return -1;
  return a.pre.localeCompare(b.pre, 'en', { numeric: true });
}

const anything: Test = () => true;
const atLeast =
  (low: Numbers): Test =>
  version =>
    compareNumbers(version.numbers, low) >= 0;
const below =
  (high: Numbers): Test =>
  version =>
    compareNumbers(version.numbers, high) < 0;
/** The first numbers are exactly these: `17.0` begins 17.0.15. */
const begins =
  (numbers: Numbers): Test =>
  version =>
    numbers.every((number, i) => (version.numbers[i] ?? 0) === number);
const both =
  (a: Test, b: Test): Test =>
  version =>
    a(version) && b(version);
const not =
  (test: Test): Test =>
  version =>
    !test(version);

/** `^` lets everything after the first number that isn't zero change. */
function caretPrefix(numbers: Numbers): Numbers {
  const first = numbers.findIndex(number => number !== 0);
  return first === -1 ? numbers : numbers.slice(0, first + 1);
}

/** `numbers` are those that were written before any wildcard; `exact`: there was no wildcard. */
function comparator(operator: string, numbers: Numbers, exact: boolean, dialect: Dialect): Test | undefined {
  const python = dialect === 'pep440';
  if (numbers.length === 0) return ['', '=', '==', '>=', '<=', '^', '~'].includes(operator) ? anything : undefined;
  const same = python && exact ? both(atLeast(numbers), not(above(numbers))) : begins(numbers);
  switch (operator) {
    case '':
    case '=':
      return python ? undefined : same;
    case '^':
      return python ? undefined : both(atLeast(numbers), begins(caretPrefix(numbers)));
    case '~':
      return python ? undefined : both(atLeast(numbers), begins(numbers.slice(0, 2)));
    case '==':
    case '===':
      return same;
    case '!=':
      return not(same);
    case '~=':
      return numbers.length < 2 ? undefined : both(atLeast(numbers), begins(numbers.slice(0, -1)));
    case '>=':
      return atLeast(numbers);
    case '<':
      return below(numbers);
    // npm reads `>17` as "after every 17.x"; PEP 440 reads it as "after 17.0".
    case '>':
      return python ? above(numbers) : both(above(numbers), not(begins(numbers)));
    case '<=':
      return python ? not(above(numbers)) : version => !above(numbers)(version) || begins(numbers)(version);
    default:
      return undefined;
  }
}

function above(numbers: Numbers): Test {
  return version => compareNumbers(version.numbers, numbers) > 0;
}

function parseComparator(text: string, dialect: Dialect): Test | undefined {
  const match = /^([<>=!~^]{0,3})v?([\dxX*.]+)$/.exec(text);
  if (!match) return undefined;
  const [, operator = '', dotted = ''] = match;
  const parts = dotted.split('.');
  const wild = parts.findIndex(part => /^[xX*]$/.test(part));
  const given = wild === -1 ? parts : parts.slice(0, wild);
  if (parts.slice(given.length).some(part => !/^[xX*]$/.test(part))) return undefined;
  const numbers = given.length === 0 ? [] : parseNumbers(given.join('.'));
  return numbers && comparator(operator, numbers, wild === -1, dialect);
}

function parseAll(texts: readonly string[], dialect: Dialect): Test | undefined {
  let all = anything;
  for (const text of texts) {
    const test = parseComparator(text, dialect);
    if (!test) return undefined;
    all = both(all, test);
  }
  return all;
}

function parseAlternative(text: string, dialect: Dialect): Test | undefined {
  if (dialect === 'pep440') {
    return parseAll(
      text
        .split(',')
        .map(part => part.replaceAll(/\s/g, ''))
        .filter(part => part !== ''),
      dialect,
    );
  }
  const hyphen = /^\s*(\S+)\s+-\s+(\S+)\s*$/.exec(text);
  if (hyphen) return parseAll([`>=${hyphen[1]}`, `<=${hyphen[2]}`], dialect);
  const parts = text
    .replaceAll(/([<>=!~^])\s+/g, '$1')
    .split(/[\s,]+/)
    .filter(part => part !== '');
  return parseAll(parts, dialect);
}

/** `undefined` where the text is no range in that dialect. Empty and `*` mean any version. */
export function parseVersionRange(text: string, dialect: Dialect = 'npm'): VersionRange | undefined {
  if (text.length > 256) return undefined;
  const alternatives: Test[] = [];
  for (const part of dialect === 'npm' ? text.split('||') : [text]) {
    const test = parseAlternative(part, dialect);
    if (!test) return undefined;
    alternatives.push(test);
  }
  return { text, dialect, fits: version => alternatives.some(test => test(version)) };
}
