import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { edited, headerEdits } from '../../src/router/policy/header-rules.ts';

const none = { set: {}, add: {}, remove: [] };
const head = ['GET / HTTP/1.1', 'Host: x', 'X-A: 1', 'x-b:2', 'X-a: 3'];
const apply = (lines: readonly string[], rules: Parameters<typeof headerEdits>[0]) => {
  const text = edited(`${lines.join('\r\n')}\r\n\r\n`, headerEdits(rules));
  assert.ok(text.endsWith('\r\n\r\n'));
  return text.slice(0, -4).split('\r\n');
};

test('a field that is set replaces all of its name, in any case', () => {
  assert.deepEqual(apply(head, { ...none, set: { 'x-A': 'new' } }), ['GET / HTTP/1.1', 'Host: x', 'x-b:2', 'x-A: new']);
  assert.deepEqual(apply(head, { ...none, set: { 'X-New': '1', 'x-new': '2' } }), [...head, 'x-new: 2']);
});

test('a field that is added comes beside those there are; one that is removed is gone', () => {
  assert.deepEqual(apply(head, { ...none, add: { 'X-A': '' } }), [...head, 'X-A: ']);
  assert.deepEqual(apply(head, { ...none, remove: ['X-a', 'X-None'] }), ['GET / HTTP/1.1', 'Host: x', 'x-b:2']);
  assert.deepEqual(apply(head, { set: {}, add: { 'X-B': '3' }, remove: ['X-B'] }), [
    'GET / HTTP/1.1',
    'Host: x',
    'X-A: 1',
    'X-a: 3',
    'X-B: 3',
  ]);
});

test('a head without fields, and one that loses all', () => {
  assert.deepEqual(apply(['HTTP/1.1 200 OK'], { ...none, add: { A: 'b' } }), ['HTTP/1.1 200 OK', 'A: b']);
  assert.deepEqual(apply(['HTTP/1.1 200 OK', 'A: b'], { ...none, remove: ['a'] }), ['HTTP/1.1 200 OK']);
});

test('rules do to a head what they do to a list of its fields', () => {
  const name = fc.constantFrom('A', 'a', 'B', 'Bb', 'bB', 'C');
  const value = fc.stringMatching(/^[ -~\u0080-\u00ff]{0,8}$/);
  const map = fc.array(fc.tuple(name, value), { maxLength: 3 }).map(entries => Object.fromEntries(entries));
  const fields = fc.array(fc.tuple(name, value), { maxLength: 8 });
  fc.assert(
    fc.property(fields, map, map, fc.array(name, { maxLength: 3 }), (given, set, add, remove) => {
      const setNames = Object.keys(set).map(one => one.toLowerCase());
      const out = new Set([...setNames, ...remove.map(one => one.toLowerCase())]);
      const last = Object.entries(set).filter(([one], index) => setNames.lastIndexOf(one.toLowerCase()) === index);
      const expected = [...given.filter(([one]) => !out.has(one.toLowerCase())), ...last, ...Object.entries(add)];
      const lines = (all: readonly (readonly [string, string])[]) => all.map(([one, text]) => `${one}: ${text}`);
      const actual = apply(['HTTP/1.1 200 OK', ...lines(given)], { set, add, remove });
      assert.equal(actual[0], 'HTTP/1.1 200 OK');
      assert.deepEqual(actual.slice(1).sort(), lines(expected).sort());
    }),
  );
});
