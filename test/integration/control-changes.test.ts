/** Changes that meet other changes, or come while what they are about is on its way somewhere else. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { socketPath } from '../../src/router-link/socket-path.ts';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';

const quick = { initial: '20ms', max: '200ms' };
const params = { name: 'app' };

function app(change: Record<string, unknown> = {}) {
  return {
    package: appPackage,
    route: { path: '/' },
    stop: { grace: '2s', drain: '2s' },
    rollout: { minReady: '0s' },
    ...change,
  };
}

/** Requests that the router has under way. */
async function inFlight(host: TestHost): Promise<number> {
  const asked = get({ socketPath: socketPath(host.home, 'slipway.sock'), path: '/metrics' });
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return Number(/^slipway_router_in_flight\{service="app"\} (\d+)$/m.exec(await text(response))?.[1] ?? 0);
}

/** A package behind a URL whose answer waits until it is let go. */
async function heldPackage(t: TestContext) {
  const content = execFileSync('tar', ['czf', '-', '-C', appPackage, '.']);
  const waiting: ServerResponse[] = [];
  const server = createServer((_request, response) => waiting.push(response)).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const sha256 = createHash('sha256').update(content).digest('hex');
  return {
    package: { url: `http://127.0.0.1:${port}/app.tgz`, sha256 },
    asked: () => eventually('the package to be asked for', () => waiting.length > 0),
    letGo: () => {
      for (const response of waiting) response.end(content);
    },
  };
}

describe('a change', { concurrency: 1 }, () => {
  it('that starts again what is being stopped neither blames it nor waits', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app({ restart: { policy: 'never' } }) });
    await host.ready('app');
    const slow = host.request('/slow?ms=800').catch(() => undefined);
    await host.client.call('POST /v1/services/:name/stop', { params, body: {} });
    await host.client.call('POST /v1/services/:name/start', { params, body: {} });
    await slow;
    const { instances } = await host.until('app', 'up again', ({ instances: [one] }) => {
      return one?.state === 'failed' || (one?.state === 'ready' && (one.uptime ?? 0) < 5000);
    });
    assert.equal(instances[0]?.state, 'ready');
    assert.equal(instances[0]?.restarts, 0);
  });

  it('of one instance of a stopped service leaves the others stopped', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app({ instances: 3 }) });
    await host.ready('app');
    await host.client.call('POST /v1/services/:name/stop', { params, body: {} });
    await host.until('app', 'stopped', ({ state }) => state === 'stopped');
    await host.client.call('POST /v1/services/:name/restart', { params, body: { index: 1 } });
    const { wanted } = await host.until('app', 'one up', ({ ready }) => ready === 1);
    assert.equal(wanted, 1);
  });

  it('that adds again what is being removed is not lost, however often', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const services = {
      app: app({ instances: 2, stop: { grace: '1s', drain: '0s' } }),
      other: app({ route: { path: '/other' } }),
    };
    await host.apply(services);
    await host.ready('app');
    for (let turn = 0; turn < 3; turn += 1) {
      await host.apply({ other: services.other });
      await new Promise(resolve => setTimeout(resolve, turn * 20));
      await host.apply(services);
    }
    const { ready } = await host.until('app', 'ready again', one => one.ready === 2 && one.instances.length === 2);
    assert.equal(ready, 2);
    assert.equal(await eventually('no more processes', () => host.instanceProcesses().length === 3), true);
  });

  it('of a service that is being removed is refused, and its state file does not come back', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const other = app({ route: { path: '/other' } });
    await host.apply({ app: app({ env: { IGNORE_TERM: '1' }, stop: { grace: '1s', drain: '0s' } }), other });
    await host.ready('app');
    await host.client.call('POST /v1/services/:name/deploy', { params, body: { package: appPackage } });
    await host.apply({ other });
    for (const verb of ['start', 'restart'] as const) {
      await assert.rejects(host.client.call(`POST /v1/services/:name/${verb}`, { params, body: {} }), {
        code: 'SLIP_SERVICE_UNKNOWN',
      });
    }
    await eventually('the service to be gone', async () => {
      return (await host.client.call('GET /v1/services', {})).services.length === 1;
    });
    await new Promise(resolve => setImmediate(resolve));
    assert.deepEqual(await readdir(join(host.home, 'services')), ['other.json']);
  });

  it('by deploy to a service that vanishes meanwhile is refused', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const other = app({ route: { path: '/other' } });
    await host.apply({ app: app(), other });
    await host.ready('app');
    const held = await heldPackage(t);
    const deploy = host.client.call('POST /v1/services/:name/deploy', { params, body: { package: held.package } });
    const refused = assert.rejects(deploy, { code: 'SLIP_SERVICE_UNKNOWN' });
    await held.asked();
    await host.apply({ other });
    await eventually('the service to be gone', async () => {
      return (await host.client.call('GET /v1/services', {})).services.length === 1;
    });
    held.letGo();
    await refused;
    assert.deepEqual(await readdir(join(host.home, 'services')), ['other.json']);
  });

  it('by the configuration that meets a deploy: both count', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const held = await heldPackage(t);
    const other = app({ route: { path: '/other' } });
    await host.apply({ app: app(), other });
    await host.ready('app');
    // The configuration waits for the package of the other service, while the deploy overtakes it.
    const applied = host.apply({ app: app({ env: { VERSION: 'new' } }), other: { ...other, package: held.package } });
    await held.asked();
    const packed = join(host.home, 'next.tgz');
    execFileSync('sh', [
      '-c',
      `cp -r "$0" "$1" && echo next > "$1/next" && tar czf "$2" -C "$1" .`,
      appPackage,
      `${packed}.d`,
      packed,
    ]);
    await host.client.call('POST /v1/services/:name/deploy', { params, body: { package: packed } });
    held.letGo();
    await applied;
    const { release } = await host.until('app', 'rolled out', ({ rollout }) => rollout?.state === 'succeeded');
    assert.equal(release, createHash('sha256').update(readFileSync(packed)).digest('hex'));
    assert.equal((await host.ask('/')).version, 'new');
  });

  it('under way when all is stopped starts nothing any more', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app() });
    await host.ready('app');
    const held = await heldPackage(t);
    // By the watch, which no client waits for.
    await host.write({ app: app(), late: app({ route: { path: '/late' }, package: held.package }) });
    await held.asked();
    const { daemon } = host;
    const down = host.client.call('POST /v1/down', { body: { hurry: false } });
    await eventually('the stop to be over', () => host.instanceProcesses().length === 0);
    held.letGo();
    await down;
    await eventually('the daemon to end', () => daemon.exitCode !== null);
    assert.deepEqual(host.processes(), []);
    // The home is left as it should be found.
    await host.start();
  });
});

