/** Connections by HTTP/2 as a whole: how much waits in them, and how they end. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import test from 'node:test';
import { gunzipSync } from 'node:zlib';
import { defaultTraffic } from '../../src/domain/traffic-spec.ts';
import { AccessLog } from '../../src/router/policy/access-log.ts';
import { eventually } from '../helpers/eventually.ts';
import { heldInstance, httpInstance, TestForwarder } from '../helpers/forwarder.ts';
import { answerOf, ask, FrameClient, frameType, http2Client, http2Instance, pseudo } from '../helpers/http2.ts';
import { anyRoute } from '../helpers/router.ts';
import { secureClient, tlsSpec } from '../helpers/tls.ts';

const much = 512 * 1024 * 1024;
const little = 16 * 1024 * 1024;
const piece = Buffer.alloc(64 * 1024);

/** Writes as much as is taken. */
function pour(into: Pick<Writable, 'write' | 'once'>): { poured: number } {
  const progress = { poured: 0 };
  const more = () => {
    while (progress.poured < much) {
      progress.poured += piece.length;
      if (!into.write(piece)) return void into.once('drain', more);
    }
  };
  more();
  return progress;
}

async function held(what: string, progress: () => number): Promise<number> {
  let before = -1;
  let calm = 0;
  await eventually(what, () => {
    const now = progress();
    calm = now > 0 && now === before ? calm + 1 : 0;
    before = now;
    return calm > 20;
  });
  return before;
}

for (const protocol of ['http1', 'h2c'] as const) {
  test(`a client that does not read is not read for (${protocol})`, async t => {
    let response = { poured: 0 };
    const port =
      protocol === 'http1'
        ? await httpInstance(t, (_request, answer) => {
            response = pour(answer);
          })
        : (
            await http2Instance(t, stream => {
              stream.respond({ ':status': 200 });
              response = pour(stream);
            })
          ).port;
    const service = { ...anyRoute('a', { id: 'a', port }), traffic: { ...defaultTraffic, protocol } };
    const router = await TestForwarder.create(t, [service]);
    const session = await http2Client(t, `http://127.0.0.1:${router.port}`);
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => {});
    await once(stream, 'response');
    const taken = await held('the instance is held back', () => response.poured);
    assert.ok(taken < little, `${taken} octets were taken for a client that reads none`);
    let came = 0;
    stream.on('data', chunk => {
      came += chunk.length;
    });
    await eventually('it goes on when the client reads', () => came > 2 * little);
    stream.destroy();
    await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
  });

  test(`an instance that does not read is not read for (${protocol})`, async t => {
    let take = () => {};
    let came = 0;
    const count = (chunk: Buffer) => {
      came += chunk.length;
    };
    const port =
      protocol === 'http1'
        ? await httpInstance(t, request => {
            take = () => void request.on('data', count);
          })
        : (
            await http2Instance(t, stream => {
              take = () => void stream.on('data', count);
            })
          ).port;
    const service = { ...anyRoute('a', { id: 'a', port }), traffic: { ...defaultTraffic, protocol } };
    const router = await TestForwarder.create(t, [service]);
    const session = await http2Client(t, `http://127.0.0.1:${router.port}`);
    const stream = session.request({ ':path': '/', ':method': 'POST' });
    stream.on('error', () => {});
    const request = pour(stream);
    const taken = await held('the client is held back', () => request.poured);
    assert.ok(taken < little, `${taken} octets were taken for an instance that reads none`);
    take();
    await eventually('it goes on when the instance reads', () => came > 2 * little);
    stream.destroy();
    await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
  });
}

