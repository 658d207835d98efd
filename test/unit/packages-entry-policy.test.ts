import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EntryLedger, foldName, parseEntryPath } from '../../src/packages/entry-policy.ts';
import { Refusal } from '../../src/packages/refusal.ts';

const refused = (why: RegExp) => (error: unknown) =>
  error instanceof Refusal && error.code === 'SLIP_PACKAGE_HOSTILE' && why.test(error.message);

const segment = fc.oneof(
  fc.constantFrom('', '.', '..', 'a', 'A', 'b', 'é', 'e\u0301', 'É', 'dir', 'x'.repeat(256), '\uFFFD', 'C:', '\\'),
  fc.string({ maxLength: 6 }),
);
const rawPath = fc.array(segment, { maxLength: 6 }).map(segments => segments.join('/'));

describe('a path of an entry', () => {
  it('is refused, or joined to any folder stays in it', () => {
    fc.assert(
      fc.property(rawPath, raw => {
        let path: string;
        try {
          path = parseEntryPath(raw);
        } catch (error) {
          assert.ok(refused(/./)(error));
          return;
        }
        const joined = posix.join('/root/folder', path);
        assert.ok(
          joined === '/root/folder/' || joined === '/root/folder' || joined.startsWith('/root/folder/'),
          joined,
        );
        assert.equal(joined, path === '' ? posix.join('/root/folder') : `/root/folder/${path}`);
        assert.equal(parseEntryPath(path), path, 'is in its final form');
        assert.ok(!path.includes('\0') && path.split('/').every(part => Buffer.byteLength(part) <= 255));
      }),
      { numRuns: 2000 },
    );
  });

  it('is put into plain form', () => {
    assert.equal(parseEntryPath('./a//b/./c/'), 'a/b/c');
    assert.equal(parseEntryPath('./'), '');
    assert.equal(parseEntryPath('a/..b/...'), 'a/..b/...');
    assert.equal(parseEntryPath('a\\b'), 'a\\b');
  });

  for (const [raw, why] of [
    ['/etc/passwd', /absolute/],
    ['c:/windows', /absolute/],
    ['./C:/windows', /absolute/],
    ['a/../../b', /climbs out/],
    ['..', /climbs out/],
    ['a\0b', /NUL/],
    ['a\uFFFDb', /UTF-8/],
    ['\ud800', /UTF-8/],
    ['x'.repeat(256), /over 255 bytes/],
    ['é'.repeat(128), /over 255 bytes/],
    ['x/'.repeat(1100), /over 2048 bytes/],
  ] as const) {
    it(`is refused: ${JSON.stringify(raw.slice(0, 20))}`, () => assert.throws(() => parseEntryPath(raw), refused(why)));
  }
});

describe('folding of names', () => {
  it('is equal for all cases and Unicode forms of a name', () => {
    const letters = 'abzAZ019é\u0301ÅåßſσςΣжЖﬁ가이ı';
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 }), name => {
        const folded = foldName(name);
        const cases = [name.toUpperCase(), name.toLowerCase()];
        for (const variant of cases.flatMap(text => [text, text.normalize('NFC'), text.normalize('NFD')])) {
          assert.equal(foldName(variant), folded);
        }
      }),
    );
  });

  it('tells different names apart', () => {
    assert.equal(new Set(['a', 'b', 'e', 'é', 'a.b', 'a b', 'ж'].map(foldName)).size, 7);
  });
});

