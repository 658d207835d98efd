import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { access, constants, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runtimeNames } from '../../src/config/runtime-names.ts';
import type { Release, RuntimeChoice } from '../../src/domain/revision.ts';
import { compareVersions, parseVersion } from '../../src/domain/version-range.ts';
import type { RunRequest } from '../../src/runtimes/contract.ts';
import { createRuntimeList, createRuntimes } from '../../src/runtimes/runtimes.ts';
import { fileRelease, treeRelease, zipOf } from '../helpers/releases.ts';
import { answerOf } from '../helpers/run-plan.ts';
import { tempDir } from '../helpers/temp-dir.ts';

type Make = (t: TestContext) => Promise<Release>;

/** What the suite needs to know of one runtime. */
interface Subject {
  readonly runtime: string;
  /** Programs without which nothing of it can be tried here. */
  readonly needs: readonly string[];
  /** Releases of its kind, each a server that answers with its arguments and flags. */
  readonly servers: Readonly<Record<string, Make>>;
  /** A flag for the runtime itself; none where it takes none. */
  readonly flag: string | undefined;
  /** Of its kind, but with nothing to run. */
  readonly broken: Make;
}

const fixtures = new URL('../fixtures/runtimes/', import.meta.url);
const fixture = (name: string) => readFile(new URL(name, fixtures), 'utf8');
const plainRequest: RunRequest = { args: [], runtimeArgs: [] };

let jarContent: Promise<Buffer> | undefined;
/** Compiled once for all tests. */
function serverJar(): Promise<Buffer> {
  jarContent ??= compile();
  return jarContent;
}

