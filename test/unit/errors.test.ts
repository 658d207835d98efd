import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { errorCatalog, SlipwayError } from '../../src/domain/errors.ts';

const root = fileURLToPath(new URL('../../src', import.meta.url));
const catalogueFile = join('domain', 'errors.ts');

let sources: ReadonlyMap<string, string>;

before(async () => {
  const names = await readdir(root, { recursive: true });
  const files = names.filter(name => name.endsWith('.ts') && name !== catalogueFile);
  sources = new Map(
    await Promise.all(files.map(async name => [name, await readFile(join(root, name), 'utf8')] as const)),
  );
});

const codes = Object.keys(errorCatalog);

test('every code that the source names is in the catalogue', () => {
  const unknown: string[] = [];
  for (const [file, text] of sources) {
    for (const [code] of text.matchAll(/\bSLIP_[A-Z_]+[A-Z]\b/g)) {
      const family = codes.some(known => known.startsWith(`${code}_`));
      if (!codes.includes(code) && !family) unknown.push(`${file}: ${code}`);
    }
  }
  assert.deepEqual(unknown, []);
});

test('every code of the catalogue is used', () => {
  const text = [...sources.values()].join('\n');
  const unused = codes.filter(code => !new RegExp(`['"\`]${code}['"\`]`).test(text) && !text.includes(`.${code}`));
  assert.deepEqual(unused, []);
});

test('every message begins with "cannot"', () => {
  const wrong: string[] = [];
  for (const [file, text] of sources) {
    for (const [, code, message] of text.matchAll(/new SlipwayError\(\s*'(SLIP_\w+)',\s*['"`]([^'"`]{0,60})/g)) {
      // A message that begins with a variable was made elsewhere.
      if (!message?.startsWith('cannot ') && !message?.startsWith('${')) wrong.push(`${file}: ${code}: ${message}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('every entry has an HTTP status of an error, a meaning and a way to mend it, in whole sentences', () => {
  for (const [code, { status, meaning, mend }] of Object.entries(errorCatalog)) {
    assert.match(code, /^SLIP(_[A-Z]+)+$/);
    assert.ok(status >= 400 && status <= 599, code);
    for (const sentence of [meaning, mend]) assert.match(sentence, /^\p{Lu}.*[.]$/u, code);
  }
});

test('an error carries its code, details and cause', () => {
  const cause = new Error('why');
  const error = new SlipwayError('SLIP_INTERNAL', 'cannot go on', { cause, details: ['one'] });
  assert.equal(error.code, 'SLIP_INTERNAL');
  assert.deepEqual(error.details, ['one']);
  assert.equal(error.cause, cause);
  assert.equal('cause' in new SlipwayError('SLIP_INTERNAL', 'cannot go on'), false);
});
