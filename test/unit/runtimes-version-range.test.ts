import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareVersions, parseVersion, parseVersionRange, type Version } from '../../src/domain/version-range.ts';

function fits(version: string, range: string, dialect: 'npm' | 'pep440' = 'npm'): boolean {
  const [parsedVersion, parsedRange] = [parseVersion(version), parseVersionRange(range, dialect)];
  assert(parsedVersion, `${version} is a version`);
  assert(parsedRange, `${range} is a range`);
  return parsedRange.fits(parsedVersion);
}

const reported: [string, Version][] = [
  ['v20.20.2', { numbers: [20, 20, 2], pre: '' }],
  ['17.0.15+6-Debian-1deb12u1', { numbers: [17, 0, 15], pre: '' }],
  ['17.0.8.1', { numbers: [17, 0, 8, 1], pre: '' }],
  ['25', { numbers: [25], pre: '' }],
  ['26-ea+13', { numbers: [26], pre: 'ea' }],
  ['1.8.0_392', { numbers: [8, 0, 392], pre: '' }],
  ['1.8.0_392-b08', { numbers: [8, 0, 392], pre: '' }],
  ['3.13.0rc1', { numbers: [3, 13, 0], pre: 'rc1' }],
  ['3.12.1+', { numbers: [3, 12, 1], pre: '' }],
  ['21.0.0-nightly20231', { numbers: [21, 0, 0], pre: 'nightly20231' }],
];
for (const [text, version] of reported) {
  test(`the version ${text} is understood`, () => assert.deepEqual(parseVersion(text), version));
}

test('what does not begin with numbers is no version', () => {
  for (const text of ['', 'latest', 'v', '.1', '99999999999999999999']) assert.equal(parseVersion(text), undefined);
});

test('versions are ordered by number, a pre-release before its release', () => {
  const ordered = ['1.8.0_9', '9', '17.0.9', '17.0.15', '20.0.0-rc.2', '20.0.0-rc.10', '20.0.0', '20.0.1'];
  const shuffled = [...ordered].reverse();
  const order = (text: string) => parseVersion(text) ?? assert.fail(text);
  assert.deepEqual(
    shuffled.sort((a, b) => compareVersions(order(a), order(b))),
    ordered,
  );
});

// Each row: range, versions that fit, versions that don't. Checked against node-semver and pip's packaging.
const npmRanges: [string, string[], string[]][] = [
  ['20', ['20.0.0', '20.20.2'], ['19.9.9', '21.0.0']],
  ['17.0.x', ['17.0.0', '17.0.15'], ['17.1.0']],
  ['17.*', ['17.9.1'], ['18.0.0']],
  ['17.0.15', ['17.0.15'], ['17.0.14', '17.0.16']],
  ['>=17', ['17.0.0', '25.0.3'], ['16.9.9']],
  ['>17', ['18.0.0'], ['17.0.15']],
  ['<=17', ['17.0.15', '8.0.1'], ['18.0.0']],
  ['<17', ['16.0.0'], ['17.0.0']],
  ['>= 17 <21', ['17.0.0', '20.1.0'], ['21.0.0']],
  ['>=3.8,<4', ['3.8.0', '3.13.1'], ['4.0.0', '3.7.9']],
  ['^20.1', ['20.1.0', '20.9.9'], ['20.0.9', '21.0.0']],
  ['^0.2.3', ['0.2.3', '0.2.9'], ['0.3.0', '0.2.2']],
  ['^0.0.3', ['0.0.3'], ['0.0.4']],
  ['~20.1.2', ['20.1.2', '20.1.9'], ['20.2.0', '20.1.1']],
  ['~20', ['20.9.0'], ['21.0.0']],
  ['16 || >=18.3', ['16.1.0', '18.3.0', '20.0.0'], ['17.0.0', '18.2.9']],
  ['1.2 - 2.3', ['1.2.0', '2.3.9'], ['1.1.9', '2.4.0']],
  ['1.8', ['1.8.0_392'], ['11.0.1', '17.0.1']],
  ['8', ['1.8.0_392'], ['17.0.1']],
  ['*', ['0.0.0', '25'], []],
  ['', ['3.1.4'], []],
];
const pythonRanges: [string, string[], string[]][] = [
  ['>=3.8,<4', ['3.8.0', '3.13.0'], ['3.7.17', '4.0.0']],
  ['~=3.8', ['3.8.0', '3.12.1'], ['3.7.0', '4.0.0']],
  ['~=3.8.2', ['3.8.2', '3.8.18'], ['3.9.0', '3.8.1']],
  ['==3.*', ['3.0.0', '3.13.0'], ['2.7.18']],
  ['==3.11', ['3.11.0'], ['3.11.7']],
  ['>=3.6, !=3.9.*', ['3.8.0', '3.10.0'], ['3.9.1']],
  ['!=3.9.1', ['3.9.2'], ['3.9.1']],
  ['>3.8', ['3.8.1'], ['3.8.0']],
  ['<=3.11', ['3.11.0'], ['3.11.7']],
];
for (const [dialect, rows] of [
  ['npm', npmRanges],
  ['pep440', pythonRanges],
] as const) {
  for (const [range, inside, outside] of rows) {
    test(`${dialect} range ${JSON.stringify(range)}`, () => {
      for (const version of inside) assert.equal(fits(version, range, dialect), true, version);
      for (const version of outside) assert.equal(fits(version, range, dialect), false, version);
    });
  }
}

test('what is no range is refused, not guessed at', () => {
  for (const text of ['lts/*', 'latest', '>', '20..1', '>=x1', '1.x.2', '<>3', '20 -', '>*', '^~1', '1'.repeat(300)]) {
    assert.equal(parseVersionRange(text), undefined, text);
  }
  for (const text of ['3.8', '^3.8', '~3.8', '>=3 <4', '~=3']) {
    assert.equal(parseVersionRange(text, 'pep440'), undefined, text);
  }
});

const number = fc.integer({ min: 0, max: 40 });
const triple = fc.tuple(number, number, number).filter(([a, b]) => a !== 1 || b < 5 || b > 8);

test('properties of ranges hold for any version', () => {
  fc.assert(
    fc.property(triple, triple, ([a, b, c], other) => {
      const version = [a, b, c].join('.');
      const text = other.join('.');
      assert(fits(version, `^${version}`) && fits(version, `~${version}`) && fits(version, version));
      assert(!fits(`${a + 1}.0.0`, `^${version}`));
      assert(!fits(`${a}.${b + 1}.0`, `~${version}`));
      assert.equal(fits(text, `>=${version}`), !fits(text, `<${version}`));
      assert.equal(fits(text, `<=${version}`), !fits(text, `>${version}`));
      assert.equal(fits(text, `=${version} || !=${version}`), true);
      assert.equal(fits(text, `${a} ${a}.${b}`), fits(text, `${a}.${b}`));
    }),
  );
});

test('no text makes parsing throw', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.xX*<>=!~^|-, v+_arc') }), text => {
      const range = parseVersionRange(text);
      parseVersionRange(text, 'pep440');
      const version = parseVersion(text);
      if (version) range?.fits(version);
    }),
  );
});
