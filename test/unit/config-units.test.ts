import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress, parseAddress } from '../../src/config/address.ts';
import { formatDuration, longestDuration, parseDuration } from '../../src/config/duration.ts';
import { normalizePath, pathPattern, splitRoute } from '../../src/config/route.ts';
import { formatSize, parseSize } from '../../src/config/size.ts';

test('durations are read with their units', () => {
  const cases: [string, number | undefined][] = [
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['5m', 300_000],
    ['5m5ms', 300_005],
    ['1m30s', 90_000],
    ['0.5s', 500],
    ['1.5h', 5_400_000],
    ['2h', 7_200_000],
    ['1d2h3m4s5ms', 93_784_005],
    ...['', 's', '10', '1.s', '.5s', '1s1m', '1s1s', '-1s', '1 s', '1S', '1e3s', '10s ', '1m30', '+1s'].map(
      (text): [string, undefined] => [text, undefined],
    ),
  ];
  for (const [text, expected] of cases) assert.equal(parseDuration(text), expected, text);
});

test('a duration is written so that it is read back the same', () => {
  assert.equal(formatDuration(0), '0s');
  assert.equal(formatDuration(90_000), '1m30s');
  assert.equal(formatDuration(93_784_005), '1d2h3m4s5ms');
  assert.equal(formatDuration(0.4), '0s');
  fc.assert(fc.property(fc.nat(longestDuration), ms => parseDuration(formatDuration(ms)) === ms));
});

test('sizes are read as Kubernetes quantities', () => {
  const cases: [string, number | undefined][] = [
    ['0', 0],
    ['4096', 4096],
    ['512k', 512_000],
    ['512Ki', 524_288],
    ['1G', 1e9],
    ['256Mi', 268_435_456],
    ['1.5Gi', 1_610_612_736],
    ['0.1Gi', 107_374_182],
    ['2Ti', 2_199_023_255_552],
    ...['', 'Mi', '256MB', '256mi', '256K', '1 Gi', '-1', '1e3', '.5Gi', '99999999999999999', '9999999Ti'].map(
      (text): [string, undefined] => [text, undefined],
    ),
  ];
  for (const [text, expected] of cases) assert.equal(parseSize(text), expected, text);
});

test('a size is written so that it is read back the same', () => {
  assert.equal(formatSize(0), '0');
  assert.equal(formatSize(1023), '1023');
  assert.equal(formatSize(268_435_456), '256Mi');
  assert.equal(formatSize(512_000), '500Ki');
  assert.equal(formatSize(1_000_000_000), '1G');
  const sizes = fc.oneof(
    fc.maxSafeNat(),
    fc.tuple(fc.nat(4000), fc.constantFrom(1000, 1024), fc.nat(4)).map(([n, base, power]) => n * base ** power),
  );
  fc.assert(fc.property(sizes, bytes => parseSize(formatSize(bytes)) === bytes));
});

test('an address without a host means the loopback', () => {
  const cases: [string, string | undefined][] = [
    ['8080', '127.0.0.1:8080'],
    ['0.0.0.0:80', '0.0.0.0:80'],
    ['localhost:0', 'localhost:0'],
    ['[::1]:8080', '[::1]:8080'],
    ['[::]:8080', '[::]:8080'],
    ...[
      ':8080',
      '*:8080',
      '::1:8080',
      '127.0.0.1',
      '1.2.3:80',
      '[x]:80',
      '[127.0.0.1]:80',
      'a b:80',
      'a:65536',
      '',
    ].map((text): [string, undefined] => [text, undefined]),
  ];
  for (const [text, expected] of cases) {
    const address = parseAddress(text);
    assert.equal(address && formatAddress(address), expected, text);
  }
});

test('a route’s short form splits at the first slash', () => {
  assert.deepEqual(splitRoute('a.example'), { host: 'a.example', path: '/' });
  assert.deepEqual(splitRoute('a.example/b/c'), { host: 'a.example', path: '/b/c' });
  assert.deepEqual(splitRoute('/b'), { path: '/b' });
});

test('a prefix has one spelling', () => {
  assert.equal(normalizePath('/'), '/');
  assert.equal(normalizePath('/api/'), '/api');
  for (const path of ['/', '/a', '/a/', '/a.b/..c', '/%20', '/a:b@c']) assert.match(path, pathPattern);
  for (const path of ['', 'a', '//', '/a//b', '/..', '/a/../b', '/./a', '/a?b', '/a#b', '/a b', '/a\\b']) {
    assert.doesNotMatch(path, pathPattern);
  }
});
