/** gRPC from end to end: unary calls and streams, statuses, cancelled calls; each stream is balanced by itself. */
import assert from 'node:assert/strict';
import type { ServerHttp2Stream } from 'node:http2';
import test, { type TestContext } from 'node:test';
import { defaultTraffic } from '../../src/domain/traffic-spec.ts';
import { eventually } from '../helpers/eventually.ts';
import { TestForwarder } from '../helpers/forwarder.ts';
import { framed, GrpcCall, serveGrpc } from '../helpers/grpc.ts';
import { http2Client, http2Instance } from '../helpers/http2.ts';
import { anyRoute } from '../helpers/router.ts';

async function setUp(t: TestContext) {
  const served: ServerHttp2Stream[] = [];
  const instance = await http2Instance(t, (stream, headers) => {
    served.push(stream);
    assert.equal(headers['grpc-timeout'], '10S');
    assert.equal(headers['te'], 'trailers');
    serveGrpc(stream, headers);
  });
  const service = anyRoute('a', { id: 'a', port: instance.port });
  const router = await TestForwarder.create(t, [{ ...service, traffic: { ...defaultTraffic, protocol: 'h2c' } }]);
  const session = await http2Client(t, `http://127.0.0.1:${router.port}`);
  return { served, instance, router, call: (path: string) => new GrpcCall(session, path) };
}

test('a unary call', async t => {
  const { call } = await setUp(t);
  const one = call('/echo').send('a');
  one.stream.end();
  await eventually('its end', () => one.isClosed);
  assert.deepEqual(one.messages.all, ['echo a']);
  assert.equal(one.headers['content-type'], 'application/grpc');
  assert.equal(one.trailers['grpc-status'], '0');
  assert.equal(one.trailers['grpc-message'], 'fine');
});

test('a stream of answers', async t => {
  const { call } = await setUp(t);
  const one = call('/list').send('5000');
  one.stream.end();
  await eventually('its end', () => one.isClosed);
  assert.equal(one.messages.all.length, 5_000);
  assert.equal(one.status, '0');
});

test('a stream of requests', async t => {
  const { call } = await setUp(t);
  const one = call('/sum');
  for (let index = 0; index < 5_000; index++) one.send(`${index}`);
  one.stream.end();
  await eventually('its end', () => one.isClosed);
  assert.deepEqual(one.messages.all, ['5000']);
});

test('streams in both directions: nothing waits for more', async t => {
  const { call, router } = await setUp(t);
  const one = call('/echo');
  await eventually('the head of the response, before any message', () => Number(one.headers[':status']) === 200);
  for (let index = 0; index < 20; index++) {
    one.send(`${index}`);
    await eventually('the answer', () => one.messages.all.length === index + 1);
  }
  assert.equal(router.stats().services['a']?.inFlight, 1);
  one.stream.end();
  await eventually('its end', () => one.isClosed);
  assert.equal(one.status, '0');
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('an error without a message', async t => {
  const { call } = await setUp(t);
  const one = call('/deny').send('a');
  one.stream.end();
  await eventually('its end', () => one.isClosed);
  assert.deepEqual(one.messages.all, []);
  assert.equal(one.headers['grpc-status'], '7');
});

test('a call that is cancelled is cancelled at the instance, and does not look whole there', async t => {
  const { call, served, router, instance } = await setUp(t);
  let hasEnded = false;
  const one = call('/echo').send('a');
  await eventually('the answer', () => one.messages.all.length === 1);
  const [stream] = served;
  assert.ok(stream);
  stream.on('end', () => {
    hasEnded = true;
  });
  one.stream.destroy(new Error('cancelled')); // To close it would end the request first.
  await eventually('the news', () => stream.destroyed);
  assert.equal(stream.aborted, true);
  assert.equal(hasEnded, false);
  const next = call('/echo').send('b');
  next.stream.end();
  await eventually('the next answer', () => next.isClosed && next.status === '0');
  assert.equal(instance.connections, 1);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('each call of a connection goes to the next instance', async t => {
  const counts = [0, 0, 0];
  const instances = await Promise.all(
    counts.map((_, index) =>
      http2Instance(t, (stream, headers) => {
        counts[index] = (counts[index] ?? 0) + 1;
        serveGrpc(stream, headers);
      }),
    ),
  );
  const endpoints = instances.map(({ port }, index) => ({ id: `a/${index}`, host: '127.0.0.1', port }));
  const service = { ...anyRoute('a', { id: 'a', port: 1 }), endpoints };
  const router = await TestForwarder.create(t, [{ ...service, traffic: { ...defaultTraffic, protocol: 'h2c' } }]);
  const session = await http2Client(t, `http://127.0.0.1:${router.port}`);
  const calls = Array.from({ length: 30 }, () => new GrpcCall(session, '/echo').send('a'));
  for (const { stream } of calls) stream.end();
  await eventually('their end', () => calls.every(({ isClosed }) => isClosed));
  assert.ok(calls.every(({ status }) => status === '0'));
  assert.deepEqual(counts, [10, 10, 10]);
});

test('an instance that is done before its caller is', async t => {
  const instance = await http2Instance(t, stream => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '8' }));
    stream.once('data', () => stream.end(framed('enough')));
  });
  const service = anyRoute('a', { id: 'a', port: instance.port });
  const router = await TestForwarder.create(t, [{ ...service, traffic: { ...defaultTraffic, protocol: 'h2c' } }]);
  const call = new GrpcCall(await http2Client(t, `http://127.0.0.1:${router.port}`), '/early').send('a');
  await eventually('its status', () => call.status === '8');
  assert.deepEqual(call.messages.all, ['enough']);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});
