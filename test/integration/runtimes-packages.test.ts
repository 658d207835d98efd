/** Real npm and pip on packages whose dependencies are in the release itself, so that no registry is needed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createRuntimes } from '../../src/runtimes/runtimes.ts';
import { type Files, fileRelease, treeRelease, zipOf } from '../helpers/releases.ts';
import { answerOf } from '../helpers/run-plan.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const installed = (name: string) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
const withoutNpm = installed('npm') ? false : 'npm is not installed here';
const withoutPython = installed('python3') ? false : 'python3 is not installed here';
const plain = { args: [], runtimeArgs: [] };
const fixture = (name: string) => readFile(new URL(`../fixtures/runtimes/${name}`, import.meta.url), 'utf8');

async function setUp(t: TestContext) {
  const home = await tempDir(t);
  return {
    home,
    ...createRuntimes({
      preparedDir: (digest, key) => join(home, digest, key),
      pinnedDir: join(home, 'runtimes'),
    }),
  };
}

const greet: Files = {
  'vendor/greet/package.json': '{"name":"greet","version":"1.0.0","scripts":{"postinstall":"touch ran"}}',
  'vendor/greet/index.js': 'module.exports = "hello from greet";',
};
const shop = { name: 'shop', version: '1.0.0', dependencies: { greet: 'file:vendor/greet' } };
const app =
  'const { createServer } = require("node:http"); const greet = require("greet");' +
  'createServer((_, r) => r.end(greet)).listen(process.env.PORT, "127.0.0.1");';
const lock = {
  name: 'shop',
  version: '1.0.0',
  lockfileVersion: 3,
  packages: {
    '': shop,
    'node_modules/greet': { resolved: 'vendor/greet', link: true },
    'vendor/greet': { version: '1.0.0', hasInstallScript: true },
  },
};

test('dependencies with a lock file are installed beside the release by npm ci', { skip: withoutNpm }, async t => {
  const release = await treeRelease(t, {
    ...greet,
    'package.json': JSON.stringify(shop),
    'package-lock.json': JSON.stringify(lock),
    'index.js': app,
  });
  const { resolve, home } = await setUp(t);
  const { launch, runtime } = await resolve(release, plain, {});
  assert.equal(await answerOf(t, launch), 'hello from greet');
  assert((await readdir(home, { recursive: true })).some(name => name.endsWith('/prepare.log')));
  assert(launch.cwd.startsWith(join(home, release.digest, `node-${runtime.version}-`)));
  assert(!(await readdir(release.root)).includes('node_modules'), 'the release is as it was');
  await assert.rejects(access(join(launch.cwd, 'vendor/greet/ran')), 'install scripts do not run');
  assert.deepEqual((await resolve(release, plain, {})).launch, launch);
});

test('dependencies without a lock file are resolved once, and the lock is kept', { skip: withoutNpm }, async t => {
  const manifest = { ...shop, devDependencies: { 'no-such-package-of-anybody': '0.0.0' } };
  const release = await treeRelease(t, { ...greet, 'package.json': JSON.stringify(manifest), 'index.js': app });
  const { resolve } = await setUp(t);
  const { launch } = await resolve(release, plain, {});
  assert.equal(await answerOf(t, launch), 'hello from greet');
  assert.match(await readFile(join(launch.cwd, 'package-lock.json'), 'utf8'), /"node_modules\/greet"/);
});

test('bundled dependencies are used as they are', async t => {
  const release = await treeRelease(t, {
    'package.json': JSON.stringify({ ...shop, dependencies: { greet: '^1.0.0', '@a/b': '*' } }),
    'node_modules/greet/index.js': 'module.exports = "bundled";',
    'node_modules/@a/b/index.js': '',
    'index.js': app,
  });
  const { launch } = await (await setUp(t)).resolve(release, plain, {});
  assert.equal(launch.cwd, release.root);
  assert.equal(await answerOf(t, launch), 'bundled');
});

test('versions that are pinned in a way that npm does not read are no reason to install others', async t => {
  const release = await treeRelease(t, { 'package.json': JSON.stringify(shop), 'pnpm-lock.yaml': '', 'index.js': app });
  await assert.rejects((await setUp(t)).resolve(release, plain, {}), {
    code: 'SLIP_PREPARE_FAILED',
    message: /pinned by pnpm-lock\.yaml/,
  });
});

test('what npm says is shown when it fails', { skip: withoutNpm }, async t => {
  const release = await treeRelease(t, {
    'package.json': JSON.stringify(shop),
    'package-lock.json': JSON.stringify({ ...lock, packages: { '': { name: 'shop' } } }),
    'index.js': app,
  });
  await assert.rejects((await setUp(t)).resolve(release, plain, {}), (error: { code?: string; details?: string[] }) => {
    assert.equal(error.code, 'SLIP_PREPARE_FAILED');
    assert.match(error.details?.join('\n') ?? '', /npm (error|ERR!).*in sync/s);
    return true;
  });
});

/** Builds a wheel of `demo.py` with a script of its own, without setuptools. */
const backend = `
import zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(folder + "/" + name, "w") as wheel:
        wheel.write("demo.py")
        wheel.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n")
        wheel.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("demo-1.0.dist-info/entry_points.txt", "[console_scripts]\\nserve = demo:main\\n")
        wheel.writestr("demo-1.0.dist-info/RECORD", "")
    return name
`;

