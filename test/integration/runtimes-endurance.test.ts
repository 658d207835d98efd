/** A host that replaces or removes what revisions were accepted with, and copies that it can't touch. */
import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createRuntimes } from '../../src/runtimes/runtimes.ts';
import { treeRelease } from '../helpers/releases.ts';
import { answerOf } from '../helpers/run-plan.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const plain = { args: [], runtimeArgs: [] };
const server = 'require("http").createServer((_, a) => a.end(process.execPath)).listen(process.env.PORT, "127.0.0.1")';

async function setUp(t: TestContext, manifest: object = {}) {
  const home = await tempDir(t);
  const path = join(home, 'host/bin/node');
  let times = 0;
  const install = async (version: string, body = `printf '%s\\n' v${version} "$0"`) => {
    await mkdir(dirname(path), { recursive: true });
    await rm(path, { force: true });
    await writeFile(path, `#!/bin/sh\n${body}\n`);
    await chmod(path, 0o755);
    // Two installations of one second apart, however quick the test is.
    times += 1;
    await utimes(path, times, times);
  };
  const runtimes = createRuntimes({
    preparedDir: () => join(home, 'prepared'),
    pinnedDir: join(home, 'runtimes'),
    env: { PATH: join(home, 'none') },
    home,
  });
  const release = await treeRelease(t, { 'package.json': JSON.stringify(manifest), 'index.js': server });
  return { home, path, install, release, paths: { node: [path] }, ...runtimes };
}

test('the same version is the same runtime, also where it was built anew', async t => {
  const { install, release, resolve, versionNow, paths } = await setUp(t);
  await install('90.1.0');
  const { runtime } = await resolve(release, { ...plain, runtime: { name: 'node', range: '90' } }, paths);
  assert.equal(await versionNow(runtime), '90.1.0');
  await install('90.1.0', `: rebuilt; printf '%s\\n' v90.1.0 "$0"`);
  assert.equal(await versionNow(runtime), '90.1.0');
});

const replacements: readonly {
  readonly asked?: string;
  readonly engines?: string;
  readonly accepts: readonly string[];
  readonly refuses: readonly string[];
}[] = [
  { asked: '>=90', accepts: ['90.1.1', '90.2.0', '91.0.0'], refuses: ['89.9.9'] },
  { asked: '90.1', accepts: ['90.1.7'], refuses: ['90.2.0', '91.0.0'] },
  { asked: '90.1.0', accepts: [], refuses: ['90.1.1'] },
  { engines: '^90.1 || 92', accepts: ['90.5.0', '92.1.0'], refuses: ['91.0.0'] },
];

for (const { asked, engines, accepts, refuses } of replacements) {
  test(`where ${asked ?? engines} was asked for, the host may replace it by what fits`, async t => {
    const { install, path, release, resolve, versionNow, paths } = await setUp(t, { engines: { node: engines } });
    await install('90.1.0');
    const request = asked === undefined ? plain : { ...plain, runtime: { name: 'node', range: asked } };
    const { runtime } = await resolve(release, request, paths);
    for (const version of accepts) {
      await install(version);
      assert.equal(await versionNow(runtime), version);
    }
    for (const version of refuses) {
      await install(version);
      await assert.rejects(versionNow(runtime), {
        code: 'SLIP_RUNTIME_CHANGED',
        message:
          `cannot run with ${path}: it was node 90.1.0 when the revision was accepted and is node ${version} now, and ` +
          `only ${asked ?? engines} may take its place; deploy or apply to accept what the host has now, or install node ` +
          '90.1.0 again',
      });
    }
    await install('90.1.0');
    assert.equal(await versionNow(runtime), '90.1.0', 'once it is mended');
  });
}

test('where no version was asked for, it stays the same major one', async t => {
  const { install, release, resolve, versionNow, paths } = await setUp(t);
  // Newer than what the standard folders of any host have.
  await install('990.1.0');
  const { runtime } = await resolve(release, plain, paths);
  await install('990.4.2');
  assert.equal(await versionNow(runtime), '990.4.2');
  await install('991.0.0');
  await assert.rejects(versionNow(runtime), { code: 'SLIP_RUNTIME_CHANGED', message: /only 990 may take its place/ });
});

test('what was removed, or works no more, is said to be so', async t => {
  const { install, path, release, resolve, versionNow, paths } = await setUp(t);
  await install('990.1.0');
  const { runtime } = await resolve(release, plain, paths);
  await rm(path);
  await assert.rejects(versionNow(runtime), {
    code: 'SLIP_RUNTIME_REMOVED',
    message: new RegExp(`^cannot run with ${path}, which was node 990.1.0 .*: it does not exist; install it again`),
  });
  await install('990.1.0', 'echo libnode is missing >&2; exit 127');
  await assert.rejects(versionNow(runtime), { code: 'SLIP_RUNTIME_REMOVED', message: /libnode is missing/ });
});

test('a pinned one outlives the host’s, and nothing is left of a copy that was not finished', async t => {
  const { home, path, release, resolve, versionNow, collect } = await setUp(t);
  await mkdir(dirname(path), { recursive: true });
  await copyFile(process.execPath, path);
  const request = { ...plain, pinRuntime: true, runtime: { name: 'node', range: process.versions.node } };
  const { runtime, launch } = await resolve(release, request, { node: [path] });
  assert.equal(launch.argv[0], runtime.path);
  await rm(join(home, 'host'), { recursive: true });
  assert.equal(await answerOf(t, launch), runtime.path);
  assert.equal(await versionNow(runtime), process.versions.node);

  // As if killed between copying and renaming.
  await mkdir(join(home, 'runtimes/try-0123456789abcdef/bin'), { recursive: true });
  await collect(new Set([runtime.pinned ?? '']));
  assert.deepEqual(await readdir(join(home, 'runtimes')), [runtime.pinned]);
});

test('what would not be independent of the host is not pinned', async t => {
  const { home, install, release, resolve } = await setUp(t);
  const wrapper = join(home, 'host/bin/node');
  // What it says that it is decides what is copied; so this says that it is itself, but not when it is proved.
  await install('990.1.0', `case $0 in ${wrapper}) printf '%s\\n' v990.1.0 $0;; *) echo /usr/lib/node;; esac`);
  const request = { ...plain, pinRuntime: true };
  await assert.rejects(resolve(release, request, { node: [wrapper] }), {
    code: 'SLIP_RUNTIME_UNPINNABLE',
    message: /its copy would still use \/usr\/lib\/node/,
  });
  assert.deepEqual(await readdir(join(home, 'runtimes')), []);
  await assert.rejects(resolve(release, request, { node: [wrapper] }, AbortSignal.abort(new Error('no'))), {
    message: 'no',
  });
});
