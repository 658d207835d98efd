/** What a service says about its traffic, on real sockets: who waits, who is spared, what is tried again. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultTraffic, type TrafficSpec } from '../../src/domain/traffic-spec.ts';
import type { ServiceTraffic } from '../../src/router-link/protocol.ts';
import { eventually } from '../helpers/eventually.ts';
import { deadPort, httpInstance, RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

type Instance = Parameters<typeof anyRoute>[1];

function service(traffic: Partial<TrafficSpec>, ...instances: readonly Instance[]) {
  return { ...anyRoute('a', ...instances), traffic: { ...defaultTraffic, ...traffic } };
}

function counts(router: TestForwarder): ServiceTraffic {
  const own = router.stats().services['a'];
  assert.ok(own);
  return own;
}

async function get(router: TestForwarder, path = '/', headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${router.port}${path}`, { headers });
  return { status: response.status, body: await response.text(), headers: response.headers };
}

/** Answers when the test says so, with its name and the path. */
async function heldInstance(t: TestContext, name = '') {
  const held: { path: string; answer: () => void }[] = [];
  const port = await httpInstance(t, (request, response) => {
    held.push({ path: `${request.url}`, answer: () => void response.end(`${name}${request.url}`) });
  });
  return { port, held };
}

test('who finds the instance busy waits, and is served in order; more than may wait are told so at once', async t => {
  const { port, held } = await heldInstance(t);
  const traffic = { maxConnections: 1, queue: { size: 3, timeout: 60_000 } };
  const router = await TestForwarder.create(t, [service(traffic, { id: 'a', port })]);
  const order: string[] = [];
  const answers = ['/1', '/2', '/3', '/4'].map(async path => {
    await eventually('its turn to come', () => counts(router).inFlight === Number(path[1]) - 1);
    const { body } = await get(router, path);
    order.push(body);
  });
  await eventually('three wait', () => counts(router).queued === 3);
  const full = await get(router, '/5');
  assert.deepEqual([full.status, JSON.parse(full.body).code], [503, 'SLIP_SERVICE_BUSY']);
  assert.equal(full.headers.get('retry-after'), '1');
  for (let round = 1; round <= 4; round++) {
    await eventually('the request', () => held.length === round);
    held[round - 1]?.answer();
  }
  await Promise.all(answers);
  assert.deepEqual(order, ['/1', '/2', '/3', '/4']);
  assert.deepEqual(
    held.map(({ path }) => path),
    order,
  );
  const { queued, queue, unavailable } = counts(router);
  assert.deepEqual(
    { queued, queue, full: unavailable['queue-full'] },
    { queued: 0, queue: { admitted: 3, timeout: 0, full: 1, gone: 0 }, full: 1 },
  );
});

test('who has waited for too long gets 503, on a connection that goes on; who leaves does not wait', async t => {
  const { port, held } = await heldInstance(t);
  const router = await TestForwarder.create(t, [
    service({ maxConnections: 1, queue: { size: 10, timeout: 300 } }, { id: 'a', port }),
  ]);
  const first = new RawClient(router.port).head('GET /1 HTTP/1.1', 'Host: x');
  await eventually('the first', () => held.length === 1);
  const late = new RawClient(router.port).head('GET /late HTTP/1.1', 'Host: x');
  await eventually('the answer', () => late.status === 503);
  assert.match(late.received, /SLIP_SERVICE_BUSY/);
  assert.equal(late.ended, false);
  const gone = new RawClient(router.port).head('GET /gone HTTP/1.1', 'Host: x');
  await eventually('it waits', () => counts(router).queued === 1);
  gone.socket.resetAndDestroy();
  await eventually('it waits no more', () => counts(router).queued === 0);
  late.received = '';
  late.head('GET /again HTTP/1.1', 'Host: x');
  await eventually('it waits', () => counts(router).queued === 1);
  held[0]?.answer();
  await eventually('the next', () => held[1]?.path === '/again');
  held[1]?.answer();
  await eventually('the answer', () => late.received.endsWith('/again'));
  assert.deepEqual(counts(router).queue, { admitted: 1, timeout: 1, full: 0, gone: 1 });
  for (const client of [first, late]) client.socket.destroy();
});

