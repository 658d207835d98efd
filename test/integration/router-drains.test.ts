/** Instances that go, with a real router before them: what is in flight is finished, and nothing fails. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { isAlive, signalProcess } from '../../src/router-link/identity.ts';
import { eventually } from '../helpers/eventually.ts';
import { deadPort, heldInstance, RawClient } from '../helpers/forwarder.ts';
import { anyRoute, portOf, TestRouter } from '../helpers/router.ts';
import { fetchOnce, Stream, startInstance } from '../helpers/traffic.ts';

const never = new AbortController().signal;

/** Whether it is settled, without waiting. */
function watch(promise: Promise<void>) {
  const watched = { settled: false, promise };
  void promise.then(() => {
    watched.settled = true;
  });
  return watched;
}

test('drained is told when the last request is done, not before', async t => {
  const [one, two] = [await heldInstance(t, 'one'), await heldInstance(t, 'two')];
  const router = await TestRouter.create(t);
  router.link.publish([anyRoute('a', { id: 'one', port: one.port })]);
  await router.link.ensure(['127.0.0.1:0']);
  const slow = fetchOnce(router.port, '/held');
  await eventually('it is in flight', async () => (await router.link.stats())?.services['a']?.inFlight === 1);
  const early = watch(router.link.drained('one', never));
  router.link.publish([anyRoute('a', { id: 'two', port: two.port })]);
  const drained = watch(router.link.drained('one', never));
  assert.equal(await fetchOnce(router.port), 'two');
  assert.equal(early.settled || drained.settled, false);
  one.finish();
  assert.equal(await slow, 'one');
  await Promise.all([early.promise, drained.promise]);
  await router.link.drained('one', never);
  await router.link.drained('never-heard-of', never);
});

test('a drain can be given up', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure(['127.0.0.1:0']);
  const patience = new AbortController();
  const drained = router.link.drained('a', patience.signal);
  patience.abort(new Error('enough'));
  await assert.rejects(drained, /enough/);
  await assert.rejects(router.link.drained('a', patience.signal), /enough/);
});

test('without a router there is nothing to drain', async t => {
  const router = await TestRouter.create(t);
  await router.link.drained('a', never);
  await router.link.ensure(['127.0.0.1:0']);
  router.link.publish([anyRoute('a', { id: 'a', port: 1 })]);
  const drained = router.link.drained('a', never);
  await router.link.stop(0);
  await drained;
  await router.link.drained('a', never);
});

test('an open WebSocket is in flight', async t => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new WebSocketServer({ server });
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  });
  const router = await TestRouter.create(t);
  router.link.publish([anyRoute('a', { id: 'a', port: (server.address() as AddressInfo).port })]);
  await router.link.ensure(['127.0.0.1:0']);
  await eventually('the table is confirmed', () => router.link.status().table === 1);
  const socket = new WebSocket(`ws://127.0.0.1:${router.port}/`);
  await once(socket, 'open');
  router.link.publish([anyRoute('a')]);
  const drained = watch(router.link.drained('a', never));
  await eventually('the new table is confirmed', () => router.link.status().table === 2);
  await router.link.stats();
  assert.equal(drained.settled, false);
  socket.close();
  await drained.promise;
});

test('what is in flight on a worker that was succeeded counts, also after its successor crashed', async t => {
  const instance = await heldInstance(t, 'a');
  const router = await TestRouter.create(t);
  const address = `127.0.0.1:${await deadPort()}`;
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure([address]);
  await eventually('it serves', () => router.link.status().table >= 1);
  const slow = fetchOnce(portOf(address), '/held');
  // Connections without a request, which the old worker keeps for a while.
  const kept = Array.from({ length: 40 }, () => new RawClient(portOf(address)).head('GET / HTTP/1.1', 'Host: x'));
  await eventually('all are known', async () => {
    const stats = await router.link.stats();
    return stats?.services['a']?.inFlight === 1 && stats.openConnections === kept.length + 1;
  });
  const { worker } = router.record;
  await router.link.ensure([address, '127.0.0.1:0']);
  assert.deepEqual(router.record.leaving, [worker]);
  router.link.publish([anyRoute('a')]);
  const drained = watch(router.link.drained('a', never));

  await eventually('the old worker knows the new table', async () => {
    const client = kept.pop();
    assert.ok(client, 'one of its connections is left');
    client.received = '';
    client.head('GET /again HTTP/1.1', 'Host: x');
    await eventually('the answer', () => client.ended);
    client.socket.destroy();
    return client.status === 503;
  });
  assert.equal(drained.settled, false);
  for (const client of kept) client.socket.destroy();

  signalProcess(router.record.worker, 'SIGKILL');
  await eventually('the successor is back', () => router.link.status().state === 'running');
  await router.link.stats();
  assert.equal(drained.settled, false);
  instance.finish();
  assert.equal(await slow, 'a');
  await drained.promise;
  await eventually('the old worker ended', () => !isAlive(worker));
});

test('kill -9 of an instance under load: only what was in flight on it fails', async t => {
  const instances = [await startInstance(t), await startInstance(t), await startInstance(t)];
  const router = await TestRouter.create(t);
  const [victim] = instances;
  assert.ok(victim);
  router.link.publish([anyRoute('a', ...instances.map(({ port }, index) => ({ id: `a.${index}`, port })))]);
  await router.link.ensure(['127.0.0.1:0']);
  await eventually('it serves', () => router.link.status().table >= 1);
  const { port } = router;
  const clients = 8;
  const streams = [true, false].map(
    keepAlive => new Stream(() => port, { clients: clients / 2, keepAlive, path: '/5' }),
  );
  const served = () => streams.reduce((sum, { outcome }) => sum + outcome.served, 0);
  await eventually('there is load', () => served() > 200);
  victim.child.kill('SIGKILL');
  const atKill = served();
  await eventually('the load goes on', () => served() > atKill + 300);
  // The instance comes back on its port, without the table being told.
  await startInstance(t, victim.port);
  await eventually('and on', () => served() > atKill + 1_000);
  const outcomes = await Promise.all(streams.map(stream => stream.stop()));
  const failures = outcomes.flatMap(outcome => outcome.failures);
  assert.ok(failures.length <= clients, `${failures.length} requests failed`);
  assert.deepEqual(
    failures.filter(failure => failure !== '502'),
    [],
  );
  t.diagnostic(`${failures.length} of ${served()} requests failed, with ${clients} in flight`);
});

test('instances that are replaced one after another under load: no request fails', async t => {
  const router = await TestRouter.create(t);
  let current = [await startInstance(t), await startInstance(t)];
  const publish = () =>
    router.link.publish([anyRoute('a', ...current.map(({ child, port }) => ({ id: `a.${child.pid}`, port })))]);
  publish();
  await router.link.ensure(['127.0.0.1:0']);
  await eventually('it serves', () => router.link.status().table >= 1);
  const { port } = router;
  const streams = [true, false].map(keepAlive => new Stream(() => port, { clients: 4, keepAlive, path: '/3' }));
  for (let round = 0; round < 4; round++) {
    const [old, ...others] = current;
    assert.ok(old);
    current = [...others, await startInstance(t)];
    publish();
    await router.link.drained(`a.${old.child.pid}`, never);
    old.child.kill('SIGKILL');
    const before = streams.map(({ outcome }) => outcome.served);
    await eventually('all are served on', () =>
      streams.every(({ outcome }, index) => outcome.served > (before[index] ?? 0) + 10),
    );
  }
  const outcomes = await Promise.all(streams.map(stream => stream.stop()));
  assert.deepEqual(
    outcomes.flatMap(outcome => outcome.failures),
    [],
  );
});
