/** Promises that only real processes can keep or break: crashes, hangs, escapes, storms. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';

const quick = { initial: '20ms', max: '200ms' };

function app(change: Record<string, unknown> = {}) {
  return { package: appPackage, route: { path: '/' }, stop: { grace: '2s', drain: '2s' }, ...change };
}

describe('supervision', { concurrency: 1 }, () => {
  it('restarts what crashes, says why, and answers again', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app() });
    await host.ready('app');
    const first = await host.ask('/');
    await host.request('/exit?code=3');
    const service = await host.until('app', 'restarted', ({ instances: [one] }) => {
      return one?.state === 'ready' && one.restarts === 1;
    });
    assert.notEqual(service.instances[0]?.pid, first.pid);
    assert.equal(service.instances[0]?.port, (await host.instance('app', 0)).port);
    assert.equal((await host.ask('/')).pid, service.instances[0]?.pid);
  });

  it('backs off from a crash loop, gives up, says so in words, and starts again on request', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({
      app: app({ env: { EXIT_WITH: 1 }, restart: { backoff: quick, giveUpAfter: { restarts: 4, within: '1m' } } }),
    });
    await host.until('app', 'flapping', ({ instances: [one] }) =>
      /^exited 1 \d times in .*; next try in /.test(one?.reason ?? ''),
    );
    const failed = await host.until('app', 'given up', ({ state }) => state === 'failed');
    assert.match(failed.instances[0]?.reason ?? '', /^exited 1 5 times in .*; given up$/);
    await host.client.call('POST /v1/services/:name/start', { params: { name: 'app' }, body: {} });
    await host.until(
      'app',
      'tried again',
      ({ instances: [one] }) => one?.state !== 'failed' && (one?.restarts ?? 9) < 4,
    );
  });

  it('restarts what hangs, by its liveness probe', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const startup = { tcp: true, period: '50ms', failureThreshold: 200 };
    const liveness = { http: '/healthz', period: '100ms', timeout: '300ms', failureThreshold: 2 };
    await host.apply({ app: app({ probes: { startup, liveness }, stop: { grace: '200ms', drain: '100ms' } }) });
    const before = (await host.ready('app')).instances[0]?.pid;
    await host.request('/hang').catch(() => {});
    const after = await host.until('app', 'restarted', ({ instances: [one] }) => {
      return one?.state === 'ready' && one.pid !== before && one.restarts === 1;
    });
    assert.equal(after.state, 'ready');
  });

  it('withdraws what fails its readiness probe, without restarting it', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const readiness = { http: '/healthz', period: '100ms', failureThreshold: 1 };
    await host.apply({ app: app({ instances: 2, probes: { readiness } }) });
    await host.ready('app');
    await host.request('/sick');
    const { instances } = await host.until('app', 'one unready', service => {
      return service.instances.some(one => one.state === 'unready');
    });
    assert.equal(instances.filter(one => one.restarts > 0).length, 0);
    const well = instances.find(one => one.state === 'ready');
    for (let count = 0; count < 4; count += 1) assert.equal((await host.ask('/')).pid, well?.pid);
  });

  it('waits for a slow start, and routes nothing to it before it is ready', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app({ env: { START_DELAY: 1500 } }) });
    await host.until('app', 'starting', ({ instances: [one] }) => one?.state === 'starting');
    const early = await host.request('/');
    assert.equal(early.status, 503);
    await host.ready('app');
    assert.equal((await host.request('/')).status, 200);
  });

  it('ends what ignores SIGTERM, after its grace', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app({ env: { IGNORE_TERM: 1 }, stop: { grace: '300ms', drain: '100ms' } }) });
    await host.ready('app');
    await host.client.call('POST /v1/services/:name/stop', { params: { name: 'app' }, body: {} });
    await host.until('app', 'stopped', ({ state }) => state === 'stopped');
    assert.equal(host.instanceProcesses().length, 0);
  });

  it('leaves nothing of what forked twice and made sessions of its own', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app({ env: { ESCAPE: 1 } }) });
    await host.ready('app');
    await eventually('the escape', () => host.instanceProcesses().length >= 4);
    await host.client.call('POST /v1/services/:name/stop', { params: { name: 'app' }, body: {} });
    await host.until('app', 'stopped', ({ state }) => state === 'stopped');
    assert.deepEqual(host.instanceProcesses(), []);
  });

  it('also leaves nothing of it when the main process crashes: no child lives on beside the next one', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app({ env: { ESCAPE: 1 } }) });
    await host.ready('app');
    await eventually('the escape', () => host.instanceProcesses().length >= 4);
    const before = host.instanceProcesses();
    await host.request('/exit');
    await host.until('app', 'restarted', ({ instances: [one] }) => one?.state === 'ready' && one.restarts === 1);
    const after = host.processes();
    assert.deepEqual(
      before.filter(pid => after.includes(pid)),
      [],
    );
  });

  it('contains a fork storm and ends it whole', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const { backend } = await host.client.call('GET /v1/host', {});
    if (backend === 'none') return t.skip('needs cgroups: nothing else bounds the number of processes');
    await host.apply({ app: app({ env: { FORK_STORM: 1 }, limits: { pids: 60 } }) });
    await eventually('the storm', () => host.instanceProcesses().length >= 40);
    assert.ok(host.instanceProcesses().length <= 60);
    await host.client.call('POST /v1/services/:name/stop', { params: { name: 'app' }, body: {} });
    await host.until('app', 'stopped', ({ state }) => state === 'stopped');
    assert.deepEqual(host.instanceProcesses(), []);
  });

  it('kills what exceeds its memory limit, and says that this was why', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const { backend } = await host.client.call('GET /v1/host', {});
    if (backend === 'none') return t.skip('needs cgroups: nothing else bounds memory');
    const command = ['sh', '-c', 'sleep 0.3; x=$(head -c 300000000 /dev/zero | tr "\\0" x)'];
    const hog = { package: appPackage, command, port: false, limits: { memory: '64Mi' }, restart: { backoff: quick } };
    await host.apply({ hog });
    await host.until('hog', 'OOM-killed', ({ instances: [one] }) => /OOMKilled/.test(one?.reason ?? ''));
  });

  it('gives another port when a stranger took its own', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const slow = { initial: '500ms', max: '500ms' };
    await host.apply({ app: app({ restart: { backoff: slow, stableAfter: '1h' } }) });
    const port = (await host.ready('app')).instances[0]?.port ?? 0;
    await host.request('/exit');
    await host.until('app', 'backing off', ({ instances: [one] }) => one?.state === 'backoff');
    const thief = createServer((_request, response) => response.end('thief')).listen(port, '127.0.0.1');
    await once(thief, 'listening');
    t.after(() => thief.close());
    const { instances } = await host.until('app', 'ready', ({ instances: [one] }) => one?.state === 'ready');
    assert.notEqual(instances[0]?.port, port);
    assert.equal((await host.ask('/')).service, 'app');
  });

  it('survives an instance that exits while it is being probed', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const probe = { http: '/exit?code=0', period: '50ms' };
    const restart = { backoff: quick, giveUpAfter: { restarts: 5, within: '1m' } };
    await host.apply({ app: app({ probes: { liveness: probe, readiness: probe }, restart }) });
    await host.until('app', 'given up', ({ state }) => state === 'failed');
    assert.equal((await host.client.call('GET /v1/host', {})).pid, host.daemon.pid);
  });

  it('keeps the disk bounded while an instance writes a gigabyte of logs', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app({ env: { LOG_MEGABYTES: 1000 } }) }, { logs: { rotateAt: '32Mi', keep: 2 } });
    await host.ready('app');
    const live = join(host.home, 'logs/app/0.log');
    await eventually('rotation', () => statSync(live).blocks * 512 < 64 * 1024 * 1024, 60_000);
    assert.equal((await host.request('/')).status, 200);
  });

  it('starts in the order of dependsOn, and stops the other way round', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({
      front: { ...app(), dependsOn: ['back'] },
      back: { ...app({ env: { START_DELAY: 700 } }), route: { path: '/back' } },
    });
    await host.until('back', 'starting', ({ instances: [one] }) => one?.state === 'starting');
    assert.deepEqual((await host.service('front')).instances, []);
    await host.ready('front');
    assert.equal((await host.service('back')).state, 'ready');
  });

  it('hands secrets to the instance and shows them nowhere', async t => {
    const host = await TestHost.create(t);
    await host.start({ FROM_OUTSIDE: 'hunter-two', LEAK: 'daemon-only' });
    await host.write({ app: app({ env: { TOKEN: `\${FROM_OUTSIDE}`, PLAIN: 'shown' } }) });
    await host.apply();
    await host.ready('app');
    const env = JSON.parse((await host.request('/env')).body) as Record<string, string>;
    assert.equal(env['TOKEN'], 'hunter-two');
    assert.equal(env['LEAK'], undefined);
    const shown = JSON.stringify([
      await host.service('app'),
      await host.client.call('GET /v1/services/:name/history', { params: { name: 'app' } }),
      host.output,
    ]);
    assert.ok(!shown.includes('hunter-two'));
    assert.ok(shown.includes('shown'));
  });
});
