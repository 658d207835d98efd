import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { isNodeScript, nodeEntry } from '../../src/runtimes/node-entry.ts';
import { readManifest } from '../../src/runtimes/node-manifest.ts';
import { type Files, treeRelease } from '../helpers/releases.ts';

/** Each row: what it shows, the package.json, other files, the words (`NODE` and `ROOT/` stand for the paths). */
const found: [string, object, string[], string[]][] = [
  [
    'start goes first',
    { scripts: { start: 'node a.js -x' }, bin: 'b.js', main: 'c.js' },
    ['a.js', 'b.js', 'c.js'],
    ['NODE', 'a.js', '-x'],
  ],
  [
    'node options before the script',
    { scripts: { start: 'node -r ./r.js --no-warnings a' } },
    ['a.js', 'r.js'],
    ['NODE', '-r', './r.js', '--no-warnings', 'a'],
  ],
  [
    'a tool of a dependency',
    { scripts: { start: 'tool -p $PORT' } },
    ['node_modules/.bin/tool'],
    ['NODE', 'ROOT/node_modules/.bin/tool', '-p', '$PORT'],
  ],
  [
    'its own bin by name',
    { name: 'x', bin: { x: 'cli.js', y: 'y.js' }, scripts: { start: 'y go' } },
    ['cli.js', 'y.js'],
    ['NODE', 'ROOT/y.js', 'go'],
  ],
  [
    'a start that needs a shell is passed over',
    { scripts: { start: 'tsc && node a.js' }, bin: 'b.js' },
    ['a.js', 'b.js'],
    ['NODE', 'ROOT/b.js'],
  ],
  [
    'a start that leads nowhere is passed over',
    { scripts: { start: 'node src/a.js' }, main: 'm.js' },
    ['m.js'],
    ['NODE', 'ROOT/m.js'],
  ],
  [
    'a start with a tool that is not there is passed over',
    { scripts: { start: 'nodemon a.js' } },
    ['index.js'],
    ['NODE', 'ROOT/index.js'],
  ],
  ['the only bin', { name: 'a', bin: { b: './b.js' } }, ['b.js'], ['NODE', 'ROOT/b.js']],
  [
    'the bin that is called like the package',
    { name: '@s/a', bin: { b: 'b.js', a: 'a.js' } },
    ['a.js', 'b.js'],
    ['NODE', 'ROOT/a.js'],
  ],
  [
    'several bins, none like the package',
    { name: 'z', bin: { b: 'b.js', a: 'a.js' }, main: 'm.js' },
    ['a.js', 'b.js', 'm.js'],
    ['NODE', 'ROOT/m.js'],
  ],
  ['main without its extension', { main: 'lib/m' }, ['lib/m.cjs'], ['NODE', 'ROOT/lib/m.cjs']],
  ['main as a folder', { main: './lib' }, ['lib/index.js'], ['NODE', 'ROOT/lib/index.js']],
  ['index.js by default', {}, ['index.js', 'server.js'], ['NODE', 'ROOT/index.js']],
  ['else server.js', { main: 'gone.js' }, ['server.js'], ['NODE', 'ROOT/server.js']],
  [
    'fields of another shape count as absent',
    { main: 7, bin: ['a.js'], scripts: 'x', engines: 1 },
    ['index.js'],
    ['NODE', 'ROOT/index.js'],
  ],
];
for (const [what, manifest, files, words] of found) {
  test(what, async t => {
    const content: Record<string, string> = { 'package.json': JSON.stringify(manifest) };
    for (const file of files) content[file] = '// js';
    const release = await treeRelease(t, content);
    const entry = await nodeEntry(await readManifest(release), release.root, 'NODE', release.name);
    assert.deepEqual(
      entry.words,
      words.map(word => word.replace(/^ROOT/, release.root)),
    );
  });
}

test('where nothing leads to a program, each reason is given', async t => {
  const manifest = { scripts: { start: 'a | b' }, bin: '../../../../bin/sh', main: '/bin/sh' };
  const release = await treeRelease(t, { 'package.json': JSON.stringify(manifest) });
  await assert.rejects(nodeEntry(await readManifest(release), release.root, 'NODE', 'x.tgz'), {
    code: 'SLIP_ENTRY_MISSING',
    details: [
      'scripts.start is no plain command: it uses "|", which needs a shell',
      'bin names ../../../../bin/sh, which is not in the release',
      '/bin/sh is not there, nor is index.js or server.js',
    ],
  });
});

test('a package.json that is no JSON object is refused in words', async t => {
  for (const text of ['{', '7', '[]', '']) {
    await assert.rejects(readManifest(await treeRelease(t, { 'package.json': text })), { code: 'SLIP_ENTRY_MISSING' });
  }
  assert.equal((await readManifest(await treeRelease(t, { 'package.json': '\uFEFF{"main":"a.js"}' }))).main, 'a.js');
});

test('a program that names another interpreter is not for Node', async t => {
  const files: Files = {
    js: '#!/usr/bin/env node\n',
    sh: '#!/bin/sh\n',
    elf: '\x7fELF\x02',
    'x.mjs': '',
    none: 'let a',
  };
  const { root } = await treeRelease(t, files);
  const scripts = Object.keys(files).map(async name => [name, await isNodeScript(join(root, name))]);
  assert.deepEqual(await Promise.all(scripts), [
    ['js', true],
    ['sh', false],
    ['elf', false],
    ['x.mjs', true],
    ['none', true],
  ]);
});
