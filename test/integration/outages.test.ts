/** Parts of Slipway die under load: what is asked for goes on being answered. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { routerFiles } from '../../src/router-link/files.ts';
import { readRecord } from '../../src/router-link/record.ts';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';
import { SteadyRequests } from '../helpers/steady-requests.ts';

const app = {
  package: appPackage,
  instances: 3,
  route: { path: '/' },
  restart: { backoff: { initial: '20ms', max: '100ms' } },
};

async function shop(t: Parameters<typeof TestHost.create>[0]): Promise<TestHost> {
  const host = await TestHost.create(t);
  await host.start();
  await host.apply({ app });
  await host.ready('app');
  return host;
}

/** Many at a time; each can have one request in flight when something dies, and so lose one. */
function load(host: TestHost, clients: number): { stop(): Promise<readonly string[]>; count(): number } {
  const all = Array.from({ length: clients }, () => new SteadyRequests(host.routerPort));
  return {
    stop: async () => (await Promise.all(all.map(one => one.stop()))).flat(),
    count: () => all.reduce((sum, one) => sum + one.count, 0),
  };
}

function routerOf({ routerPort }: TestHost, workers: number) {
  return { router: { listen: [`127.0.0.1:${routerPort}`], workers } };
}

function furtherOf({ home }: TestHost) {
  return readRecord(routerFiles(home).record)?.further ?? [];
}

async function progress(requests: { count(): number }, by = 100): Promise<void> {
  const from = requests.count();
  await eventually('requests to go on', () => requests.count() > from + by);
}