test('no more is read of a body while its request waits, and then it comes whole', async t => {
  const size = 30_000_000;
  let received = 0;
  const held: (() => void)[] = [];
  const port = await httpInstance(t, (request, response) => {
    request.on('data', chunk => {
      received += chunk.length;
    });
    if (request.method === 'GET') held.push(() => response.end('ok'));
    else request.on('end', () => response.end('ok'));
  });
  const router = await TestForwarder.create(t, [service({ maxConnections: 1 }, { id: 'a', port })]);
  const first = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x');
  await eventually('the first', () => held.length === 1);
  const client = new RawClient(router.port).head('POST / HTTP/1.1', 'Host: x', `Content-Length: ${size}`);
  client.socket.write(Buffer.alloc(size));
  await eventually('it waits', () => counts(router).queued === 1);
  await eventually('the kernel takes no more', async () => {
    const before = client.socket.bytesWritten - client.socket.writableLength;
    await sleep(50);
    return client.socket.bytesWritten - client.socket.writableLength === before;
  });
  assert.ok(client.socket.writableLength > 0, 'the rest is still with the client');
  held[0]?.();
  await eventually('the answer', () => client.received.endsWith('ok'));
  assert.equal(received, size);
  for (const one of [first, client]) one.socket.destroy();
});

test('upgraded connections take their places; what joins gives some to those who wait', async t => {
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n';
  const port = await rawInstance(t, socket => {
    socket.once('data', () => socket.write(switching));
    socket.on('end', () => socket.end());
  });
  const other = await httpInstance(t, (_request, response) => void response.end('other'));
  const traffic = { maxConnections: 1, queue: { size: 10, timeout: 60_000 } };
  const router = await TestForwarder.create(t, [service(traffic, { id: 'a', port })]);
  const upgraded = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: chat');
  await eventually('the switch', () => upgraded.status === 101);
  const waits = get(router);
  await eventually('it waits', () => counts(router).queued === 1);
  router.apply([service(traffic, { id: 'a', port }, { id: 'b', port: other })]);
  assert.equal((await waits).body, 'other');
  upgraded.socket.destroy();
  await eventually('nothing is in flight', () => counts(router).inFlight === 0);
});

test('an instance that keeps failing is passed over, whatever else it answers in between is not in a row', async t => {
  let good = false;
  const bad = await httpInstance(t, (_request, response) => {
    response.statusCode = good ? 200 : 503;
    response.end('bad');
  });
  const well = await httpInstance(t, (_request, response) => void response.end('well'));
  const ejection = { failures: 2, initial: 60_000, max: 60_000 };
  const router = await TestForwarder.create(t, [
    service({ ejection }, { id: 'bad', port: bad }, { id: 'well', port: well }),
  ]);
  const bodies = async (count: number) => {
    const got: string[] = [];
    for (let index = 0; index < count; index++) got.push((await get(router)).body);
    return got;
  };
  assert.deepEqual(await bodies(2), ['bad', 'well']);
  good = true;
  assert.deepEqual(await bodies(2), ['bad', 'well']);
  good = false;
  assert.deepEqual(await bodies(7), ['bad', 'well', 'bad', 'well', 'well', 'well', 'well']);
  assert.deepEqual([counts(router).ejections, counts(router).ejected], [1, 1]);
});

test('resets and silence count as failures of an instance too', async t => {
  const mute = await rawInstance(t, socket => socket.resume());
  const rude = await rawInstance(t, socket => socket.once('data', () => socket.resetAndDestroy()));
  const ejection = { failures: 1, initial: 60_000, max: 60_000 };
  for (const [port, status] of [
    [mute, 504],
    [rude, 502],
  ] as const) {
    const well = await httpInstance(t, (_request, response) => void response.end('well'));
    const router = await TestForwarder.create(
      t,
      [service({ ejection }, { id: 'bad', port }, { id: 'well', port: well })],
      { headTimeout: 300 },
    );
    assert.equal((await get(router)).status, status);
    for (let round = 0; round < 3; round++) assert.equal((await get(router)).body, 'well');
  }
});

