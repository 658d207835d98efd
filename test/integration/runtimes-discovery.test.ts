/** Discovery on a host that the test makes up of small scripts, which answer as the real executables do. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createRuntimes } from '../../src/runtimes/runtimes.ts';
import { treeRelease } from '../helpers/releases.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const plain = { args: [], runtimeArgs: [] };

async function setUp(t: TestContext, versionLimit = 60_000) {
  const home = await tempDir(t);
  const asked = join(home, 'asked');
  const node = async (folder: string, version: string, body = `printf '%s\\n' v${version} "$0"`) => {
    const path = join(home, folder, 'node');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `#!/bin/sh\necho ${version} >> ${asked}\n${body}\n`);
    await chmod(path, 0o755);
    return path;
  };
  // Nothing of the real host's but what the standard folders have.
  const env = { PATH: join(home, 'path') };
  const runtimes = createRuntimes({
    preparedDir: () => join(home, 'prepared'),
    pinnedDir: join(home, 'runtimes'),
    env,
    home,
    versionLimit,
  });
  const release = await treeRelease(t, { 'package.json': '{"engines":{"node":">=90"}}', 'index.js': '' });
  return { home, asked, node, release, ...runtimes };
}

test('the newest that fits is chosen, wherever it was found', async t => {
  const { node, release, resolve } = await setUp(t);
  await node('path', '90.1.0');
  const newest = await node('.nvm/versions/node/v92.0.0/bin', '92.0.0');
  await node('.nvm/versions/node/v91.9.9/bin', '91.9.9');
  const configured = await node('opt/node-91/bin', '91.10.0');
  const preview = await node('preview', '93.0.0-rc.1');

  const choose = async (range?: string, paths: string[] = []) => {
    const request = range === undefined ? plain : { ...plain, runtime: { name: 'node', range } };
    return (await resolve(release, request, { node: paths })).runtime;
  };
  const { identity: _, accepts, ...chosen } = await choose();
  assert.deepEqual(chosen, { name: 'node', version: '92.0.0', path: newest });
  assert.deepEqual(accepts, { text: '>=90', dialect: 'npm' });
  assert.equal((await choose('91')).version, '91.9.9');
  assert.equal((await choose('91', [dirname(dirname(configured))])).path, configured, 'a folder with bin/ in it');
  assert.equal((await choose('91', [dirname(configured)])).path, configured, 'a folder');
  assert.equal((await choose('91', [configured])).path, configured, 'the executable');
  assert.equal((await choose('>=92', [preview])).version, '92.0.0', 'no pre-release where a release fits');
  assert.equal((await choose('93', [preview])).version, '93.0.0-rc.1');
});

test('what asks for too much is told all that the host has, and why the rest is of no use', async t => {
  const { home, node, release, resolve } = await setUp(t);
  await node('path', '80.0.0');
  const broken = await node('.nvm/versions/node/v95.0.0/bin', '95.0.0', 'echo library missing >&2; exit 1');
  await assert.rejects(
    resolve(release, plain, { node: [join(home, 'gone'), home] }),
    (error: { code?: string; message?: string; details?: string[] }) => {
      assert.equal(error.code, 'SLIP_RUNTIME_MISSING');
      assert.match(error.message ?? '', /needs node >=90 \(asked for by engines\.node of its package\.json\)/);
      const details = error.details?.join('\n') ?? '';
      assert(details.includes(`node 80.0.0 at ${join(home, 'path/node')} (found by PATH)`), details);
      assert(details.includes(`${broken} (found by nvm) is of no use: asked for its version, it exited 1`), details);
      assert(
        details.includes(`${join(home, 'gone')} (found by configuration) is of no use: it does not exist`),
        details,
      );
      assert(details.includes(`${home} (found by configuration) is of no use: there is no such executable`), details);
      return true;
    },
  );
});

test('an executable that does not answer is passed over', async t => {
  const { node, release, resolve } = await setUp(t, 200);
  const hung = await node('.nvm/versions/node/v96.0.0/bin', '96.0.0', 'sleep 60 & wait');
  await assert.rejects(resolve(release, plain, {}), (error: { code?: string; details?: string[] }) => {
    assert.equal(error.code, 'SLIP_RUNTIME_MISSING');
    const line = `${hung} (found by nvm) is of no use: it did not say its version within 200 ms`;
    assert(error.details?.includes(line), error.details?.join('\n'));
    return true;
  });
});

test('an executable is asked once, and again when it was replaced; a link to it is not another one', async t => {
  const { asked, home, node, release, resolve } = await setUp(t);
  const path = await node('path', '91.0.0');
  await symlink(path, join(home, 'path/nodejs'));
  const version = async () => (await resolve(release, plain, {})).runtime.version;
  const questions = async () => (await readFile(asked, 'utf8')).trim().split('\n');
  assert.deepEqual([await version(), await version()], ['91.0.0', '91.0.0']);
  assert.deepEqual(await questions(), ['91.0.0']);
  await rm(path);
  await node('path', '91.0.11');
  assert.equal(await version(), '91.0.11');
  assert.deepEqual(await questions(), ['91.0.0', '91.0.11']);
});

test('a wrapper that leads elsewhere is asked each time, and what it leads to is recorded', async t => {
  const { home, node, release, resolve } = await setUp(t);
  const real = await node('real', '91.0.0');
  await node('path', 'wrapper', `exec $(cat ${join(home, 'target')})`);
  await writeFile(join(home, 'target'), real);
  const { version, path } = (await resolve(release, plain, {})).runtime;
  assert.deepEqual([version, path], ['91.0.0', real]);
  const newer = await node('newer', '92.0.0');
  await writeFile(join(home, 'target'), newer);
  assert.equal((await resolve(release, plain, {})).runtime.path, newer);
});

test('a release that is of no kind is refused with what was looked for', async t => {
  const { resolve } = await setUp(t);
  const release = await treeRelease(t, { 'README.md': 'x' });
  await assert.rejects(resolve(release, plain, {}), (error: { code?: string; details?: string[] }) => {
    assert.equal(error.code, 'SLIP_RUNTIME_UNKNOWN');
    const kinds = error.details?.map(line => line.split(' looks for ')[0]);
    assert.deepEqual(kinds, ['node', 'java', 'python', 'exec']);
    return true;
  });
  await assert.rejects(resolve(release, { ...plain, runtime: { name: 'ruby' } }, {}), {
    code: 'SLIP_RUNTIME_UNKNOWN',
    message: /"ruby": the runtimes are node, java, python, exec/,
  });
  await assert.rejects(resolve(release, { ...plain, runtime: { name: 'node', range: 'lts' } }, {}), {
    code: 'SLIP_CONFIG_INVALID',
  });
});

test('a command without a runtime needs none, and says so in the record', async t => {
  const { resolve } = await setUp(t);
  const release = await treeRelease(t, { 'package.json': '{"engines":{"node":">=999"}}', run: '#!/bin/sh\n' });
  const { runtime, launch } = await resolve(release, { command: ['run'], args: ['x'], runtimeArgs: [] }, {});
  assert.deepEqual(runtime, { name: 'command', version: '', path: join(release.root, 'run') });
  assert.deepEqual(launch.argv, [join(release.root, 'run'), 'x']);
});
