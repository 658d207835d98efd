/** The router's processes: what survives which death. All of them are real. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { SlipwayError } from '../../src/domain/errors.ts';
import { defaultSettings } from '../../src/domain/router-spec.ts';
import { isAlive, signalProcess } from '../../src/router-link/identity.ts';
import { eventually } from '../helpers/eventually.ts';
import { deadPort, heldInstance } from '../helpers/forwarder.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { anyRoute, portOf, TestRouter } from '../helpers/router.ts';
import { handshakeError, secureClient, tlsSpec } from '../helpers/tls.ts';
import { fetchOnce, Stream, startInstance } from '../helpers/traffic.ts';

const owner = fileURLToPath(new URL('../fixtures/router-owner.ts', import.meta.url));

function commandLines(): readonly string[] {
  return readdirSync('/proc').flatMap(pid => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
    } catch {
      return []; // It has ended.
    }
  });
}

function refuses(port: number): Promise<boolean> {
  return fetchOnce(port).then(
    () => false,
    error => error.code === 'ECONNREFUSED',
  );
}

test('a router starts, serves, tells what it did, and stops without a trace', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  assert.deepEqual(router.link.status(), { state: 'off', listen: [], table: 0 });
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure(['127.0.0.1:0']);
  await eventually('the table is confirmed', () => router.link.status().table === 1);
  assert.equal(await fetchOnce(router.port), String(instance.child.pid));
  assert.equal(router.link.status().state, 'running');
  assert.equal(router.link.status().pid, router.record.worker.pid);
  assert.deepEqual(router.link.identity(), router.record.worker);
  const stats = await router.link.stats();
  assert.equal(stats?.services['a']?.responses['2xx'], 1);
  assert.equal(statSync(join(router.home, 'run/router.sock')).mode & 0o077, 0, 'nobody else may speak to it');
  const { port, record } = router;
  await router.link.stop(1_000);
  assert.deepEqual(router.link.status(), { state: 'off', listen: [], table: 1 });
  assert.equal(isAlive(record.worker) || isAlive(record.holder), false);
  await assert.rejects(fetchOnce(port), { code: 'ECONNREFUSED' });
});

test('stop lets requests in flight finish, within the grace', async t => {
  const [quick, slow] = [await heldInstance(t, 'quick'), await heldInstance(t, 'slow')];
  const router = await TestRouter.create(t);
  router.link.publish([
    anyRoute('slow', { id: 'slow', port: slow.port }),
    {
      ...anyRoute('quick', { id: 'quick', port: quick.port }),
      routes: [{ host: 'localhost', path: '/', stripPrefix: false }],
    },
  ]);
  await router.link.ensure(['127.0.0.1:0']);
  const { port } = router;
  const finished = fetchOnce(port, '/held', false, 'localhost');
  const cut = assert.rejects(fetchOnce(port, '/held'), { code: 'ECONNRESET' });
  await eventually('both are in flight', async () => {
    const stats = await router.link.stats();
    return stats?.services['quick']?.inFlight === 1 && stats.services['slow']?.inFlight === 1;
  });
  const stopped = router.link.stop(3_000);
  await eventually('no more connections are taken', () => refuses(port));
  quick.finish();
  assert.equal(await finished, 'quick');
  await cut;
  await stopped;
});

test('kill -9 of the worker: no connection is refused, and there is an answer within a second or so', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure(['127.0.0.1:0']);
  const { port, record } = router;
  const stream = new Stream(() => port, { clients: 4, keepAlive: false });
  for (let round = 1; round <= 2; round++) {
    const { worker } = router.record;
    const before = stream.outcome.served;
    await eventually('requests are served', () => stream.outcome.served > before + 50);
    signalProcess(worker, 'SIGKILL');
    await eventually(
      'another worker',
      () => router.link.status().state === 'running' && router.link.identity()?.pid !== worker.pid,
    );
  }
  const { failures, longestGap } = await stream.stop();
  // Those that the killed one had accepted are reset: at most one for each client and round.
  assert.deepEqual(
    failures.filter(code => code !== 'ECONNRESET'),
    [],
  );
  assert.ok(failures.length <= 8, `${failures.length} failures`);
  assert.ok(longestGap < 5_000, `${longestGap} ms without an answer`);
  t.diagnostic(`longest time without an answer: ${Math.round(longestGap)} ms`);
  assert.deepEqual(router.record.holder, record.holder);
  assert.equal(router.port, port);
});

test('kill -9 of the holder: nobody notices', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure(['127.0.0.1:0']);
  const { port, record } = router;
  const fresh = new Stream(() => port, { clients: 2, keepAlive: false });
  const kept = new Stream(() => port, { clients: 2, keepAlive: true });
  signalProcess(record.holder, 'SIGKILL');
  await eventually('there is another holder and another worker', () => {
    const { holder, worker } = router.record;
    return holder.pid !== record.holder.pid && router.link.identity()?.pid === worker.pid;
  });
  await eventually('the old worker ended', () => !isAlive(record.worker));
  assert.equal(isAlive(router.record.holder), true);
  assert.deepEqual((await fresh.stop()).failures, []);
  assert.deepEqual((await kept.stop()).failures, []);
  // And the new holder does what the old one did.
  signalProcess(router.record.worker, 'SIGKILL');
  assert.equal(await fetchOnce(port), String(instance.child.pid));
});

test('kill -9 of both: the link starts another router on the same addresses, with the same routes', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  const address = `127.0.0.1:${await deadPort()}`;
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure([address]);
  const { record } = router;
  signalProcess(record.holder, 'SIGKILL');
  signalProcess(record.worker, 'SIGKILL');
  await eventually('it is lost', () => router.link.status().pid !== record.worker.pid);
  await router.link.ensure([address]);
  assert.equal(router.link.status().state, 'running');
  assert.notEqual(router.record.worker.pid, record.worker.pid);
  await eventually('the table is there', () => router.link.status().table >= 1);
  assert.equal(await fetchOnce(portOf(address)), String(instance.child.pid));
});

test('kill -9 of both while a worker that they succeeded still drains: that is no reason to wait', async t => {
  const instance = await heldInstance(t, 'a');
  const router = await TestRouter.create(t);
  const address = `127.0.0.1:${await deadPort()}`;
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure([address]);
  const first = router.record.worker;
  const held = fetchOnce(portOf(address), '/held');
  await eventually('it is in flight', async () => (await router.link.stats())?.services['a']?.inFlight === 1);
  await router.link.ensure([address, '127.0.0.1:0']);
  const second = router.record;
  signalProcess(second.holder, 'SIGKILL');
  signalProcess(second.worker, 'SIGKILL');
  await eventually(
    'there is another',
    () => router.record.worker.pid !== second.worker.pid && isAlive(router.record.worker),
  );
  assert.equal(await fetchOnce(portOf(address)), 'a');
  assert.deepEqual(router.record.leaving, [first]);
  instance.finish();
  assert.equal(await held, 'a');
});

test('SIGTERM to the holder: the router finishes what it has and ends; its link starts another', async t => {
  const instance = await heldInstance(t, 'a');
  const router = await TestRouter.create(t);
  const address = `127.0.0.1:${await deadPort()}`;
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure([address]);
  const { record } = router;
  const held = fetchOnce(portOf(address), '/held');
  await eventually('it is in flight', async () => (await router.link.stats())?.services['a']?.inFlight === 1);
  signalProcess(record.holder, 'SIGTERM');
  await eventually('nothing is accepted', () => refuses(portOf(address)));
  instance.finish();
  assert.equal(await held, 'a');
  await eventually(
    'there is another',
    () => router.link.identity() && router.link.identity()?.pid !== record.worker.pid,
  );
  assert.equal(await fetchOnce(portOf(address)), 'a');
  assert.equal(isAlive(record.holder) || isAlive(record.worker), false);
});

test('kill -9 of its owner: the router goes on, also over a crash of its own, and the next owner adopts it', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  const address = `127.0.0.1:${await deadPort()}`;
  const { execArgv } = process;
  const first = spawn(process.execPath, [...execArgv, owner, router.home, String(instance.port), address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => void first.kill('SIGKILL'));
  const status = JSON.parse(String((await once(first.stdout, 'data'))[0]));
  first.kill('SIGKILL');
  await once(first, 'exit');
  const { record } = router;
  assert.equal(status.pid, record.worker.pid);
  assert.equal(await fetchOnce(portOf(address)), String(instance.child.pid));
  signalProcess(record.worker, 'SIGKILL');
  assert.equal(await fetchOnce(portOf(address)), String(instance.child.pid), 'the table was kept');

  await eventually('the new worker has written its record', () => router.record.worker.pid !== record.worker.pid);
  const { worker, holder } = router.record;
  await router.link.ensure([address]);
  assert.deepEqual(router.link.identity(), worker);
  assert.deepEqual(holder, record.holder);
  assert.equal(router.link.status().table, status.table);
  router.link.publish([anyRoute('a')]);
  await eventually('numbering goes on', () => router.link.status().table === status.table + 1);
  await assert.rejects(fetchOnce(portOf(address)), /503/);
});

test('a change of addresses: the kept one is never refused, the old one is', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  const [kept = '', old = '', added = ''] = await Promise.all(
    [1, 2, 3].map(async () => `127.0.0.1:${await deadPort()}`),
  );
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure([kept, old]);
  const { record } = router;
  const fresh = new Stream(() => portOf(kept), { clients: 2, keepAlive: false });
  const live = new Stream(() => portOf(kept), { clients: 2, keepAlive: true });
  await router.link.ensure([added, kept]);
  assert.deepEqual([...router.link.status().listen].sort(), [kept, added].sort());
  assert.notEqual(router.link.identity()?.pid, record.worker.pid);
  assert.equal(await fetchOnce(portOf(added)), String(instance.child.pid));
  await eventually('the old address is refused', () => refuses(portOf(old)));
  await eventually('the old processes ended', () => !isAlive(record.worker) && !isAlive(record.holder));
  assert.deepEqual((await fresh.stop()).failures, []);
  assert.deepEqual((await live.stop()).failures, []);
  await router.link.ensure([kept, added]);
  assert.notEqual(router.link.identity(), undefined);
});

test('an address that is taken: all stays as it was', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => void taken.close());
  const address = `127.0.0.1:${(taken.address() as { port: number }).port}`;
  const refusal = (error: unknown) => error instanceof SlipwayError && error.code === 'SLIP_LISTEN_FAILED';
  await assert.rejects(router.link.ensure(['127.0.0.1:0', address]), refusal);
  assert.equal(router.link.status().state, 'down');
  await assert.rejects(router.link.ensure(['127.0.0.1:99999']), refusal);
  await assert.rejects(router.link.ensure(['no-such-host.invalid:80']), refusal);

  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure(['127.0.0.1:0']);
  const { status, record } = { status: router.link.status(), record: router.record };
  await assert.rejects(router.link.ensure(['127.0.0.1:0', '127.0.0.2:0', address]), refusal);
  assert.deepEqual(router.link.status().listen, status.listen);
  assert.deepEqual(router.record, record);
  assert.equal(await fetchOnce(router.port), String(instance.child.pid));
});

test('a successor that does not come up: the router goes on, in full', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure(['127.0.0.1:0']);
  const { record, port } = router;
  const other = new TestRouter(router.home, [process.execPath, '-e', 'process.exit(3)', '--']);
  await assert.rejects(other.link.ensure(['127.0.0.1:0']), { code: 'SLIP_ROUTER_FAILED' });
  other.link.close();
  assert.deepEqual(router.record, record);
  assert.equal(await fetchOnce(port), String(instance.child.pid));
  const anew = new TestRouter(router.home);
  await anew.link.ensure(['127.0.0.1:0']);
  assert.deepEqual(anew.link.identity(), record.worker);
  anew.link.close();
});

test('a router that does not come up is not left behind', async t => {
  const clock = new ManualClock();
  const hurry = setInterval(() => clock.advance(20), 2);
  t.after(() => clearInterval(hurry));
  const marker = `marker-${process.pid}`;
  const router = await TestRouter.create(t, '', [process.execPath, '-e', 'process.exit(1)', '--', marker], clock);
  await assert.rejects(router.link.ensure(['127.0.0.1:0']), { code: 'SLIP_ROUTER_FAILED' });
  assert.equal(router.link.status().state, 'down');
  await eventually('its processes are gone', () => !commandLines().some(line => line.includes(marker)));
});

test('another command line is an upgrade: a successor that runs it takes over', async t => {
  const router = await TestRouter.create(t);
  await router.link.ensure(['127.0.0.1:0']);
  const { port, record } = router;
  const upgraded = new TestRouter(router.home, [process.execPath, '--no-warnings', ...router.command.slice(1)]);
  try {
    await upgraded.link.ensure(['127.0.0.1:0']);
    assert.equal(upgraded.port, port);
    assert.notEqual(upgraded.link.identity()?.pid, record.worker.pid);
    const commandLine = readFileSync(`/proc/${upgraded.link.identity()?.pid}/cmdline`, 'utf8');
    assert.match(commandLine, /--no-warnings/);
    await eventually('the first link follows', () => router.link.identity()?.pid === upgraded.link.identity()?.pid);
  } finally {
    // Before the home is removed: hooks run in the order of their registration, and a link would start a router anew.
    upgraded.link.close();
  }
});

test('a home whose sockets have paths too long for the system', async t => {
  const router = await TestRouter.create(t, `${'deep-'.repeat(20)}/${'deeper-'.repeat(20)}`);
  await router.link.ensure(['127.0.0.1:0']);
  assert.equal(router.link.status().state, 'running');
  signalProcess(router.record.worker, 'SIGKILL');
  await eventually('it comes back', () => router.link.status().state === 'running' && router.processes().length === 2);
});

test('two addresses of IPv4 and IPv6 with the same port, and a name', async t => {
  const router = await TestRouter.create(t);
  const port = await deadPort();
  await router.link.ensure([`127.0.0.1:${port}`, `[::1]:${port}`, 'localhost:0']);
  const { listen } = router.link.status();
  assert.deepEqual(listen.slice(0, 2), [`127.0.0.1:${port}`, `[::1]:${port}`]);
  assert.match(listen[2] ?? '', /^(127\.0\.0\.1|\[::1\]):\d+$/);
});

test('a succession that is asked for in the middle of another follows it', async t => {
  const router = await TestRouter.create(t);
  const [first, second] = [`127.0.0.1:${await deadPort()}`, `127.0.0.1:${await deadPort()}`];
  await router.link.ensure([first]);
  const next = new TestRouter(router.home);
  try {
    await next.link.ensure([first]);
    const { worker } = router.record;
    await Promise.all([router.link.ensure([first, second]), next.link.ensure([first, second])]);
    assert.deepEqual(next.link.status().listen, [first, second]);
    assert.deepEqual(router.link.status().listen, [first, second]);
    assert.notEqual(router.record.worker.pid, worker.pid);
  } finally {
    next.link.close();
  }
});

test('an owner that closed lets the router be', async t => {
  const router = await TestRouter.create(t);
  await router.link.ensure(['127.0.0.1:0']);
  const next = new TestRouter(router.home);
  router.link.close();
  await next.link.ensure(['127.0.0.1:0']);
  assert.deepEqual(next.link.identity(), router.record.worker);
  await next.end();
});

test('TLS: a crash loses no session, and a change to it no connection', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })], { ...defaultSettings, tls: tlsSpec('first') });
  await router.link.ensure(['127.0.0.1:0']);
  const { port } = router;
  assert.equal(await fetchOnce(port), String(instance.child.pid));

  await router.link.ensure([`https://127.0.0.1:${port}`]);
  assert.deepEqual(router.link.status().listen, [`https://127.0.0.1:${port}`]);
  await eventually('TLS is spoken there', async () => (await handshakeError(port)) === '');
  const first = await secureClient(port);
  const ticket = once(first, 'session');
  first.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [[session]] = await Promise.all([ticket, once(first, 'data')]);
  first.destroy();

  const { worker } = router.record;
  signalProcess(worker, 'SIGKILL');
  const second = await secureClient(port, { session });
  assert.equal(second.isSessionReused(), true);
  second.destroy();
  const key = join(router.home, 'run/tickets.key');
  assert.equal(statSync(key).mode & 0o777, 0o600);
  await router.link.stop(0);
  assert.equal(existsSync(key), false);
});