test('a request is tried again only as often as the service says', async t => {
  const well = await httpInstance(t, (_request, response) => void response.end('well'));
  const dead = await Promise.all(['x', 'y', 'z'].map(async id => ({ id, port: await deadPort() })));
  const tries = async (attempts: number) => {
    const retries = { attempts, budget: 1 };
    const router = await TestForwarder.create(t, [service({ retries }, ...dead, { id: 'well', port: well })]);
    const { status } = await get(router);
    return { status, tried: router.logged.map(({ endpoint }) => endpoint), retries: counts(router).retries };
  };
  assert.deepEqual(await tries(0), { status: 502, tried: ['x'], retries: 0 });
  assert.deepEqual(await tries(2), { status: 502, tried: ['x', 'y', 'z'], retries: 2 });
  assert.deepEqual(await tries(3), { status: 200, tried: ['x', 'y', 'z'], retries: 3 });
});

test('beyond the budget a failure is answered as it is', async t => {
  const well = await httpInstance(t, (_request, response) => void response.end('well'));
  const dead = await deadPort();
  // Each request meets the dead one first: it is never passed over for longer than a moment.
  const traffic: Partial<TrafficSpec> = {
    balance: { policy: 'hash', by: { kind: 'header', name: 'x-key' } },
    ejection: { failures: 1, initial: 1, max: 1 },
    retries: { attempts: 2, budget: 0 },
  };
  const router = await TestForwarder.create(t, [
    service(traffic, { id: 'dead', port: dead }, { id: 'well', port: well }),
  ]);
  let key = 0;
  await eventually('a key of the dead one', async () => {
    const before = router.logged.length;
    await get(router, '/', { 'x-key': `${++key}` });
    return router.logged.length > before;
  });
  const statuses: number[] = [];
  await eventually('more retries than are allowed in a second', async () => {
    await sleep(2);
    statuses.push((await get(router, '/', { 'x-key': `${key}` })).status);
    return counts(router).retriesRefused > 0;
  });
  assert.ok(statuses.includes(200));
  assert.equal(statuses.filter(status => status === 502).length, counts(router).retriesRefused);
});

test('requests are told apart by a header, a cookie or where they come from', async t => {
  const instances = await Promise.all(
    ['a', 'b', 'c', 'd'].map(async id => ({ id, port: await httpInstance(t, (_, response) => void response.end(id)) })),
  );
  const by = async (hash: Extract<TrafficSpec['balance'], { policy: 'hash' }>['by']) =>
    TestForwarder.create(t, [service({ balance: { policy: 'hash', by: hash } }, ...instances)]);
  const owners = async (router: TestForwarder, headers: (key: number) => Record<string, string>) => {
    const got: string[] = [];
    for (let key = 0; key < 20; key++) got.push((await get(router, '/', headers(key))).body);
    return got;
  };
  const byHeader = await by({ kind: 'header', name: 'x-user' });
  const first = await owners(byHeader, key => ({ 'X-User': `u${key}` }));
  assert.ok(new Set(first).size > 1);
  assert.deepEqual(await owners(byHeader, key => ({ 'x-user': `u${key}`, 'x-other': `${Math.random()}` })), first);
  const byCookie = await by({ kind: 'cookie', name: 'sid' });
  const second = await owners(byCookie, key => ({ Cookie: `xsid=1; sid=u${key}; sid2=${Math.random()}` }));
  assert.deepEqual(second, first, 'the same key is the same to all');
  assert.ok(new Set(await owners(byCookie, () => ({ Cookie: 'other=1' }))).size === 4, 'without a key in turn');
  assert.equal(new Set(await owners(await by({ kind: 'source' }), key => ({ Cookie: `sid=${key}` }))).size, 1);
});

