import assert from 'node:assert/strict';
import test from 'node:test';
import { acceptedCoding, type Compressed, codingEdits, isCompressible } from '../../src/router/policy/coding.ts';

test('the coding that a client likes best (RFC 9110, section 12.5.3)', () => {
  for (const [accept, coding] of [
    [undefined, undefined],
    ['', undefined],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['GZIP;Q=0.5', 'gzip'],
    ['br;q=0.5, gzip', 'gzip'],
    ['br;q=0, gzip;q=0', undefined],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['br;q=0, *', 'gzip'],
    ['identity', undefined],
    ['identity;q=0, gzip;q=0.1', 'gzip'],
    ['identity, gzip;q=0.5', undefined],
    ['gzip;q=nonsense', undefined],
    ['gzip;q=2', undefined],
    ['deflate', undefined],
  ] as const) {
    assert.equal(acceptedCoding(accept), coding, String(accept));
  }
});

const html: Compressed = {
  status: 200,
  length: 5_000,
  type: 'text/html; charset=utf-8',
  encoding: undefined,
  cacheControl: undefined,
  vary: undefined,
  tag: undefined,
};

test('what is compressed', () => {
  const is = (more: Partial<Compressed>) => isCompressible({ ...html, ...more });
  for (const type of [
    'text/plain',
    'TEXT/CSS',
    'text/event-stream',
    'application/json',
    'application/problem+json',
    'application/javascript;charset=utf-8',
    'application/wasm',
    'image/svg+xml',
    'application/xml',
    'application/manifest+json',
  ]) {
    assert.ok(is({ type }), type);
  }
  for (const type of [
    undefined,
    '',
    'image/png',
    'application/zip',
    'video/mp4',
    'application/octet-stream',
    'font/woff2',
  ]) {
    assert.ok(!is({ type }), type);
  }
  for (const status of [204, 206, 304]) assert.ok(!is({ status }), String(status));
  assert.ok(is({ status: 404 }));
  assert.ok(!is({ encoding: 'gzip' }));
  assert.ok(is({ encoding: 'identity' }));
  assert.ok(!is({ length: 1023 }));
  assert.ok(is({ length: -1 }));
  assert.ok(!is({ cacheControl: 'public, No-Transform' }));
  assert.ok(is({ cacheControl: 'x-no-transform' }));
});

test('what the head says then', () => {
  const edits = (more: Partial<Compressed>) => codingEdits({ ...html, ...more }, 'br').lines;
  assert.equal(edits({}), 'Content-Encoding: br\r\nVary: Accept-Encoding\r\n');
  assert.equal(edits({ vary: 'Origin, accept-encoding' }), 'Content-Encoding: br\r\n');
  assert.equal(edits({ vary: '*' }), 'Content-Encoding: br\r\n');
  assert.equal(
    edits({ vary: 'Origin', tag: '"a"' }),
    'Content-Encoding: br\r\nETag: W/"a"\r\nVary: Accept-Encoding\r\n',
  );
  assert.equal(edits({ tag: 'W/"a"' }), 'Content-Encoding: br\r\nVary: Accept-Encoding\r\n');
  assert.equal(codingEdits({ ...html, tag: '"a"' }, undefined).lines, 'Vary: Accept-Encoding\r\n');
});