test('a project is built and installed into an environment of its own', { skip: withoutPython }, async t => {
  const release = await treeRelease(t, {
    'pyproject.toml':
      '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n' +
      '[project]\nname = "demo"\nversion = "1.0"\nrequires-python = ">=3.8"\n[project.scripts]\nserve = "demo:main"\n',
    'backend.py': backend,
    'demo.py': await fixture('server.py'),
  });
  const { resolve, home } = await setUp(t);
  const { launch } = await resolve(release, plain, {});
  const { prefix } = JSON.parse(await answerOf(t, launch)) as { prefix: string };
  assert(prefix.startsWith(home));
  assert.equal(launch.env['VIRTUAL_ENV'], prefix);
  assert.deepEqual((await readdir(release.root)).sort(), ['backend.py', 'demo.py', 'pyproject.toml']);
});

test('a command of a Python release finds what was installed for it', { skip: withoutPython }, async t => {
  const wheel = zipOf({
    'tool.py': 'def main(): pass\n',
    'tool-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n\n',
    'tool-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    'tool-1.0.dist-info/entry_points.txt': '[console_scripts]\na-tool = tool:main\nb-tool = tool:main\n',
    'tool-1.0.dist-info/RECORD': '',
  });
  const release = await fileRelease(t, 'wheel', 'x', wheel);
  const { resolve } = await setUp(t);
  await assert.rejects(resolve(release, plain, {}), { code: 'SLIP_ENTRY_MISSING', message: /a-tool, b-tool/ });
  const request = { command: ['b-tool', '$PORT'], args: [], runtimeArgs: ['-B'], runtime: { name: 'python' } };
  const { launch } = await resolve(release, request, {});
  const bin = join(launch.env['VIRTUAL_ENV'] ?? '', 'bin');
  assert.deepEqual(launch.argv, [join(bin, 'python'), '-B', join(bin, 'b-tool'), '$PORT']);
});

test('a release that asks for a Python that is not here is refused, with all that is', {
  skip: withoutPython,
}, async t => {
  const release = await treeRelease(t, {
    'pyproject.toml': '[project]\nname = "demo"\nrequires-python = "==2.1.*"\n',
  });
  await assert.rejects(
    (await setUp(t)).resolve(release, plain, {}),
    (error: { code?: string; message?: string; details?: string[] }) => {
      assert.equal(error.code, 'SLIP_RUNTIME_MISSING');
      assert.match(error.message ?? '', /needs python ==2\.1\.\* \(asked for by its pyproject\.toml\)/);
      assert.match(error.details?.join('\n') ?? '', /python 3\.\d+\.\d+ at \/.* \(found by /);
      return true;
    },
  );
});
