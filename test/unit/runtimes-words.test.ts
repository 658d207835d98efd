import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseWords } from '../../src/runtimes/words.ts';

const plain: [string, string[]][] = [
  ['node server.js', ['node', 'server.js']],
  ['  node   server.js\t--x ', ['node', 'server.js', '--x']],
  [`node 'a b' "c d" e\\ f`, ['node', 'a b', 'c d', 'e f']],
  [`node --name="it's" 'say "hi"'`, ['node', "--name=it's", 'say "hi"']],
  [`node ""`, ['node', '']],
  [`a "b\\"c" "d\\e"`, ['a', 'b"c', 'd\\e']],
  ['serve -l $PORT', ['serve', '-l', '$PORT']],
  ['serve --listen=127.0.0.1:${PORT}', ['serve', '--listen=127.0.0.1:${PORT}']],
  ['serve "$PORT"', ['serve', '$PORT']],
  ['exec node server.js', ['node', 'server.js']],
  ['node x.js a#b c~d e=f', ['node', 'x.js', 'a#b', 'c~d', 'e=f']],
];
for (const [line, words] of plain) {
  test(`plain: ${line}`, () => assert.deepEqual(parseWords(line), { words, env: {} }));
}

test('leading assignments become environment', () => {
  assert.deepEqual(parseWords('NODE_ENV=production A="b c" EMPTY= node x.js D=e'), {
    words: ['node', 'x.js', 'D=e'],
    env: { NODE_ENV: 'production', A: 'b c', EMPTY: '' },
  });
});

const shellOnly: [string, string][] = [
  ['a && b', '&&'],
  ['a || b', '||'],
  ['a | b', '|'],
  ['a; b', ';'],
  ['a &', '&'],
  ['a > out', '>'],
  ['a < in', '<'],
  ['(a)', '('],
  ['a `b`', '`'],
  ['a "`b`"', '`'],
  ['a $(b)', '$'],
  ['a $HOME', '$HOME'],
  ['a ${PORT:-80}', '${PORT'],
  ['a $PORTS', '$PORTS'],
  ["a '$PORT'", 'quoted'],
  ['a \\$PORT', 'quoted'],
  ['a *.js', '*'],
  ['a x?', '?'],
  ['a [x]', '['],
  ['a {x,y}', '{'],
  ['~/a', '~'],
  ['# a', '#'],
  ['a\nb', '\\n'],
  ["a 'b", 'not closed'],
  ['a "b', 'not closed'],
  ['a \\', 'backslash'],
  ['', 'no program'],
  ['A=b', 'no program'],
];
for (const [line, why] of shellOnly) {
  test(`refused: ${JSON.stringify(line)}`, () => {
    const read = parseWords(line);
    assert('why' in read, JSON.stringify(read));
    assert(read.why.includes(why), read.why);
  });
}

test('words that are quoted come back as they were', () => {
  const word = fc.string().filter(text => !text.includes('$'));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), words => {
      const line = ['run', ...words].map(text => `'${text.replaceAll("'", `'\\''`)}'`).join(' ');
      assert.deepEqual(parseWords(line), { words: ['run', ...words], env: {} });
    }),
  );
});

test('no line makes parsing throw', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), line => void parseWords(line)));
});
