import assert from 'node:assert/strict';
import test from 'node:test';
import { isTraceparent, newTraceparent, traceIdOf } from '../../src/router/http1/trace-context.ts';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';

test('what is a traceparent (W3C Trace Context, section 3.2)', () => {
  for (const [value, valid] of [
    [`00-${id}-${parent}-01`, true],
    [`00-${id}-${parent}-00`, true],
    [`00-${id}-${parent}-ff`, true],
    [`cc-${id}-${parent}-01`, true],
    [`cc-${id}-${parent}-01-what-else`, true],
    [`cc-${id}-${parent}-01.what`, false],
    [`00-${id}-${parent}-01-what`, false],
    [`ff-${id}-${parent}-01`, false],
    [`00-${id.toUpperCase()}-${parent}-01`, false],
    [`00-${'0'.repeat(32)}-${parent}-01`, false],
    [`00-${id}-${'0'.repeat(16)}-01`, false],
    [`00-${id}-${parent}-1`, false],
    [`00-${id}-${parent}`, false],
    [`00-${id.slice(1)}-${parent}-01`, false],
    [` 00-${id}-${parent}-01`, false],
    [`0g-${id}-${parent}-01`, false],
    ['', false],
  ] as const) {
    assert.equal(isTraceparent(value), valid, value);
  }
});

test('one that is made is valid, and another each time', () => {
  const made = Array.from({ length: 2_000 }, newTraceparent);
  assert.ok(made.every(isTraceparent));
  assert.equal(new Set(made.map(traceIdOf)).size, made.length);
  assert.equal(traceIdOf(`00-${id}-${parent}-01`), id);
});
