import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { expandPlaceholders, expandPlaceholdersInEnv } from '../../src/domain/placeholders.ts';

test('both spellings of the port are replaced, wherever they stand in a word', () => {
  const words = ['$PORT', '${PORT}', '--listen=127.0.0.1:$PORT', '${PORT}:${PORT}', '$PORT/x', 'a$PORT-b'];
  assert.deepEqual(expandPlaceholders(words, { PORT: '81' }), [
    '81',
    '81',
    '--listen=127.0.0.1:81',
    '81:81',
    '81/x',
    'a81-b',
  ]);
});

test('a socket has its own placeholders, and only what there is is filled in', () => {
  const words = ['$SOCKET', '${SOCKET}', 'unix:${SOCKET}', '$SOCKETS', '$PORT'];
  assert.deepEqual(expandPlaceholders(words, { SOCKET: '/s' }), ['/s', '/s', 'unix:/s', '$SOCKETS', '$PORT']);
  assert.deepEqual(expandPlaceholders(words, { PORT: '81' }), [
    '$SOCKET',
    '${SOCKET}',
    'unix:${SOCKET}',
    '$SOCKETS',
    '81',
  ]);
});

test('variables of a plan may hold the port too', () => {
  const env = { LISTEN: '127.0.0.1:$PORT', PATH: '/bin' };
  assert.deepEqual(expandPlaceholdersInEnv(env, { PORT: '81' }), { LISTEN: '127.0.0.1:81', PATH: '/bin' });
});

test('nothing else is replaced', () => {
  const words = ['$PORTS', '$PORT_A', '${PORT:-1}', '$port', '$HOME', '$$', 'PORT', '${PORTS}', '$(PORT)'];
  assert.deepEqual(expandPlaceholders(words, { PORT: '81' }), words);
  assert.deepEqual(expandPlaceholders(['$PORT'], { PORT: undefined }), ['$PORT']);
});

test('a value is put in as it is, and words keep their number', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.string(), (words, value) => {
      const expanded = expandPlaceholders([...words, '$PORT'], { PORT: value });
      assert.equal(expanded.length, words.length + 1);
      assert.equal(expanded.at(-1), value);
    }),
  );
});
