/** Several workers on the same sockets: what survives the death of which. All of them are real. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import test, { type TestContext } from 'node:test';
import { defaultSettings } from '../../src/domain/router-spec.ts';
import type { ProcessIdentity } from '../../src/processes/contract.ts';
import { isAlive, isSame, signalProcess } from '../../src/router-link/identity.ts';
import type { RoutedService, RouterStats } from '../../src/router-link/protocol.ts';
import { eventually } from '../helpers/eventually.ts';
import { deadPort, heldInstance, RawClient } from '../helpers/forwarder.ts';
import { anyRoute, portOf, routerCommand, TestRouter } from '../helpers/router.ts';
import { fetchOnce, Stream, startInstance } from '../helpers/traffic.ts';

const never = new AbortController().signal;

function publish(router: TestRouter, workers: number, ...services: readonly RoutedService[]): void {
  router.link.publish(services, { ...defaultSettings, workers });
}

/** All serve, and have the table in force. */
async function running(router: TestRouter, workers: number): Promise<RouterStats> {
  let stats: RouterStats | undefined;
  await eventually(`${workers} workers serve`, async () => {
    if (router.link.status().state !== 'running' || router.record.further.length !== workers - 1) return false;
    stats = await router.link.stats();
    return stats?.workers.length === workers;
  });
  assert.ok(stats);
  return stats;
}

async function started(t: TestContext, workers: number, ...services: readonly RoutedService[]): Promise<TestRouter> {
  const router = await TestRouter.create(t);
  publish(router, workers, ...services);
  await router.link.ensure(['127.0.0.1:0']);
  await running(router, workers);
  return router;
}

function requestsOf(stats: RouterStats | undefined): number {
  return stats?.services['a']?.responses['2xx'] ?? 0;
}

function notReset(failures: readonly string[]): readonly string[] {
  return failures.filter(code => code !== 'ECONNRESET');
}