async function compile(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-test-'));
  try {
    const source = fileURLToPath(new URL('java/Server.java', fixtures));
    execFileSync('javac', ['--release', '11', '-d', folder, source], { stdio: 'pipe' });
    const files: Record<string, string | Buffer> = { 'META-INF/MANIFEST.MF': 'Main-Class: Server\r\n\r\n' };
    for (const name of await readdir(folder)) files[name] = await readFile(join(folder, name));
    return zipOf(files);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function wheelOf(module: string): Promise<Buffer> {
  return zipOf({
    'demo/__init__.py': '',
    'demo/server.py': module,
    'demo-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Python: >=3.7\n\n',
    'demo-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    'demo-1.0.dist-info/entry_points.txt': '[console_scripts]\ndemo = demo.server:main\nother = demo.server:main\n',
    'demo-1.0.dist-info/RECORD': '',
  });
}

const subjects: readonly Subject[] = [
  {
    runtime: 'node',
    needs: ['node'],
    flag: '--no-deprecation',
    servers: {
      'scripts.start': async t =>
        treeRelease(t, {
          'package.json': JSON.stringify({ scripts: { start: 'MODE=start node ./server.js' }, main: 'none.js' }),
          'server.js': await fixture('server.js'),
        }),
      bin: async t =>
        treeRelease(t, {
          'package.json': JSON.stringify({ name: '@x/shop', bin: { other: 'a.js', shop: './cli' } }),
          cli: `#!/usr/bin/env node\n${await fixture('server.js')}`,
        }),
      main: async t =>
        treeRelease(t, {
          'package.json': JSON.stringify({ main: './lib/app', scripts: { start: 'tsc && node x' } }),
          'lib/app.js': await fixture('server.js'),
        }),
      Procfile: async t =>
        treeRelease(t, {
          'package.json': '{}',
          Procfile: 'worker: node worker.js\nweb: node app.js\n',
          'app.js': await fixture('server.js'),
        }),
    },
    broken: t => treeRelease(t, { 'package.json': '{"main":"none.js"}' }),
  },
  {
    runtime: 'java',
    needs: ['java', 'javac'],
    flag: '-Dflag=on',
    servers: {
      jar: async t => fileRelease(t, 'jar', 'server.jar', await serverJar()),
      'a tree with one jar': async t => treeRelease(t, { 'server.jar': await serverJar(), 'notes.txt': 'x' }),
    },
    broken: t => fileRelease(t, 'jar', 'library.jar', zipOf({ 'META-INF/MANIFEST.MF': 'Manifest-Version: 1.0\n\n' })),
  },
  {
    runtime: 'python',
    needs: ['python3'],
    flag: '-O',
    servers: {
      pyz: async t => fileRelease(t, 'pyz', 'server.pyz', zipOf({ '__main__.py': await fixture('server.py') })),
      wheel: async t => fileRelease(t, 'wheel', 'upload-1', await wheelOf(await fixture('server.py'))),
      '__main__.py': async t => treeRelease(t, { '__main__.py': await fixture('server.py') }),
      'requirements.txt': async t =>
        treeRelease(t, { 'requirements.txt': '# none\n', 'app.py': await fixture('server.py') }),
    },
    broken: async t =>
      fileRelease(
        t,
        'wheel',
        'lib.whl',
        zipOf({
          'lib/__init__.py': '',
          'lib-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n\n',
          'lib-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
          'lib-1.0.dist-info/RECORD': '',
        }),
      ),
  },
  {
    runtime: 'exec',
    needs: ['node'],
    flag: undefined,
    servers: {
      binary: async t => fileRelease(t, 'binary', 'server', `#!${process.execPath}\n${await fixture('server.js')}`),
      'the one executable in bin/': async t =>
        treeRelease(t, { 'bin/server': `#!${process.execPath}\n${await fixture('server.js')}`, 'bin/notes': 'x' }),
      Procfile: async t =>
        treeRelease(t, {
          Procfile: 'web: MODE=web ./serve\n',
          serve: `#!${process.execPath}\n${await fixture('server.js')}`,
          another: '#!/bin/sh\n',
        }),
    },
    broken: t => treeRelease(t, { Procfile: 'worker: ./x\n' }),
  },
];

async function fingerprint(root: string): Promise<readonly string[]> {
  const names = await readdir(root, { recursive: true });
  const stats = await Promise.all(names.map(async name => `${name} ${(await stat(join(root, name))).mtimeMs}`));
  return stats.sort();
}

for (const subject of subjects) {
  const missing = subject.needs.filter(name => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  const skip = missing.length > 0 ? `${missing.join(', ')} not installed here` : false;

  describe(`the ${subject.runtime} runtime`, { skip }, () => {
    const runtimes = createRuntimeList();
    const runtime = runtimes.find(({ name }) => name === subject.runtime) ?? assert.fail('it is not in the list');

    const firstThatDetects = async (release: Release) => {
      for (const each of runtimes) if (await each.detects(release)) return each;
      return undefined;
    };

    const prepare = async (t: TestContext, release: Release) => {
      const [installed] = (await runtime.discover([])).installed;
      assert(installed, 'it is installed');
      return { release, installed, request: plainRequest, prepared: join(await tempDir(t), 'prepared') };
    };

    test('finds what is installed, newest first, by absolute path', async () => {
      const { installed } = await runtime.discover([]);
      assert(installed.length > 0);
      if (subject.runtime === 'exec') return;
      for (const { path } of installed) {
        assert(isAbsolute(path));
        await access(path, constants.X_OK);
      }
      const versions = installed.map(({ version }) => parseVersion(version) ?? assert.fail(version));
      assert.deepEqual(versions, versions.toSorted(compareVersions).reverse());
      assert.equal(new Set(installed.map(({ path }) => path)).size, installed.length);
    });

    for (const [kind, make] of Object.entries(subject.servers)) {
      test(`starts ${kind}, with flags before and arguments behind`, async t => {
        const release = await make(t);
        assert.equal(await firstThatDetects(release), runtime, 'no other takes it first');
        const before = await fingerprint(release.root);
        const base = await prepare(t, release);
        const runtimeArgs = subject.flag === undefined ? [] : [subject.flag];
        const order = { ...base, request: { args: ['--name', 'two words'], runtimeArgs } };
        const plan = await runtime.plan(order);

        assert(isAbsolute(plan.argv[0] ?? ''));
        assert((await stat(plan.cwd)).isDirectory());
        assert.match(plan.env['PATH'] ?? '', /(^|:)\/usr\/bin(:|$)/);
        const answer = JSON.parse(await answerOf(t, plan)) as { args: string[]; flags: string[] };
        assert.deepEqual(answer.args, ['--name', 'two words']);
        assert.deepEqual(answer.flags, runtimeArgs);

        assert.deepEqual(await runtime.plan(order), plan, 'a second plan is the same');
        assert.deepEqual(await fingerprint(release.root), before, 'the release is as it was');
      });
    }

    test('runs a command instead of the entry, found in the release before the PATH', async t => {
      const made = await treeRelease(t, { 'tools/run': '#!/bin/sh\n', cat: '#!/bin/sh\n' });
      const base = await prepare(t, made);
      const argvOf = async (...command: string[]) =>
        (await runtime.plan({ ...base, request: { command, args: ['last'], runtimeArgs: [] } })).argv;
      assert.deepEqual(await argvOf('tools/run', '${PORT}'), [join(made.root, 'tools/run'), '${PORT}', 'last']);
      assert.deepEqual(await argvOf('cat'), [join(made.root, 'cat'), 'last']);
      const [sh, ...rest] = await argvOf('sh', '-c', 'exit');
      assert(isAbsolute(sh ?? '') && sh?.endsWith('/sh'));
      assert.deepEqual(rest, ['-c', 'exit', 'last']);
      if (subject.runtime !== 'exec') {
        assert.equal((await argvOf(subject.runtime, 'x'))[0], base.installed.path, 'its own name is the chosen one');
      }
      for (const program of ['no-such-program', './none', '../../../bin/sh', '']) {
        await assert.rejects(argvOf(program), { code: 'SLIP_ENTRY_MISSING' }, program);
      }
    });

    test('refuses flags for a runtime that is not what it starts', async t => {
      const base = await prepare(t, await treeRelease(t, {}));
      const request = { command: ['sh'], args: [], runtimeArgs: ['-Xmx1m'] };
      await assert.rejects(runtime.plan({ ...base, request }), { code: 'SLIP_CONFIG_INVALID' });
    });

    test('says that there is nothing to run', async t => {
      const base = await prepare(t, await subject.broken(t));
      await assert.rejects(runtime.plan(base), { code: 'SLIP_ENTRY_MISSING', message: /^cannot run / });
    });

    test('runs on a copy of its own where it is pinned, the same for all', async t => {
      const home = await tempDir(t);
      const pinnedDir = join(home, 'runtimes');
      const runtimes = createRuntimes({ preparedDir: (digest, key) => join(home, digest, key), pinnedDir });
      const request = { ...plainRequest, pinRuntime: true };
      const made: RuntimeChoice[] = [];
      for (const make of Object.values(subject.servers)) {
        const resolution = runtimes.resolve(await make(t), request, {});
        if (subject.runtime === 'exec') {
          await assert.rejects(resolution, { code: 'SLIP_RUNTIME_UNPINNABLE', message: /leave out pinRuntime$/ });
          continue;
        }
        const { runtime, launch } = await resolution;
        made.push(runtime);
        assert(runtime.path.startsWith(`${join(pinnedDir, runtime.pinned ?? assert.fail())}/`), runtime.path);
        assert.equal((await stat(runtime.path)).mode & 0o777, 0o555);
        assert.equal((await stat(join(pinnedDir, runtime.pinned ?? ''))).mode & 0o777, 0o555);
        JSON.parse(await answerOf(t, launch));
        assert.equal(await runtimes.versionNow(runtime), runtime.version);
      }
      if (subject.runtime === 'exec') return;
      const [{ pinned, path } = assert.fail()] = made;
      assert.deepEqual(await readdir(pinnedDir), [pinned], 'one copy, and nothing that it was made from');
      await runtimes.collect(new Set([pinned ?? '']));
      await access(path);
      await runtimes.collect(new Set());
      assert.deepEqual(await readdir(pinnedDir), []);
      await assert.rejects(runtimes.versionNow(made[0] ?? assert.fail()), { code: 'SLIP_RUNTIME_REMOVED' });
    });

    test('is chosen for its releases, and recorded with version and path', async t => {
      const [make] = Object.values(subject.servers);
      const release = (await make?.(t)) ?? assert.fail();
      const home = await tempDir(t);
      const { resolve } = createRuntimes({
        preparedDir: (digest, key) => join(home, digest, key),
        pinnedDir: join(home, 'runtimes'),
      });
      const resolution = await resolve(release, plainRequest, {});
      assert.equal(resolution.runtime.name, subject.runtime);
      assert(isAbsolute(resolution.runtime.path));
      assert.equal(resolution.runtime.version === '', subject.runtime === 'exec');
      const impossible = { ...plainRequest, runtime: { name: subject.runtime, range: '>=999' } };
      await assert.rejects(
        resolve(release, impossible, {}),
        subject.runtime === 'exec'
          ? { code: 'SLIP_CONFIG_INVALID' }
          : { code: 'SLIP_RUNTIME_MISSING', message: />=999 \(asked for by the configuration\).*has only \d/ },
      );
      await assert.rejects(resolve(release, plainRequest, {}, AbortSignal.abort(new Error('no'))), { message: 'no' });
    });
  });
}

test('a configuration may name exactly the runtimes that there are', () => {
  assert.deepEqual(
    createRuntimeList().map(({ name }) => name),
    runtimeNames,
  );
});
