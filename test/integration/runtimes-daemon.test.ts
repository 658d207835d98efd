/** What a daemon does when the host's runtimes change under the services that it runs. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { chmod, copyFile, mkdir, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { sandboxSupport } from '../../src/processes/sandbox/support.ts';
import { appPackage, TestHost } from '../helpers/daemon.ts';

/** A host whose Node is a script that says what it is, and runs the real one. */
async function setUp(t: TestContext) {
  const host = await TestHost.create(t);
  const path = join(host.home, 'host/bin/node');
  const install = async (version: string) => {
    await mkdir(dirname(path), { recursive: true });
    const answer = `case $1 in -p) printf '%s\\n' v${version} "$0"; exit;; esac`;
    await writeFile(
      `${path}.new`,
      `#!/bin/sh\n# ${'x'.repeat(version.length * 3)}\n${answer}\nexec ${process.execPath} "$@"\n`,
    );
    await chmod(`${path}.new`, 0o755);
    await rename(`${path}.new`, path);
  };
  await host.start();
  return { host, path, install, runtimes: { runtimes: { node: [path] } } };
}

const events = async ({ client }: TestHost, kind: string) => {
  const found: string[] = [];
  for await (const event of client.stream('GET /v1/events', {}, AbortSignal.timeout(10_000))) {
    if (event.kind === kind) found.push(event.message);
  }
  return found;
};

test('a runtime that the host replaced within the range is used and reported, any other is refused', async t => {
  const { host, path, install, runtimes } = await setUp(t);
  await install('990.1.0');
  const greeter = {
    package: appPackage,
    runtime: 'node@990',
    restart: { backoff: { initial: '10ms', max: '10ms' }, giveUpAfter: { restarts: 2, within: '1m' } },
  };
  await host.apply({ greeter }, runtimes);
  const first = await host.ready('greeter');
  assert.equal(first.runtime, 'node 990.1.0');
  assert.equal(first.instances[0]?.note, undefined);

  await install('990.20.0');
  process.kill(first.instances[0]?.pid ?? 0, 'SIGKILL');
  const second = await host.until(
    'greeter',
    'on the new one',
    ({ state, instances }) => state === 'ready' && instances[0]?.pid !== first.instances[0]?.pid,
  );
  const note = 'runtime changed: node 990.1.0 → 990.20.0';
  assert.equal(second.instances[0]?.note, note);
  assert.deepEqual(await events(host, 'runtime-changed'), [`${note} at ${path}`]);
  await host.kill();
  await host.start();
  assert.equal((await host.ready('greeter')).instances[0]?.note, note, 'the next daemon knows');

  await install('991.300.0');
  process.kill(second.instances[0]?.pid ?? 0, 'SIGKILL');
  const refused = await host.until('greeter', 'given up', ({ state }) => state === 'failed');
  assert.match(refused.instances[0]?.reason ?? '', /it was node 990\.1\.0 when .* is node 991\.300\.0 now/);

  await host.apply({ greeter: { ...greeter, runtime: 'node' } }, runtimes);
  assert.equal((await host.ready('greeter')).runtime, 'node 991.300.0');
});

test('applying again accepts what the host has instead of a runtime that was removed', async t => {
  const { host, path, install, runtimes } = await setUp(t);
  await install('990.1.0');
  const greeter = { package: appPackage };
  await host.apply({ greeter }, runtimes);
  await host.ready('greeter');
  await rm(path);
  await host.write({ greeter }, { runtimes: {} });
  const planned = await host.client.call('POST /v1/config', { body: { path: host.config, dryRun: true } });
  const details = planned.changes.find(({ service }) => service === 'greeter')?.details ?? [];
  assert.match(details.join(), /^runtime: node 990\.1\.0 → node \d/);
  await host.apply();
  const service = await host.until('greeter', 'rolled out', ({ rollout }) => rollout?.state === 'succeeded');
  assert.notEqual(service.runtime, 'node 990.1.0');
  assert.equal(service.state, 'ready');
});

test('a rollback goes back to what its revision was accepted with', async t => {
  const { host, install, runtimes } = await setUp(t);
  await install('990.1.0');
  await host.apply({ greeter: { package: appPackage, env: { A: '1' } } }, runtimes);
  await host.ready('greeter');
  const newer = join(host.home, 'newer/bin/node');
  await mkdir(dirname(newer), { recursive: true });
  await writeFile(
    newer,
    `#!/bin/sh\ncase $1 in -p) printf '%s\\n' v995.0.0 "$0"; exit;; esac\nexec ${process.execPath} "$@"\n`,
    { mode: 0o755 },
  );
  await host.apply(
    { greeter: { package: appPackage, env: { A: '2' } } },
    {
      runtimes: { node: [...runtimes.runtimes.node, newer] },
    },
  );
  const forward = await host.until('greeter', 'rolled out', ({ rollout }) => rollout?.state === 'succeeded');
  assert.equal(forward.runtime, 'node 995.0.0');
  const back = await host.client.call('POST /v1/services/:name/rollback', { params: { name: 'greeter' }, body: {} });
  assert.equal(back.runtime, 'node 990.1.0');
  await host.until('greeter', 'back', service => service.revision === back.number && service.state === 'ready');
});

for (const level of ['none', 'standard', 'strict'] as const) {
  const able = level === 'none' ? true : sandboxSupport()[level];
  test(`a pinned runtime runs at level ${level} when the host’s is gone`, { skip: able !== true && able }, async t => {
    const { host, path } = await setUp(t);
    await mkdir(dirname(path), { recursive: true });
    await copyFile(process.execPath, path);
    const more = { runtimes: { node: [path] } };
    const greeter = {
      package: appPackage,
      runtime: `node@${process.versions.node}`,
      pinRuntime: true,
      isolation: { level },
    };
    await host.apply({ greeter }, more);
    const first = await host.ready('greeter');
    assert.equal(first.runtime, `node ${process.versions.node} (pinned)`);
    const [pinned] = readdirSync(join(host.home, 'runtimes'));
    await rm(path);
    process.kill(first.instances[0]?.pid ?? 0, 'SIGKILL');
    const { instances } = await host.until(
      'greeter',
      'running again',
      ({ state, instances }) => state === 'ready' && instances[0]?.pid !== first.instances[0]?.pid,
    );
    assert.equal(
      (await readlink(`/proc/${instances[0]?.pid}/exe`)).endsWith(`runtimes/${pinned}/bin/node`),
      true,
      'it is the copy that runs',
    );
  });
}