test('RFC 9113, 6.8: a connection that is to end says so, finishes what it has, and ends', async t => {
  const { port, finish } = await heldInstance(t, 'a');
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new FrameClient(t, router.port).headers(1, pseudo('GET', '/held'));
  await eventually('the request', () => router.stats().services['a']?.inFlight === 1);
  const retired = router.forwarder.retire(60_000);
  await eventually('GOAWAY', () => client.goawayCode() === 0);
  assert.equal(client.of(frameType.goaway)[0]?.payload.readUInt32BE(0), 1, 'the last stream that is answered');
  client.headers(3, pseudo());
  assert.equal(client.ended, false);
  finish();
  await eventually('the answer', () => client.isComplete(1));
  await retired;
  await eventually('the end', () => client.ended);
  assert.equal(client.isComplete(3), false);
});

test('a connection without requests is closed after a while, one that never asks sooner', async t => {
  const port = await httpInstance(t, (_request, response) => response.end('ok'));
  const limits = { keepAlive: 600, clientHeadTimeout: 200 };
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], limits);
  const silent = new FrameClient(t, router.port);
  const client = new FrameClient(t, router.port).headers(1, pseudo());
  await eventually('the answer', () => client.isComplete(1));
  await eventually('the end', () => silent.ended);
  assert.equal(silent.goawayCode(), 0);
  assert.equal(client.ended, false);
  await eventually('the end', () => client.ended);
  assert.equal(client.goawayCode(), 0);
});

test('a body that stalls gets 408, and the connection goes on', async t => {
  const port = await httpInstance(t, (request, response) => {
    request.resume().on('end', () => response.end('ok'));
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], { headTimeout: 200 });
  const session = await http2Client(t, `http://127.0.0.1:${router.port}`);
  const stream = session.request({ ':path': '/', ':method': 'POST' });
  stream.write('abc');
  assert.equal((await answerOf(stream)).status, 408);
  assert.equal((await ask(session, { ':path': '/' })).status, 200);
});

test('what the router itself answers', async t => {
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port: 1 })], { maxTarget: 100 });
  router.apply([{ ...anyRoute('a', { id: 'a', port: 1 }), endpoints: [] }]);
  const session = await http2Client(t, `http://127.0.0.1:${router.port}`);
  const none = await ask(session, { ':path': '/' });
  assert.equal(none.status, 503);
  assert.equal(none.headers['content-type'], 'application/problem+json');
  assert.equal(none.headers['retry-after'], '1');
  assert.equal(none.headers['connection'], undefined);
  assert.equal(JSON.parse(none.body).code, 'SLIP_NO_READY_INSTANCE');
  assert.equal((await ask(session, { ':path': '/', ':method': 'HEAD' })).body, '');
  assert.equal((await ask(session, { ':path': `/${'a'.repeat(200)}` })).status, 414);
  assert.equal((await ask(session, { ':path': '/', 'x-a': 'a'.repeat(17_000) })).status, 431);
  assert.equal((await ask(session, { ':path': '/', ':authority': 'a@b' })).status, 400);
  const connect = session.request({ ':method': 'CONNECT', ':authority': 'x:1' }, { endStream: false });
  assert.equal((await answerOf(connect)).status, 501);
  router.apply([]);
  assert.equal((await ask(session, { ':path': '/' })).status, 404);
  router.configure({ redirectToHttps: 8443 });
  const moved = await ask(session, { ':path': '/a?b', ':authority': 'x' });
  assert.equal(moved.status, 308);
  assert.equal(moved.headers['location'], 'https://x:8443/a?b');
});