test('all workers take connections, what they counted is told as one, and stop leaves none of them', async t => {
  const instance = await startInstance(t);
  const router = await started(t, 4, anyRoute('a', { id: 'a', port: instance.port }));
  const clients = Array.from({ length: 64 }, () => new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x'));
  await eventually('all are answered', () => clients.every(client => client.received.includes('200 OK')));
  const stats = await router.link.stats();
  assert.equal(requestsOf(stats), 64);
  assert.equal(stats?.openConnections, 64);
  assert.equal(stats.services['a']?.latency.at(-1), 64);
  assert.equal(
    stats.workers.reduce((sum, { connections }) => sum + connections, 0),
    64,
  );
  t.diagnostic(`connections: ${stats.workers.map(({ connections }) => connections).join(', ')}`);
  const before = router.processes();
  assert.equal(before.length, 5);
  assert.deepEqual(
    stats.workers.map(({ pid }) => pid).sort(),
    [router.record.worker, ...router.record.further].map(({ pid }) => pid).sort(),
  );
  await router.link.stop(1_000);
  assert.deepEqual(before.filter(isAlive), []);
});

test('kill -9 of a further worker: no connection is refused, and another takes its place', async t => {
  const instance = await startInstance(t);
  const router = await started(t, 3, anyRoute('a', { id: 'a', port: instance.port }));
  const { port, record } = router;
  const streams = [true, false].map(keepAlive => new Stream(() => port, { clients: 4, keepAlive }));
  for (let round = 1; round <= 3; round++) {
    const [victim] = router.record.further;
    assert.ok(victim);
    signalProcess(victim, 'SIGKILL');
    await eventually('it is replaced', () => !router.record.further.some(worker => isSame(worker, victim)));
    await running(router, 3);
  }
  assert.deepEqual(router.record.worker, record.worker);
  const outcomes = await Promise.all(streams.map(stream => stream.stop()));
  const failures = outcomes.flatMap(outcome => outcome.failures);
  assert.deepEqual(notReset(failures), []);
  assert.ok(failures.length <= 24, `${failures.length} requests failed`);
});

test('kill -9 of the main worker: the further ones go on, and the next main worker adopts them', async t => {
  const instance = await startInstance(t);
  const router = await started(t, 3, anyRoute('a', { id: 'a', port: instance.port }));
  const { port, record } = router;
  const streams = [true, false].map(keepAlive => new Stream(() => port, { clients: 4, keepAlive }));
  const served = () => streams.reduce((sum, { outcome }) => sum + outcome.served, 0);
  signalProcess(record.worker, 'SIGKILL');
  const before = served();
  await eventually('another main worker', () => router.record.worker.pid !== record.worker.pid);
  assert.ok(served() > before, 'requests were served meanwhile');
  await running(router, 3);
  assert.deepEqual(router.record.further, record.further);
  const outcomes = await Promise.all(streams.map(stream => stream.stop()));
  assert.deepEqual(notReset(outcomes.flatMap(outcome => outcome.failures)), []);
  // They are looked after as its own.
  const [victim] = record.further;
  assert.ok(victim);
  signalProcess(victim, 'SIGKILL');
  await eventually('it is replaced', () => !router.record.further.some(worker => isSame(worker, victim)));
  await running(router, 3);
});

test('from one worker to four and back under load: no request fails, and no counter goes back', async t => {
  const instance = await startInstance(t);
  const service = anyRoute('a', { id: 'a', port: instance.port });
  const router = await started(t, 1, service);
  const { port, record } = router;
  const streams = [true, false].map(keepAlive => new Stream(() => port, { clients: 4, keepAlive }));
  let last = 0;
  let watching = true;
  const watched = (async () => {
    while (watching) {
      const stats = await router.link.stats();
      assert.ok(requestsOf(stats) >= last, `${requestsOf(stats)} after ${last}`);
      last = requestsOf(stats);
    }
  })();
  for (const workers of [4, 2, 1]) {
    publish(router, workers, service);
    await running(router, workers);
  }
  await eventually('those that were retired have ended', () => router.processes().length === 2);
  const outcomes = await Promise.all(streams.map(stream => stream.stop()));
  watching = false;
  await watched;
  assert.deepEqual(
    outcomes.flatMap(outcome => outcome.failures),
    [],
  );
  assert.deepEqual(router.record.worker, record.worker);
  assert.equal(
    requestsOf(await router.link.stats()),
    outcomes.reduce((sum, { served }) => sum + served, 0),
  );
});

test('counters go on over a succession, and begin anew together after a crash of the main worker', async t => {
  const instance = await startInstance(t);
  const address = `127.0.0.1:${await deadPort()}`;
  const router = await TestRouter.create(t);
  publish(router, 3, anyRoute('a', { id: 'a', port: instance.port }));
  await router.link.ensure([address]);
  await running(router, 3);
  for (let request = 0; request < 30; request++) await fetchOnce(portOf(address));
  const held = new RawClient(portOf(address)).head('GET / HTTP/1.1', 'Host: x');
  await eventually('it is answered', () => held.received.includes('200 OK'));
  // From here on the main worker knows what the others counted; its successor hears it from them.
  assert.equal(requestsOf(await router.link.stats()), 31);
  const old = router.processes();
  await router.link.ensure([address, '127.0.0.1:0']);
  await eventually('all to be counted', async () => requestsOf(await router.link.stats()) === 31);
  await running(router, 3);
  held.socket.destroy();
  await eventually('those before have ended', () => !old.some(isAlive));
  await eventually('all to be counted', async () => requestsOf(await router.link.stats()) === 31);
  for (let request = 0; request < 30; request++) await fetchOnce(portOf(address));
  const { worker } = router.record;
  signalProcess(worker, 'SIGKILL');
  await eventually('another main worker', () => router.record.worker.pid !== worker.pid);
  const { workers, ...stats } = await running(router, 3);
  assert.equal(workers.length, 3);
  assert.equal(requestsOf({ workers, ...stats }), 0);
});

test('drained speaks for every worker: instances are replaced under load, and nothing fails', async t => {
  const router = await TestRouter.create(t);
  let current = [await startInstance(t), await startInstance(t)];
  const tell = () =>
    publish(router, 4, anyRoute('a', ...current.map(({ child, port }) => ({ id: `a.${child.pid}`, port }))));
  tell();
  await router.link.ensure(['127.0.0.1:0']);
  await running(router, 4);
  const { port } = router;
  const streams = [true, false].map(keepAlive => new Stream(() => port, { clients: 6, keepAlive, path: '/3' }));
  for (let round = 0; round < 6; round++) {
    const [old, ...others] = current;
    assert.ok(old);
    current = [...others, await startInstance(t)];
    tell();
    await router.link.drained(`a.${old.child.pid}`, never);
    old.child.kill('SIGKILL');
    // Workers that start in the middle of it are no exception.
    const [victim] = router.record.further;
    if (round % 2 === 0 && victim) signalProcess(victim, 'SIGTERM');
  }
  const outcomes = await Promise.all(streams.map(stream => stream.stop()));
  assert.deepEqual(
    outcomes.flatMap(outcome => outcome.failures),
    [],
  );
});

test('what is in flight on any worker counts for a drain, also over a crash of the main worker', async t => {
  const instance = await heldInstance(t, 'a');
  const router = await started(t, 3, anyRoute('a', { id: 'a', port: instance.port }));
  const held = Array.from({ length: 12 }, () => fetchOnce(router.port, '/held').catch(error => error.code));
  await eventually('all are in flight', async () => (await router.link.stats())?.services['a']?.inFlight === 12);
  let drained = false;
  publish(router, 3, anyRoute('a'));
  const wait = router.link.drained('a', never).then(() => {
    drained = true;
  });
  await eventually('the table is in force', async () => {
    const code = await fetchOnce(router.port).catch(error => error.message);
    return code === '503';
  });
  const { worker } = router.record;
  signalProcess(worker, 'SIGKILL');
  await eventually('another main worker', () => router.record.worker.pid !== worker.pid);
  await running(router, 3);
  assert.equal(drained, false);
  instance.finish();
  await wait;
  const outcomes = await Promise.all(held);
  assert.deepEqual(
    [...new Set(outcomes)].filter(outcome => outcome !== 'ECONNRESET'),
    ['a'],
  );
});

test('without holder and main worker the further ones end, and the link starts a new router', async t => {
  const instance = await startInstance(t);
  const address = `127.0.0.1:${await deadPort()}`;
  const router = await TestRouter.create(t);
  publish(router, 3, anyRoute('a', { id: 'a', port: instance.port }));
  await router.link.ensure([address]);
  await running(router, 3);
  const { record } = router;
  signalProcess(record.holder, 'SIGKILL');
  signalProcess(record.worker, 'SIGKILL');
  await eventually('there is another', () => router.record.worker.pid !== record.worker.pid);
  await running(router, 3);
  await eventually('the old ones have ended', () => !record.further.some(isAlive));
  assert.equal(await fetchOnce(portOf(address)), String(instance.child.pid));
});

test('kill -9 of the holder: all workers are succeeded, and nobody notices', async t => {
  const instance = await startInstance(t);
  const router = await started(t, 3, anyRoute('a', { id: 'a', port: instance.port }));
  const { port, record } = router;
  const old = router.processes();
  const streams = [true, false].map(keepAlive => new Stream(() => port, { clients: 4, keepAlive }));
  signalProcess(record.holder, 'SIGKILL');
  await eventually('there is another holder', () => router.record.holder.pid !== record.holder.pid);
  await running(router, 3);
  await eventually('the old ones have ended', () => !old.some(isAlive));
  const outcomes = await Promise.all(streams.map(stream => stream.stop()));
  assert.deepEqual(
    outcomes.flatMap(outcome => outcome.failures),
    [],
  );
});

test('a router whose home is gone ends with all its workers once the main one dies', async t => {
  const router = await started(t, 3, anyRoute('a', { id: 'a', port: 1 }));
  const { record } = router;
  const processes: readonly ProcessIdentity[] = router.processes();
  router.link.close();
  rmSync(router.home, { recursive: true });
  signalProcess(record.worker, 'SIGKILL');
  await eventually('all have ended', () => !processes.some(isAlive));
});

test('a worker that is stuck does not hold the statistics up, and stop ends it too', async t => {
  const instance = await startInstance(t);
  const router = await started(t, 2, anyRoute('a', { id: 'a', port: instance.port }));
  const [stuck] = router.record.further;
  assert.ok(stuck);
  signalProcess(stuck, 'SIGSTOP');
  const stats = await router.link.stats();
  assert.ok(stats, 'there is an answer');
  assert.equal(
    stats.workers.some(({ pid }) => pid === router.record.worker.pid),
    true,
  );
  await router.link.stop(0);
  assert.equal(isAlive(stuck), false);
});

test('workers may have as many descriptors as the system allows', async t => {
  const router = await started(t, 2);
  for (const { pid } of [router.record.worker, ...router.record.further]) {
    const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? [];
    assert.equal(soft, hard);
  }
});

test('descriptors run short: new connections are closed without a spin, those accepted are served, and it passes', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t, '', ['/bin/sh', '-c', 'ulimit -n 96; exec "$@"', 'sh', ...routerCommand]);
  publish(router, 1, anyRoute('a', { id: 'a', port: instance.port }));
  await router.link.ensure(['127.0.0.1:0']);
  await running(router, 1);
  const { port } = router;
  const { worker } = router.record;
  const clients = Array.from({ length: 200 }, () => new RawClient(port));
  await eventually('most are closed', () => clients.filter(client => client.ended).length > 100);
  assert.ok(((await router.link.stats())?.rejected['descriptors-short'] ?? 0) > 100);
  const before = cpuTicks(worker.pid);
  const from = performance.now();
  await eventually('half a second passes', () => performance.now() - from > 500);
  assert.ok(cpuTicks(worker.pid) - before < 25, 'it does not spin');
  const kept = clients.filter(client => !client.ended);
  assert.ok(kept.length > 20, `${kept.length} were let in`);
  for (const client of kept.slice(0, 10)) client.head('GET / HTTP/1.1', 'Host: x');
  await eventually('they are answered', () => kept.slice(0, 10).every(client => client.received.includes('200 OK')));
  for (const client of clients) client.socket.destroy();
  await eventually('others are let in', async () => {
    const answer = await fetchOnce(port).catch(() => undefined);
    return answer === String(instance.child.pid);
  });
  assert.deepEqual(router.record.worker, worker);
});

/** Of 10 ms, in user and system mode. */
function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}
