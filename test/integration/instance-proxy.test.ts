/** One instance of a real daemon, through the API and by `slipway proxy`, while things happen to both. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { socketPath } from '../../src/router-link/socket-path.ts';
import { type AppAnswer, appPackage, httpGet, TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';
import { codeOf } from '../helpers/instance-proxy.ts';
import { type RawAnswer, rawRequest } from '../helpers/raw-request.ts';
import { spawnCli } from '../helpers/run-cli.ts';
import { Wire } from '../helpers/wire.ts';

const readiness = { http: '/healthz', period: '100ms', failureThreshold: 1 };

async function started(t: TestContext, services: object): Promise<TestHost> {
  const host = await TestHost.create(t);
  await host.start();
  await host.apply(services);
  for (const name of Object.keys(services)) await host.ready(name);
  return host;
}

function app(change: object = {}): object {
  return { package: appPackage, route: { path: '/' }, stop: { grace: '2s', drain: '2s' }, ...change };
}

const apiOf = ({ home }: TestHost) => socketPath(home, 'slipway.sock');

function ask(host: TestHost, instance: string, path = '/'): Promise<RawAnswer> {
  return rawRequest(apiOf(host), 'GET', `/v1/services/${instance.replace('/', '/instances/')}/proxy${path}`);
}

const identity = ({ status, body }: { status: number; body: string }): AppAnswer => {
  assert.equal(status, 200, body);
  return JSON.parse(/\{.*\}/s.exec(body)?.[0] ?? '');
};

describe('the instance proxy', { concurrency: 1 }, () => {
  it('asks the instance that is named, ready or not', async t => {
    const host = await started(t, { app: app({ instances: 2, probes: { readiness } }) });
    for (const index of [0, 1, 0]) {
      const { instance, pid } = identity(await ask(host, `app/${index}`));
      assert.deepEqual([instance, pid], [index, (await host.instance('app', index)).pid]);
    }
    assert.equal((await ask(host, 'app/1', '/sick')).status, 200);
    await host.until('app', 'one unready', ({ instances }) => instances.some(({ state }) => state === 'unready'));
    assert.equal(identity(await ask(host, 'app/1')).instance, 1);
    assert.doesNotMatch(host.output, /warn|deprecat/i);
  });

  it('says why where it can’t: stopped, without a port, gone in the middle of it', async t => {
    const worker = { package: appPackage, command: ['/bin/sleep', '1000'], port: false };
    const host = await started(t, { app: app({ restart: { policy: 'never' } }), worker });
    assert.deepEqual(codeOf(await ask(host, 'worker/0')), [409, 'SLIP_INSTANCE_NO_PORT']);
    assert.deepEqual(codeOf(await ask(host, 'worker/1')), [404, 'SLIP_INSTANCE_UNKNOWN']);

    host.output = '';
    const pending = ask(host, 'app/0', '/slow?ms=600000');
    const { pid = 0 } = await host.instance('app', 0);
    await eventually('the request to be under way', () => host.output.includes('instances/:index/proxy'));
    process.kill(pid, 'SIGKILL');
    assert.ok([502, 503].includes((await pending).status));
    await host.until('app', 'gone', ({ instances: [one] }) => one?.pid === undefined);
    const gone = await ask(host, 'app/0');
    assert.deepEqual(codeOf(gone), [503, 'SLIP_INSTANCE_NOT_RUNNING']);
    assert.match(gone.body, /cannot reach app\/0: it is [^"]*SIGKILL/);
    await host.client.call('POST /v1/services/:name/start', { params: { name: 'app' }, body: {} });
    await host.ready('app');
    assert.equal(identity(await ask(host, 'app/0')).instance, 0);
  });

  it('is over with the daemon, which the instance does not notice', async t => {
    const host = await started(t, { app: app() });
    const { pid } = identity(await ask(host, 'app/0'));
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      host.output = '';
      const client = await Wire.connect({ path: apiOf(host) });
      client.head('GET /v1/services/app/instances/0/proxy/slow?ms=600000 HTTP/1.1', 'Host: x');
      await eventually('the request to be under way', () => host.output.includes('instances/:index/proxy'));
      await host.kill(signal);
      await client.ended();
      client.socket.destroy();
      assert.equal(identity(await host.request('/')).pid, pid);
      await host.start();
      await host.ready('app');
    }
    assert.equal(identity(await ask(host, 'app/0')).pid, pid);
  });

  it('follows the instance through a restart, at the port that the command opens', async t => {
    const host = await started(t, { app: app() });
    const child = spawnCli(['proxy', 'app/0', '--json'], { home: host.home });
    t.after(() => child.kill('SIGKILL'));
    const [line] = await once(child.stdout?.setEncoding('utf8') ?? child, 'data');
    const port = Number(new URL(JSON.parse(line).url).port);
    const first = identity(await httpGet(port, '/'));
    await host.client.call('POST /v1/services/:name/stop', { params: { name: 'app' }, body: { index: 0 } });
    await host.until('app', 'stopped', ({ state }) => state === 'stopped');
    assert.deepEqual(codeOf(await httpGet(port, '/')), [503, 'SLIP_INSTANCE_NOT_RUNNING']);
    await host.client.call('POST /v1/services/:name/start', { params: { name: 'app' }, body: { index: 0 } });
    await host.ready('app');
    assert.notEqual(identity(await httpGet(port, '/')).pid, first.pid);
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'close'), [0, null]);
  });
});