describe('the ledger', () => {
  it('names the folders to be made, outermost first, once', () => {
    const ledger = new EntryLedger();
    assert.deepEqual(ledger.file('a/b/c'), { path: 'a/b/c', folders: ['a', 'a/b'] });
    assert.deepEqual(ledger.file('a/b/d').folders, []);
    assert.deepEqual(ledger.directory('a/e/').folders, ['a/e']);
    assert.deepEqual(ledger.directory('a/e').folders, []);
    assert.equal(ledger.size, 5);
    assert.equal(ledger.soleFolder(), 'a');
    ledger.file('z');
    assert.equal(ledger.soleFolder(), undefined);
  });

  const clashes: readonly (readonly [string, (ledger: EntryLedger) => void, RegExp])[] = [
    ['a file twice', l => [l.file('a/b'), l.file('a/b')], /there twice, first as a file/],
    ['a file in another case', l => [l.file('README'), l.file('readme')], /collides with "README"/],
    ['a file in another Unicode form', l => [l.file('\u00e9'), l.file('e\u0301')], /collides/],
    ['a folder in another case', l => [l.file('Lib/a'), l.file('lib/b')], /collides with "Lib"/],
    ['a folder where a file is', l => [l.file('a'), l.directory('a')], /there twice, first as a file/],
    ['a file where a folder is', l => [l.file('a/b'), l.file('a')], /there twice, first as a directory/],
    ['a path through a file', l => [l.file('a'), l.file('a/b')], /leads through "a", which is a file/],
    ['a path through a link', l => [l.link('a', 'b'), l.file('a/c')], /leads through "a", which is a link/],
    ['a link where a folder is', l => [l.file('a/b'), l.link('a', 'c')], /there twice, first as a directory/],
    ['the root as a file', l => l.file('./'), /would replace/],
    ['a hard link to nothing', l => l.hardLink('a', 'b'), /no file that came before/],
    ['a hard link to a link', l => [l.link('b', 'c'), l.hardLink('a', 'b')], /no file that came before/],
    ['a hard link to outside', l => l.hardLink('a', '../b'), /climbs out/],
    ['a link to an absolute path', l => l.link('a', '/etc'), /absolute/],
    ['a link to what is not UTF-8', l => l.link('a', 'b\uFFFD'), /not UTF-8/],
    ['a link to nothing', l => l.link('a', ''), /link to nothing/],
  ];
  for (const [what, run, why] of clashes) {
    it(`refuses ${what}`, () => assert.throws(() => run(new EntryLedger()), refused(why)));
  }

  const leaving: readonly (readonly [string, Readonly<Record<string, string>>, string?])[] = [
    ['straight', { a: '../x' }],
    ['after a detour', { 'a/b': 'c/../../../x' }],
    ['by a chain', { 'd/up': '..', 'd/out': 'up/../x' }],
    ['by a chain in the other order', { 'd/out': 'up/../x', 'd/up': '..' }],
    ['by a longer chain', { one: 'two/..', two: 'deep/er/three', 'deep/er/three': '../..' }],
    ['through a folder that is not there', { a: 'nowhere/../../x' }],
    ['the folder that is stripped', { 'package/a': '../b' }, 'package'],
    ['in a loop', { a: 'b', b: 'a' }],
  ];
  for (const [how, links, root] of leaving) {
    it(`refuses links that leave: ${how}`, () => {
      const ledger = new EntryLedger();
      for (const [name, target] of Object.entries(links)) ledger.link(name, target);
      assert.throws(() => ledger.verifyLinks(root ?? ''), refused(/leaves the tree|loop/));
    });
  }

  it('lets links be that stay inside', () => {
    const ledger = new EntryLedger();
    ledger.file('package/lib/cli.js');
    ledger.link('package/bin/cli', '../lib/cli.js');
    ledger.link('package/self', '.');
    ledger.link('package/loop/up', '..');
    ledger.link('package/far', 'self/self/loop/up/bin/cli');
    ledger.link('package/dangling', 'nothing/here');
    ledger.verifyLinks('package');
  });

  it('agrees with a walk by brute force on which links leave', () => {
    const name = fc.constantFrom('a', 'b', 'c', 'a/d', 'b/d', 'b/e/f');
    const target = fc.array(fc.constantFrom('..', '.', 'a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(name, target), { maxLength: 4 }), wanted => {
        const ledger = new EntryLedger();
        const links = new Map<string, readonly string[]>();
        for (const [path, segments] of wanted) {
          try {
            ledger.link(path, segments.join('/'));
            links.set(path, segments);
          } catch (error) {
            assert.ok(refused(/./)(error));
            return;
          }
        }
        let sound = true;
        try {
          ledger.verifyLinks('');
        } catch {
          sound = false;
        }
        assert.equal(
          sound,
          [...links.keys()].every(path => staysInside(path, links)),
        );
      }),
      { numRuns: 3000 },
    );
  });
});

/** Four links of four segments need fewer steps than this, unless they go round in circles. */
const mostSteps = 2000;

/** Walks as the kernel does, one segment at a time, with the links' segments put in front of what is left. */
function staysInside(path: string, links: ReadonlyMap<string, readonly string[]>): boolean {
  const at = path.split('/').slice(0, -1);
  const left = [...(links.get(path) ?? [])].reverse();
  for (let steps = 0; steps < mostSteps; steps++) {
    const next = left.pop();
    if (next === undefined) return true;
    if (next === '.') continue;
    if (next === '..') {
      if (at.pop() === undefined) return false;
      continue;
    }
    const target = links.get([...at, next].join('/'));
    if (target) left.push(...[...target].reverse());
    else at.push(next);
  }
  return false;
}