describe('a daemon that lets go', { concurrency: 1 }, () => {
  it('ends at once, also while an instance waits for its next try', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const restart = { backoff: { initial: '20s', max: '20s' }, giveUpAfter: false };
    await host.apply({ app: app({ env: { EXIT_WITH: 1 }, restart }) });
    await host.until('app', 'in backoff', ({ instances: [one] }) => one?.state === 'backoff');
    const began = performance.now();
    await host.kill('SIGTERM');
    assert.ok(performance.now() - began < 5000, 'it had nothing to wait for');
  });

  it('while requests are drained leaves that to the next', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app({ instances: 2, stop: { drain: '20s', grace: '1s' } }) });
    await host.ready('app');
    // One for each instance, as they take turns.
    const slow = [host.request('/slow?ms=3000'), host.request('/slow?ms=3000')];
    await eventually('both under way', async () => (await inFlight(host)) === 2);
    await host.client.call('POST /v1/services/:name/scale', { params, body: { instances: 1 } });
    await host.until('app', 'draining', ({ instances }) => instances.some(one => one.state === 'draining'));
    await host.kill();
    await host.start();
    for (const { status } of await Promise.all(slow)) assert.equal(status, 200);
    await host.until('app', 'scaled', ({ instances }) => instances.length === 1);
  });

  it('has too few descriptors to find its instances: it says so and costs none', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: { package: appPackage, command: ['/bin/sleep', '1000'], port: false, instances: 60 } });
    const before = (await host.ready('app')).instances.map(one => one.pid);
    await host.kill();
    const bin = fileURLToPath(new URL('../../bin/slipway', import.meta.url));
    const poor = spawn('sh', [
      '-c',
      'ulimit -n 64; exec "$@"',
      'sh',
      process.execPath,
      bin,
      '--home',
      host.home,
      'daemon',
    ]);
    let output = '';
    for (const stream of [poor.stdout, poor.stderr]) stream.on('data', data => (output += data));
    const timer = setTimeout(() => poor.kill('SIGKILL'), 8000);
    await once(poor, 'exit');
    clearTimeout(timer);
    assert.match(output, /EMFILE/);
    await host.start();
    const after = await host.ready('app');
    assert.deepEqual(
      after.instances.map(one => one.pid),
      before,
    );
  });
});