test('a service that mostly fails is spared, and comes back by one request that succeeds', async t => {
  let status = 500;
  let asked = 0;
  const held: (() => void)[] = [];
  const port = await httpInstance(t, (request, response) => {
    asked += 1;
    response.statusCode = status;
    if (request.url === '/held') held.push(() => response.end());
    else response.end();
  });
  const breaker = { failureRatio: 0.5, requests: 4, within: 60_000, open: 500 };
  const router = await TestForwarder.create(t, [service({ breaker, ejection: false }, { id: 'a', port })]);
  for (let count = 0; count < 4; count++) await get(router);
  assert.deepEqual(counts(router).breaker, { closed: 1, open: 0, 'half-open': 0 }, '500 is the service’s own answer');
  status = 502;
  for (let count = 0; count < 4; count++) assert.equal((await get(router)).status, 502);
  assert.deepEqual(counts(router).breaker, { closed: 0, open: 1, 'half-open': 0 });
  const refused = await get(router);
  assert.deepEqual([refused.status, JSON.parse(refused.body).code], [503, 'SLIP_SERVICE_FAILING']);
  assert.equal(refused.headers.get('retry-after'), '1');
  assert.equal(asked, 8, 'it was not asked');
  status = 200;
  let trial = new RawClient(router.port);
  await eventually('one to be let through', async () => {
    trial.socket.destroy();
    trial = new RawClient(router.port).head('GET /held HTTP/1.1', 'Host: x');
    await eventually('the request or a refusal', () => held.length === 1 || trial.status === 503);
    return held.length === 1;
  });
  assert.equal((await get(router)).status, 503);
  trial.socket.destroy();
  await eventually('nothing in flight', () => counts(router).inFlight === 0);
  assert.equal((await get(router)).status, 200, 'nothing came of the first that tried, so another may');
  assert.deepEqual(counts(router).breaker, { closed: 1, open: 0, 'half-open': 0 });
  assert.ok((counts(router).unavailable['breaker-open'] ?? 0) >= 2);
});

test('instances that can’t be reached open the breaker, a queue that is full does not', async t => {
  const breaker = { failureRatio: 0.5, requests: 2, within: 60_000, open: 60_000 };
  const dead = await TestForwarder.create(t, [service({ breaker }, { id: 'a', port: await deadPort() })]);
  assert.deepEqual([(await get(dead)).status, (await get(dead)).status, (await get(dead)).status], [502, 502, 503]);
  const { port, held } = await heldInstance(t);
  const busy = await TestForwarder.create(t, [
    service({ breaker, maxConnections: 1, queue: { size: 0, timeout: 1_000 } }, { id: 'a', port }),
  ]);
  const first = get(busy);
  await eventually('the request', () => held.length === 1);
  for (let count = 0; count < 5; count++) assert.equal(JSON.parse((await get(busy)).body).code, 'SLIP_SERVICE_BUSY');
  held[0]?.answer();
  assert.equal((await first).status, 200);
  assert.equal(counts(busy).breaker['closed'], 1);
});

test('upgraded connections of an instance that leaves have their grace, requests have their time', async t => {
  const sockets: Socket[] = [];
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n';
  let answer = () => {};
  const port = await rawInstance(t, socket => {
    sockets.push(socket);
    socket.once('data', chunk => {
      if (String(chunk).includes('Upgrade')) socket.write(switching);
      else answer = () => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow');
    });
    socket.on('end', () => socket.end());
  });
  const router = await TestForwarder.create(t, [service({ upgradeGrace: 300 }, { id: 'a', port })]);
  const upgraded = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: chat');
  await eventually('the switch', () => upgraded.status === 101);
  const slow = get(router);
  await eventually('both', () => counts(router).inFlight === 2 && sockets.length === 2);
  const from = performance.now();
  router.apply([service({ upgradeGrace: 60_000 })]);
  sockets[0]?.write('still here');
  await eventually('what it says', () => upgraded.received.endsWith('still here'));
  assert.equal(upgraded.ended, false);
  await eventually('the end', () => upgraded.ended);
  assert.ok(performance.now() - from >= 300);
  await eventually('one less', () => counts(router).inFlight === 1);
  assert.deepEqual([...router.balancer.leaving()], [['a', 1]]);
  answer();
  assert.equal((await slow).body, 'slow');
  await eventually('it is vacated', () => router.balancer.leaving().size === 0);
});