describe('under load', { concurrency: 1 }, () => {
  it('an instance that is killed costs no request but those in flight on it', async t => {
    const host = await shop(t);
    const clients = 4;
    const requests = load(host, clients);
    await progress(requests);
    const victim = await host.instance('app', 1);
    process.kill(victim.pid ?? 0, 'SIGKILL');
    await host.until(
      'app',
      'restarted',
      ({ instances }) => instances.every(one => one.state === 'ready') && instances.some(one => one.restarts === 1),
    );
    await progress(requests);
    const failures = await requests.stop();
    assert.ok(failures.length <= clients, failures.join('\n'));
    for (const failure of failures) assert.match(failure, /^502 |socket hang up|ECONNRESET/);
  });

  it('a router that is killed is back, and connections meanwhile wait instead of being refused', async t => {
    const host = await shop(t);
    const clients = 4;
    const requests = load(host, clients);
    await progress(requests);
    const { router } = await host.client.call('GET /v1/host', {});
    process.kill(router.pid ?? 0, 'SIGKILL');
    await progress(requests);
    const failures = await requests.stop();
    assert.ok(failures.length <= clients, failures.join('\n'));
    for (const failure of failures) assert.doesNotMatch(failure, /ECONNREFUSED|^[45]/);
    const next = await eventually('the next worker', async () => {
      const now = (await host.client.call('GET /v1/host', {})).router;
      return now.state === 'running' && now.pid !== router.pid ? now : undefined;
    });
    assert.deepEqual(next.listen, router.listen);
  });

  it('the number of router workers changes, services are deployed, and a worker dies: no other request fails', async t => {
    const host = await shop(t);
    const workers = async (count: number) => {
      await host.apply({ app: { ...app, env: { COUNT: count } } }, routerOf(host, count));
      await host.ready('app');
      await eventually(`${count} workers`, () => furtherOf(host).length === count - 1);
    };
    const requests = load(host, 4);
    for (const count of [3, 2, 1]) {
      await workers(count);
      await progress(requests);
    }
    assert.deepEqual(await requests.stop(), []);
    await workers(2);
    const again = load(host, 4);
    process.kill(furtherOf(host)[0]?.pid ?? 0, 'SIGKILL');
    await progress(again);
    for (const failure of await again.stop()) assert.doesNotMatch(failure, /ECONNREFUSED|^[45]/);
  });

  it('without a daemon a dead instance is passed over, and the router that dies too comes back', async t => {
    const host = await shop(t);
    const { router } = await host.client.call('GET /v1/host', {});
    const victim = await host.instance('app', 0);
    await host.kill();
    process.kill(victim.pid ?? 0, 'SIGKILL');
    const requests = new SteadyRequests(host.routerPort);
    await eventually('requests', () => requests.count > 20);
    process.kill(router.pid ?? 0, 'SIGKILL');
    const from = requests.count;
    await eventually('requests to go on', () => requests.count > from + 20);
    const failures = await requests.stop();
    assert.ok(failures.length <= 1, `only the one in flight on the router: ${failures.join('\n')}`);
    await host.start();
    const service = await host.ready('app');
    assert.equal(service.instances.length, 3);
  });

  it('a daemon that ends by SIGTERM leaves all running, and says so', async t => {
    const host = await shop(t);
    const before = (await host.service('app')).instances.map(one => one.pid);
    const requests = new SteadyRequests(host.routerPort);
    await host.kill('SIGTERM');
    assert.match(host.output, /instances and router run on/);
    await host.start();
    assert.deepEqual(await requests.stop(), []);
    assert.deepEqual(
      (await host.ready('app')).instances.map(one => one.pid),
      before,
    );
  });

  it('a daemon whose log nobody reads any more goes on', async t => {
    const host = await shop(t);
    host.daemon.stdout?.destroy();
    host.daemon.stderr?.destroy();
    for (const instances of [2, 3]) {
      const params = { name: 'app' };
      await host.client.call('POST /v1/services/:name/scale', { params, body: { instances } });
      await host.until(
        'app',
        `scaled to ${instances}`,
        one => one.ready === instances && one.instances.length === instances,
      );
    }
    assert.equal(host.daemon.exitCode, null);
  });

  it('another file does not remove the services of the one that is followed, unless told to', async t => {
    const host = await shop(t);
    const other = `${host.home}/other.yaml`;
    await writeFile(other, JSON.stringify({ router: { listen: [`127.0.0.1:${host.routerPort}`] }, services: {} }));
    await assert.rejects(host.client.call('POST /v1/config', { body: { path: other } }), {
      code: 'SLIP_CONFIG_OTHER',
      message: /this file is without app/,
    });
    assert.equal((await host.request('/')).status, 200);
    await host.client.call('POST /v1/config', { body: { path: other, replace: true } });
    await eventually('the service to be gone', async () => {
      return (await host.client.call('GET /v1/services', {})).services.length === 0;
    });
    assert.deepEqual(host.instanceProcesses(), []);
  });

  it('a second daemon on the same home is refused, and changes nothing', async t => {
    const host = await shop(t);
    const first = host.daemon;
    const second = await TestHost.beside(host);
    assert.notEqual(second.code, 0);
    assert.match(second.output, /cannot start a second daemon .*process \d+ owns it/);
    assert.match(second.output, /SLIP_DAEMON_RUNNING/);
    assert.equal(first.exitCode, null);
    assert.equal((await host.request('/')).status, 200);
  });

  it('a deploy that fails leaves the old revision serving, one that succeeds loses no request', async t => {
    const host = await shop(t);
    const requests = load(host, 3);
    const params = { name: 'app' };
    const broken = appPackage.replace(/app$/, 'broken');
    await host.client.call('POST /v1/services/:name/deploy', { params, body: { package: broken } });
    const failed = await host.until('app', 'reverted', ({ rollout }) => rollout?.state === 'failed');
    assert.match(failed.rollout?.reason ?? '', /exited 1/);
    assert.equal(failed.revision, 1);
    await host.client.call('POST /v1/services/:name/deploy', { params, body: { package: appPackage } });
    const done = await host.until('app', 'rolled out', ({ rollout }) => rollout?.state === 'succeeded');
    assert.equal(done.revision, 3);
    await host.client.call('POST /v1/services/:name/rollback', { params, body: { to: 1 } });
    await host.until('app', 'rolled back', ({ revision, rollout }) => revision === 4 && rollout?.state === 'succeeded');
    assert.deepEqual(await requests.stop(), []);
  });

  it('a restart goes one by one, so that no request is lost', async t => {
    const host = await shop(t);
    const before = (await host.service('app')).instances.map(one => one.pid);
    const requests = load(host, 3);
    await host.client.call('POST /v1/services/:name/restart', { params: { name: 'app' }, body: {} });
    const after = await host.until('app', 'restarted', ({ state, instances }) => {
      return state === 'ready' && instances.every(one => !before.includes(one.pid ?? 0));
    });
    assert.deepEqual(await requests.stop(), []);
    assert.equal(
      after.instances.reduce((sum, one) => sum + one.restarts, 0),
      0,
    );
  });

  it('a change of the configuration touches only what it is about', async t => {
    const host = await shop(t);
    const before = (await host.service('app')).instances.map(one => one.pid);
    const route = { path: '/moved', stripPrefix: true };
    await host.write({ app: { ...app, route, instances: 4 } });
    await host.until('app', 'scaled by the watch', ({ ready }) => ready === 4);
    const after = (await host.service('app')).instances;
    assert.deepEqual(
      after.slice(0, 3).map(one => one.pid),
      before,
    );
    assert.equal((await host.ask('/moved')).service, 'app');
    await host.write({ app: { ...app, instnaces: 9 } });
    const { config } = await eventually('the problem to be shown', async () => {
      const now = await host.client.call('GET /v1/host', {});
      return now.config?.problem === undefined ? undefined : now;
    });
    assert.match(config?.problem ?? '', /slipway\.yaml:\d+:\d+: .*did you mean.*instances/s);
    assert.deepEqual(
      (await host.service('app')).instances.map(one => one.pid),
      after.map(one => one.pid),
    );
  });
});