test('what a route asks for holds for each stream, and the access log tells of it', async t => {
  const text = 'All work and no play. '.repeat(2_000);
  const port = await httpInstance(t, (request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html', 'X-Seen': String(request.headers['x-set']) });
    request.resume().on('end', () => response.end(text));
  });
  const folder = await mkdtemp(join(tmpdir(), 'slipway-test-'));
  const silent = { info() {}, warn() {}, error() {} };
  const log = new AccessLog({ path: join(folder, 'access'), sample: 1 }, { log: silent, random: () => 0 });
  t.after(async () => {
    await log.close();
    await rm(folder, { recursive: true });
  });
  const route = {
    path: '/',
    stripPrefix: false,
    compress: true,
    maxBody: 10,
    requestHeaders: { set: { 'x-set': 'by route' }, add: {}, remove: [] },
    responseHeaders: { set: { 'x-own': '1' }, add: {}, remove: [] },
    rateLimit: { requests: 2, per: 3_600_000, burst: 2 },
  };
  const service = { ...anyRoute('a', { id: 'a', port }), routes: [route] };
  const router = await TestForwarder.create(t, [service], { accessLog: log });
  const session = await http2Client(t, `http://127.0.0.1:${router.port}`);
  const answer = await ask(session, { ':path': '/', 'accept-encoding': 'gzip' });
  assert.equal(answer.headers['content-encoding'], 'gzip');
  assert.equal(answer.headers['x-seen'], 'by route');
  assert.equal(answer.headers['x-own'], '1');
  assert.equal(gunzipSync(Buffer.from(answer.body, 'latin1')).toString(), text);
  const post = { ':path': '/', ':method': 'POST', 'content-length': 11 };
  const tooMuch = await ask(session, post, { body: 'x'.repeat(11) });
  assert.equal(tooMuch.status, 413);
  // What is refused for the size that it tells is not counted.
  assert.equal((await ask(session, { ':path': '/' })).status, 200);
  assert.equal((await ask(session, { ':path': '/' })).status, 429);
  const lines = await eventually('the log', () => {
    if (!existsSync(join(folder, 'access'))) return false;
    const all = readFileSync(join(folder, 'access'), 'utf8').trim().split('\n');
    return all.length === 4 && all;
  });
  assert.deepEqual(
    lines.map(line => [JSON.parse(line).http, JSON.parse(line).status]),
    [
      ['2', 200],
      ['2', 413],
      ['2', 200],
      ['2', 429],
    ],
  );
});

test('RFC 7301: by TLS, HTTP/2 is chosen before HTTP/1.1 where it is on', async t => {
  const router = await TestForwarder.create(t, []);
  const port = await router.listen(t, 'https://127.0.0.1:0');
  const chosen = async (...ALPNProtocols: string[]) => {
    const socket = await secureClient(port, { ALPNProtocols });
    socket.destroy();
    return socket.alpnProtocol;
  };
  router.configure({ tls: tlsSpec('first') });
  assert.equal(await chosen('http/1.1', 'h2'), 'h2');
  assert.equal(await chosen('http/1.1'), 'http/1.1');
  router.configure({ tls: tlsSpec('first'), http2: false });
  assert.equal(await chosen('http/1.1', 'h2'), 'http/1.1');
});

test('an instance that leaves is done when the streams to it are', async t => {
  const { port, finish } = await heldInstance(t, 'a');
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const session = await http2Client(t, `http://127.0.0.1:${router.port}`);
  const answer = ask(session, { ':path': '/held' });
  await eventually('the request', () => router.stats().services['a']?.inFlight === 1);
  router.apply([{ ...anyRoute('a', { id: 'a', port }), endpoints: [] }]);
  assert.equal(router.balancer.leaving().get('a'), 1);
  finish();
  assert.equal((await answer).status, 200);
  await eventually('it is done', () => router.balancer.leaving().size === 0);
});

test('a body that its instance does not take holds up no other of the connection', async t => {
  const port = await httpInstance(t, (request, response) => {
    if (request.url === '/stuck') return;
    request.resume().on('end', () => response.end('taken'));
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const session = await http2Client(t, `http://127.0.0.1:${router.port}`);
  const stuck = session.request({ ':path': '/stuck', ':method': 'POST' });
  stuck.on('error', () => {});
  const request = pour(stuck);
  await held('it is stuck', () => request.poured);
  const other = await ask(session, { ':path': '/', ':method': 'POST' }, { body: 'x'.repeat(100_000) });
  assert.equal(other.body, 'taken');
});
