import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkCommandWord, interpolate } from '../../src/config/interpolate.ts';

const env = { A: 'one', B: '', DOLLARS: '$$ ${A}' };

const given = (text: string): string => {
  const result = interpolate(text, env);
  return result.ok ? result.text : result.message;
};

test('variables, defaults and escapes are filled in', () => {
  assert.equal(given('plain'), 'plain');
  assert.equal(given('${A}'), 'one');
  assert.equal(given('<${A}-${A}>'), '<one-one>');
  assert.equal(given('${B}'), '');
  assert.equal(given('${B:-two}'), 'two');
  assert.equal(given('${A:-two}'), 'one');
  assert.equal(given('${C:-}'), '');
  assert.equal(given('${C:-a:-b c}'), 'a:-b c');
  assert.equal(given('$A $ $5 5$'), '$A $ $5 5$');
  assert.equal(given('$$'), '$');
  assert.equal(given('$${A}'), '${A}');
  assert.equal(given('$$${A}'), '$one');
});

test('what was filled in is not looked at again', () => {
  assert.equal(given('${DOLLARS}'), '$$ ${A}');
});

test('only what the environment gave counts as used', () => {
  const used = (text: string): boolean | undefined => {
    const result = interpolate(text, env);
    return result.ok ? result.used : undefined;
  };
  assert.equal(used('x'), false);
  assert.equal(used('$${A}'), false);
  assert.equal(used('${A}'), true);
  assert.equal(used('${C:-x}'), true);
});

test('what can’t be filled in says how to mend it', () => {
  assert.match(given('${C}'), /^cannot find C in the environment: set it, write \$\{C:-default\}, or \$\$\{C\}/);
  assert.match(given('${PORT}'), /port: \{ env: NAME \}/);
  for (const text of ['${}', '${A', '${1A}', '${A-b}', '${A:?b}', '${ A }', '${A${B}}']) {
    assert.match(given(text), /^cannot read .* expected \$\{NAME\} or \$\{NAME:-default\}/, text);
  }
});

test('names of inherited properties are not in the environment', () => {
  for (const name of ['constructor', 'toString', '__proto__']) assert.match(given(`\${${name}}`), /^cannot find/);
});

test('a command line takes the port and nothing else', () => {
  const word = (text: string): string => {
    const result = checkCommandWord(text);
    return result.ok ? result.text : result.message;
  };
  assert.equal(word('--port=${PORT}'), '--port=${PORT}');
  assert.equal(word('$PORT'), '$PORT');
  assert.equal(word('$${HOME}'), '${HOME}');
  assert.match(word('${HOME}'), /^cannot put \$\{HOME\} into a command line, which every user .* put it into env/);
  assert.match(word('${HOME:-x}'), /^cannot put/);
  assert.match(word('${PORT:-80}'), /^cannot put/);
});

test('escaped text comes back as it was', () => {
  fc.assert(fc.property(fc.string(), text => given(text.replaceAll('$', '$$$$')) === text));
});