describe('a rollout', { concurrency: 1 }, () => {
  it('is not out of time while the old instances drain', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const rollout = { minReady: '0s', timeout: '1500ms' };
    await host.apply({ app: app({ rollout, stop: { drain: '20s', grace: '1s' } }) });
    await host.ready('app');
    const slow = host.request('/slow?ms=4000');
    await eventually('it is under way', async () => (await inFlight(host)) === 1);
    await host.client.call('POST /v1/services/:name/deploy', { params, body: { package: appPackage } });
    const { rollout: over } = await host.until('app', 'over', one => {
      return one.rollout?.state === 'succeeded' || one.rollout?.state === 'failed';
    });
    assert.deepEqual([over?.state, over?.reason], ['succeeded', undefined]);
    assert.equal((await slow).status, 200);
  });

  it('that is reverted comes to an end though the old revision is broken too', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const marker = join(host.home, 'broken');
    const command = ['/bin/sh', '-c', `test ! -e ${marker} || exit 7; exec sleep 1000`];
    const restart = { backoff: quick, giveUpAfter: { restarts: 3, within: '1m' } };
    // Without a probe, and without a port, it would be ready for the moment that it lives.
    const probes = { readiness: { exec: ['/bin/sh', '-c', `test ! -e ${marker}`], period: '100ms' } };
    // The marker is in Slipway's home, which isolated instances can't see.
    const isolation = { level: 'none' };
    await host.apply({ app: { package: appPackage, command, port: false, probes, instances: 2, restart, isolation } });
    await host.ready('app');
    writeFileSync(marker, '');
    for (const { pid } of (await host.service('app')).instances) process.kill(pid ?? 0, 'SIGKILL');
    await host.until('app', 'given up', ({ state }) => state === 'failed');
    await host.client.call('POST /v1/services/:name/deploy', { params, body: { package: appPackage } });
    const { services } = await host.client.call('GET /v1/settled', { query: { service: 'app', timeout: 20_000 } });
    assert.equal(services[0]?.rollout?.state, 'failed');
    assert.equal(services[0]?.revision, 1);
  });
});

describe('a full disk', { concurrency: 1, skip: process.getuid?.() !== 0 && 'only root may mount a small one' }, () => {
  it('makes the end of a rollout wait, without a storm of tries, and nothing else', async t => {
    const host = await TestHost.create(t);
    const services = join(host.home, 'services');
    mkdirSync(services);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', services]);
    let mounted = true;
    const unmount = () => {
      if (mounted) execFileSync('umount', ['-l', services]);
      mounted = false;
    };
    t.after(unmount);
    await host.start();
    await host.apply({ app: app() });
    await host.ready('app');
    await host.client.call('POST /v1/services/:name/deploy', { params, body: { package: appPackage } });
    const filler = join(services, 'filler');
    try {
      writeFileSync(filler, Buffer.alloc(1024 * 1024));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
    await host.until('app', 'stuck', one => one.rollout?.state === 'rolling' && one.instances.length === 1);
    const events = join(host.home, 'events.ndjson');
    const count = () => readFileSync(events, 'utf8').split('internal-error').length - 1;
    await eventually('two tries', () => count() >= 2);
    const before = count();
    await new Promise(resolve => setTimeout(resolve, 2500));
    assert.ok(count() - before <= 3, `${count() - before} tries in 2.5 s`);
    assert.equal((await host.ask('/')).revision, 2);
    rmSync(filler);
    await host.until('app', 'over', one => one.rollout?.state === 'succeeded');
    unmount();
  });
});

describe('the configuration that is followed', { concurrency: 1 }, () => {
  async function problem(host: TestHost): Promise<string | undefined> {
    return (await host.client.call('GET /v1/host', {})).config?.problem;
  }

  it('has no problem any more once it is put back as it was', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app() });
    await host.ready('app');
    const text = await readFile(host.config, 'utf8');
    writeFileSync(host.config, 'services: [');
    await eventually('the problem', () => problem(host));
    writeFileSync(host.config, text);
    await eventually('no problem', async () => (await problem(host)) === undefined, 5000);
  });

  it('may be replaced, removed and written again, and edited in haste', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app() });
    await host.ready('app');
    const replace = async (instances: number) => {
      const { config } = host;
      await host.write({ app: app({ instances }) });
      renameSync(config, `${config}.new`);
      return () => renameSync(`${config}.new`, config);
    };
    for (const instances of [2, 3, 1]) {
      const put = await replace(instances);
      put();
      await host.until('app', `${instances} by rename`, one => one.wanted === instances, 8000);
    }
    unlinkSync(host.config);
    await new Promise(resolve => setTimeout(resolve, 500));
    assert.equal((await host.service('app')).wanted, 1);
    await host.write({ app: app({ instances: 2 }) });
    await host.until('app', 'written again', one => one.wanted === 2, 8000);
    for (const instances of [1, 2, 3, 2, 1, 4]) await host.write({ app: app({ instances }) });
    await host.until('app', 'the last edit', one => one.wanted === 4, 8000);
  });

  it('may be a link into a folder that is swapped under it', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const mount = join(host.home, 'mount');
    const publish = async (version: number, instances: number) => {
      await host.write({ app: app({ instances }) });
      const folder = join(mount, `..v${version}`);
      mkdirSync(folder, { recursive: true });
      renameSync(host.config, join(folder, 'slipway.yaml'));
      symlinkSync(`..v${version}`, join(mount, '..data.new'));
      renameSync(join(mount, '..data.new'), join(mount, '..data'));
      if (version > 1) rmSync(join(mount, `..v${version - 1}`), { recursive: true });
    };
    await publish(1, 1);
    symlinkSync('..data/slipway.yaml', join(mount, 'slipway.yaml'));
    await host.client.call('POST /v1/config', { body: { path: join(mount, 'slipway.yaml') } });
    for (const version of [2, 3, 4]) {
      await publish(version, version);
      await host.until('app', `version ${version}`, one => one.wanted === version, 12_000);
    }
  });
});
