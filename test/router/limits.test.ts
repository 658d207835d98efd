/** Every limit of `router.limits` is kept to, and a new one holds on connections that are open. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import test, { type TestContext } from 'node:test';
import { defaultSettings } from '../../src/domain/router-spec.ts';
import { defaultLimits } from '../../src/router/plane/forwarder.ts';
import { forwardLimits } from '../../src/router/policy/limits.ts';
import { ask, echo } from '../helpers/ask.ts';
import { eventually } from '../helpers/eventually.ts';
import { httpInstance, RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

test('where nothing is said, it is what the data plane does by itself', () => {
  assert.deepEqual(forwardLimits(defaultSettings.limits), defaultLimits);
});

test('each limit that can be set comes to the data plane', () => {
  const names = Object.keys({ ...defaultSettings.limits, body: 0 });
  const limits = Object.fromEntries(names.map((name, index) => [name, 1_000_003 + index]));
  const set = Object.values(forwardLimits(limits as never));
  for (const name of names) assert.ok(set.includes(limits[name] as number), name);
});

interface Case {
  readonly limit: Parameters<typeof TestForwarder.create>[2];
  readonly send: string;
  readonly status: number;
  readonly reason: string;
}

const cases: Readonly<Record<string, Case>> = {
  'head of a request': {
    limit: { maxHead: 1024 },
    send: `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(1100)}\r\n\r\n`,
    status: 431,
    reason: 'head-too-large',
  },
  target: {
    limit: { maxTarget: 256 },
    send: `GET /${'a'.repeat(256)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    status: 414,
    reason: 'target-too-long',
  },
  fields: {
    limit: { maxFields: 2 },
    send: 'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\nC: d\r\n\r\n',
    status: 431,
    reason: 'too-many-fields',
  },
  trailers: {
    limit: { maxTrailers: 256 },
    send: `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ${'a'.repeat(300)}\r\n\r\n`,
    status: 431,
    reason: 'trailers-too-large',
  },
  'body by length': {
    limit: { maxBody: 10 },
    send: 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n',
    status: 413,
    reason: 'body-too-large',
  },
  'body in chunks': {
    limit: { maxBody: 10 },
    send: 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\nabcde\r\n0\r\n\r\n',
    status: 413,
    reason: 'body-too-large',
  },
  headTimeout: {
    limit: { clientHeadTimeout: 50 },
    send: 'GET / HTTP/1.1\r\nHost',
    status: 408,
    reason: 'head-late',
  },
  bodyTimeout: {
    limit: { bodyTimeout: 50 },
    send: 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nabc',
    status: 408,
    reason: 'body-late',
  },
};

for (const [what, { limit, send, status, reason }] of Object.entries(cases)) {
  test(`${what}: ${status}, also when the limit comes while the connection is open`, async t => {
    const port = await httpInstance(t, echo('a'));
    const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
    const client = new RawClient(router.port);
    client.head('GET /first HTTP/1.1', 'Host: x');
    await eventually('an answer', () => client.status === 200 && client.received.includes('"/first"'));
    client.received = '';
    Object.assign(router.limits, limit);
    client.send(send);
    await eventually('the refusal', () => client.ended);
    assert.equal(client.status, status, client.received);
    assert.equal(router.stats().rejected[reason], 1);
    await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
  });
}

test('a body that keeps coming is not late, however long it takes in all', async t => {
  const port = await httpInstance(t, echo('a'));
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], { bodyTimeout: 400 });
  const client = new RawClient(router.port);
  client.head('POST / HTTP/1.1', 'Host: x', 'Content-Length: 10');
  let sent = 0;
  const timer = setInterval(() => {
    client.send('x');
    if (++sent === 10) clearInterval(timer);
  }, 100);
  t.after(() => clearInterval(timer));
  await eventually('an answer', () => client.status > 0);
  assert.equal(client.status, 200);
});

test('an instance has its own time from when it has the whole request', async t => {
  const port = await httpInstance(t, () => {});
  const limits = { bodyTimeout: 60_000, headTimeout: 50 };
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], limits);
  assert.equal((await ask(router.port, { method: 'POST', body: 'x' })).status, 504);
});

test('keepAlive ends a connection between two requests', async t => {
  const port = await httpInstance(t, echo('a'));
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port);
  client.head('GET / HTTP/1.1', 'Host: x');
  await eventually('an answer', () => client.status === 200);
  assert.equal(client.ended, false);
  router.limits.keepAlive = 50;
  await eventually('the end', () => client.ended);
});

test('idleTimeout cuts a response that stalls', async t => {
  const port = await rawInstance(t, socket =>
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')),
  );
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port);
  client.head('GET / HTTP/1.1', 'Host: x');
  await eventually('the first half', () => client.received.endsWith('half'));
  router.limits.idleTimeout = 50;
  await eventually('the end', () => client.ended);
});

test('connectTimeout passes an instance over that does not accept', async t => {
  const full = await fullPort(t);
  const port = await httpInstance(t, echo('a'));
  const services = [anyRoute('a', { id: 'dead', port: full }, { id: 'a', port })];
  const router = await TestForwarder.create(t, services, { connectTimeout: 100 });
  assert.equal((await ask(router.port)).status, 200);
  assert.match(String(router.logged[0]?.['cause']), /no connection within 100 ms/);
});

/** Of a process that is stopped, and whose queue is full. */
async function fullPort(t: TestContext): Promise<number> {
  const program = `require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    console.log(this.address().port);
  })`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => void child.kill('SIGKILL'));
  const port = Number(String((await once(child.stdout, 'data'))[0]));
  child.kill('SIGSTOP');
  let queued = 0;
  const waiting = Array.from({ length: 8 }, () => connect(port, '127.0.0.1', () => queued++).on('error', () => {}));
  t.after(() => {
    for (const socket of waiting) socket.destroy();
  });
  await eventually('the queue to be full', () => queued >= 2);
  return port;
}

test('a head or trailers of a response that are too large: 502, and cut off', async t => {
  const head = `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(1_100)}\r\nContent-Length: 0\r\n\r\n`;
  const fields = 'HTTP/1.1 200 OK\r\nA: a\r\nB: b\r\nContent-Length: 0\r\n\r\n';
  for (const [limits, answer] of [
    [{ maxHead: 1_024 }, head],
    [{ maxFields: 2 }, fields],
  ] as const) {
    const port = await rawInstance(t, socket => socket.on('data', () => socket.write(answer)));
    const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], limits);
    const client = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x');
    await eventually('the refusal', () => client.status > 0);
    assert.equal(client.status, 502);
  }
});

test('instanceKeepAlive closes an unused connection to an instance', async t => {
  let open = 0;
  const port = await rawInstance(t, socket => {
    open++;
    socket.on('close', () => open--);
    socket.on('end', () => socket.end());
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  await ask(router.port, { agent });
  assert.equal(open, 1);
  router.limits.poolIdle = 50;
  await ask(router.port, { agent });
  await eventually('it to be closed', () => open === 0);
});
