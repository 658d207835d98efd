import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { editDistance, suggest } from '../../src/config/suggest.ts';

test('insertions, deletions, substitutions and swaps of neighbours cost one each', () => {
  const cases: [string, string, number][] = [
    ['', '', 0],
    ['', 'abc', 3],
    ['instances', 'instances', 0],
    ['instnces', 'instances', 1],
    ['instancess', 'instances', 1],
    ['instamces', 'instances', 1],
    ['isntances', 'instances', 1],
    ['kitten', 'sitting', 3],
    ['ca', 'abc', 3],
  ];
  for (const [a, b, distance] of cases) assert.equal(editDistance(a, b), distance, `${a} ${b}`);
});

test('the distance is symmetric, zero only for equal words and at most the longer length', () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length));
    }),
  );
});

test('the nearest word is suggested, whatever its case and hyphens, and none that is too far', () => {
  const known = ['instances', 'initialDelay', 'maxSurge', 'args', 'env'];
  assert.equal(suggest('instnces', known), 'instances');
  assert.equal(suggest('max_surge', known), 'maxSurge');
  assert.equal(suggest('InitialDelay', known), 'initialDelay');
  assert.equal(suggest('arg', known), 'args');
  assert.equal(suggest('image', known), undefined);
  assert.equal(suggest('', known), undefined);
  assert.equal(suggest('x'.repeat(100_000), known), undefined);
});
