import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineSplitter, longestLine, pieces } from '../../src/logs/lines.ts';

function split(chunks: readonly Buffer[], longest?: number): string[] {
  const splitter = new LineSplitter(longest);
  return [...chunks.flatMap(chunk => [...splitter.push(chunk)]), ...splitter.end()];
}

test('lines are split at line feeds, a carriage return before one is dropped, the last needs none', () => {
  assert.deepEqual(split([Buffer.from('one\r\ntwo\n\nfo\rur\nfive')]), ['one', 'two', '', 'fo\rur', 'five']);
  assert.deepEqual(split([Buffer.from('one\n')]), ['one']);
  assert.deepEqual(split([]), []);
});

test('bytes that are no UTF-8 become U+FFFD and break nothing', () => {
  assert.deepEqual(split([Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a, 0xe2, 0x82, 0x0a, 0x63])]), ['a��b', '�', 'c']);
});

test('an overlong line comes in pieces of the limit; no character is cut', () => {
  const text = '€'.repeat(longestLine);
  const lines = split([Buffer.from(`${text}\nend\n`)]);
  assert.equal(lines.length, pieces(Buffer.byteLength(text)) + 1);
  assert.equal(lines.slice(0, -1).join(''), text);
  assert.equal(lines.at(-1), 'end');
});

test('a line of just the limit is one line', () => {
  assert.deepEqual(split([Buffer.from('abcd\nefgh\n')], 4), ['abcd', 'efgh']);
  assert.deepEqual(split([Buffer.from('abcde\n')], 4), ['abcd', 'e']);
});

test('what is held back does not grow with a line that never ends', () => {
  const splitter = new LineSplitter(100);
  let characters = 0;
  for (let i = 0; i < 1000; i += 1) for (const line of splitter.push(Buffer.alloc(77, 'x'))) characters += line.length;
  assert.ok(77_000 - characters <= 100, `${77_000 - characters} bytes held back`);
});

test('however the bytes are cut into chunks, the lines are the same, and as many as counted', () => {
  const bytes = fc.array(fc.constantFrom(0x61, 0x0a, 0x0d, 0xe2, 0x82, 0xac, 0xff, 0x00), { maxLength: 80 });
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(80)), fc.integer({ min: 1, max: 9 }), (data, cuts, longest) => {
      const all = Buffer.from(data);
      const edges = [0, ...cuts.map(cut => Math.min(cut, all.length)), all.length].sort((a, b) => a - b);
      const whole = split([all], longest);
      assert.deepEqual(
        split(
          edges.slice(1).map((edge, i) => all.subarray(edges[i], edge)),
          longest,
        ),
        whole,
      );
      const unsplit = all.toString('latin1').split('\n');
      if (unsplit.at(-1) === '') unsplit.pop();
      assert.equal(
        whole.length,
        unsplit.reduce((sum, line) => sum + pieces(line.length, longest), 0),
      );
    }),
  );
});

test('a chunk may be overwritten once it was pushed', () => {
  const splitter = new LineSplitter();
  const chunk = Buffer.from('half');
  assert.deepEqual([...splitter.push(chunk)], []);
  chunk.fill(0);
  assert.deepEqual([...splitter.push(Buffer.from(' done\n'))], ['half done']);
});
