/** Policies of routes from slipway.yaml to the router, and their change while it runs: by the same process. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { ask } from '../helpers/ask.ts';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';

test('what slipway.yaml says of routes holds at once, without a new router', async t => {
  const host = await TestHost.create(t);
  await host.start();
  const app = { package: appPackage, instances: 1 };
  const log = join(host.home, 'access.log');
  const router = { listen: [`127.0.0.1:${host.routerPort}`], workers: 1 };
  await host.apply({ app: { ...app, route: '/' } }, { router });
  await host.ready('app');
  const pid = (await host.ask('/')).pid;
  const routers = () =>
    host
      .processes()
      .filter(process => process !== pid)
      .sort();
  const before = routers();
  assert.equal((await ask(host.routerPort, { method: 'POST', body: 'x'.repeat(100) })).headers['x-set'], undefined);

  const route = {
    path: '/',
    maxBody: 10,
    responseHeaders: { set: { 'X-Set': 'yes' } },
    rateLimit: { requests: 3, per: '1h', header: 'X-Key' },
  };
  const routes = [{ path: '/old', redirect: { to: '/new{uri}' } }];
  const settings = { ...router, routes, accessLog: { path: log }, limits: { target: 256 } };
  await host.apply({ app: { ...app, route } }, { router: settings });
  await eventually('the header', async () => (await ask(host.routerPort)).headers['x-set'] === 'yes');
  assert.equal((await ask(host.routerPort, { method: 'POST', body: 'x'.repeat(11) })).status, 413);
  assert.equal((await ask(host.routerPort, { path: `/${'a'.repeat(300)}` })).status, 414);
  assert.equal((await ask(host.routerPort, { path: '/old?a' })).headers.location, '/new/old?a');
  const statuses = [];
  for (let round = 0; round < 4; round++)
    statuses.push((await ask(host.routerPort, { headers: { 'X-Key': 'k' } })).status);
  assert.deepEqual(statuses, [200, 200, 200, 429]);
  await eventually('the access log', () => existsSync(log) && readFileSync(log, 'utf8').includes('"status":429'));

  const down = { path: '/', respond: { status: 503, headers: { 'Retry-After': 60 }, body: 'back soon' } };
  await host.apply({ app: { ...app, route: down } }, { router });
  const answer = await eventually('the maintenance page', async () => {
    const asked = await ask(host.routerPort);
    return asked.status === 503 && asked;
  });
  assert.deepEqual([answer.body, answer.headers['retry-after']], ['back soon', '60']);
  assert.deepEqual(routers(), before, 'the same processes');
  assert.equal((await host.instance('app', 0)).pid, pid, 'the same instance');
});
