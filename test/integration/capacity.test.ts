/** What instances request, held against what the host has to give, and limits that change while they run. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { runCli } from '../helpers/run-cli.ts';

const params = { name: 'app' };

function app(change: Record<string, unknown> = {}) {
  return { package: appPackage, route: { path: '/' }, rollout: { minReady: '0s' }, ...change };
}

describe('capacity', { concurrency: 1 }, () => {
  it('that is full refuses what would need more, with the arithmetic, and changes nothing', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const capacity = { memory: '1Gi', cpu: 4 };
    const service = app({ instances: 3, requests: { memory: '300Mi' } });
    await host.apply({ app: service }, { capacity });
    await host.ready('app');
    const refused = {
      code: 'SLIP_CAPACITY_EXCEEDED',
      message: /4 × 300Mi for app and 0 for others make 1\.2Gi, and 1Gi/,
    };
    await assert.rejects(
      host.client.call('POST /v1/services/:name/scale', { params, body: { instances: 4 } }),
      refused,
    );
    await assert.rejects(host.apply({ app: { ...service, instances: 4 } }, { capacity }), refused);
    const other = app({ route: { path: '/other' }, requests: { memory: '200Mi' } });
    await assert.rejects(host.apply({ app: service, other }, { capacity }), { code: 'SLIP_CAPACITY_EXCEEDED' });
    const body = { package: appPackage };
    await assert.rejects(
      host.client.call('POST /v1/services/:name/deploy', { params, body }),
      { code: 'SLIP_CAPACITY_EXCEEDED', message: /a rollout needs room for one more/ },
      'a rollout needs room for one more',
    );
    assert.equal((await host.client.call('GET /v1/services/:name', { params })).instances.length, 3);
    const { capacity: has, requested } = await host.client.call('GET /v1/host', {});
    assert.deepEqual([has.memory, requested.memory], [2 ** 30, 900 * 2 ** 20]);
    const { stdout } = await runCli(['top', '--once'], { home: host.home });
    assert.match(stdout, /^memory +1\.0Gi +900Mi +/m);
  });

  it('that is full lets instances wait, where that is asked for, until there is room', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const capacity = { memory: '1Gi', cpu: 4, whenFull: 'queue' };
    const hog = app({ route: { path: '/hog' }, requests: { memory: '800Mi' } });
    await host.apply({ hog }, { capacity });
    await host.ready('hog');
    await host.apply({ hog, app: app({ instances: 2, requests: { memory: '200Mi' } }) }, { capacity });
    const waiting = await host.until(
      'app',
      'one of two to be ready',
      one => one.ready === 1 && one.waits !== undefined,
    );
    assert.match(waiting.waits ?? '', /1 × 200Mi for app and 1000Mi for others make 1\.2Gi, and 1Gi can be requested/);
    await host.client.call('POST /v1/services/:name/stop', { params: { name: 'hog' }, body: {} });
    const { waits } = await host.until('app', 'both to be ready', one => one.ready === 2);
    assert.equal(waits, undefined);
  });
});

describe('limits', () => {
  it('change without a new process, and are known to the next daemon', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: app({ limits: { openFiles: 256, pids: 100 } }) });
    await host.ready('app');
    const [before] = (await host.client.call('GET /v1/services/:name', { params })).instances;
    await host.apply({ app: app({ limits: { openFiles: 128, pids: 50, oomScoreAdjust: 10 } }) });
    const changed = await host.client.call('GET /v1/services/:name', { params });
    assert.equal(changed.instances[0]?.pid, before?.pid);
    const asked = Object.fromEntries(changed.instances[0]?.limits.map(({ limit, asked }) => [limit, asked]) ?? []);
    assert.deepEqual(asked, { openFiles: 128, pids: 50, oomScoreAdjust: 10 });
    assert.equal(changed.revision, 1);
    await host.kill();
    await host.start();
    const after = await host.client.call('GET /v1/services/:name', { params });
    assert.deepEqual(after.instances[0]?.limits, changed.instances[0]?.limits);
  });
});
