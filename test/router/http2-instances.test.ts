/** Instances that speak HTTP/2: how many connections there are to them, and what becomes of requests when one ends. */
import assert from 'node:assert/strict';
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { defaultTraffic } from '../../src/domain/traffic-spec.ts';
import type { ForwardLimits } from '../../src/router/plane/forwarder.ts';
import { eventually } from '../helpers/eventually.ts';
import { deadPort, RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { ask, block, flag, frame, frameType, http2Client, http2Instance } from '../helpers/http2.ts';
import { anyRoute } from '../helpers/router.ts';

async function routerTo(t: TestContext, ports: readonly number[], limits: Partial<ForwardLimits> = {}) {
  const endpoints = ports.map((port, index) => ({ id: `a/${index}`, host: '127.0.0.1', port }));
  const service = { ...anyRoute('a', { id: 'a', port: 1 }), endpoints };
  const router = await TestForwarder.create(
    t,
    [{ ...service, traffic: { ...defaultTraffic, protocol: 'h2c' } }],
    limits,
  );
  return { router, session: await http2Client(t, `http://127.0.0.1:${router.port}`) };
}

const ok = (stream: ServerHttp2Stream, body = 'ok') => {
  stream.respond({ ':status': 200 });
  stream.end(body);
};

test('all requests share a connection, which is closed when it is not used', async t => {
  const instance = await http2Instance(t, stream => ok(stream));
  const { session } = await routerTo(t, [instance.port], { poolIdle: 300 });
  await Promise.all(Array.from({ length: 50 }, () => ask(session, { ':path': '/' })));
  for (let count = 0; count < 10; count++) assert.equal((await ask(session, { ':path': '/' })).body, 'ok');
  assert.equal(instance.connections, 1);
  await eventually('it is closed', () => instance.sessions.size === 0);
  assert.equal((await ask(session, { ':path': '/' })).body, 'ok');
  assert.equal(instance.connections, 2);
});

test('RFC 9113, 5.1.2: an instance that takes few streams at a time gets more connections', async t => {
  const held: ServerHttp2Stream[] = [];
  let most = 0;
  const instance = await http2Instance(
    t,
    stream => {
      held.push(stream);
      most = Math.max(most, held.filter(({ closed }) => !closed).length);
      if (held.length === 1) ok(stream);
    },
    { settings: { maxConcurrentStreams: 2 } },
  );
  const { session } = await routerTo(t, [instance.port]);
  await ask(session, { ':path': '/' }); // From now on the router knows.
  const answers = Array.from({ length: 5 }, () => ask(session, { ':path': '/' }));
  await eventually('all have come', () => held.length === 6);
  assert.ok(instance.connections >= 3, `${instance.connections}`);
  for (const stream of held.slice(1)) ok(stream);
  for (const answer of answers) assert.equal((await answer).status, 200);
});

test('a request that finds no one there goes to another instance', async t => {
  const instance = await http2Instance(t, stream => ok(stream));
  const { session, router } = await routerTo(t, [await deadPort(), instance.port]);
  for (let count = 0; count < 4; count++) {
    assert.equal((await ask(session, { ':path': '/', ':method': 'POST' }, { body: 'a' })).status, 200);
  }
  assert.equal(router.stats().services['a']?.retries, 1);
});

test('RFC 9113, 6.8: streams that a connection did not come to are asked for again, whatever they ask for', async t => {
  let bodies = '';
  const first: ServerHttp2Stream[] = [];
  const instance = await http2Instance(t, stream => {
    first.push(stream);
    if (instance.connections === 1 && first.length > 1) {
      // The stream before was the last that was looked at.
      stream.session?.goaway(0, (first[0] as ServerHttp2Stream).id as number);
      return;
    }
    stream.on('data', chunk => {
      bodies += chunk;
    });
    if (first.length > 1) stream.on('end', () => ok(stream, 'again'));
  });
  const { session } = await routerTo(t, [instance.port]);
  const before = ask(session, { ':path': '/' });
  await eventually('the first', () => first.length === 1);
  const answer = await ask(session, { ':path': '/', ':method': 'POST' }, { body: 'abc' });
  assert.equal(answer.body, 'again');
  assert.equal(bodies, 'abc');
  assert.equal(instance.connections, 2);
  ok(first[0] as ServerHttp2Stream, 'first');
  assert.equal((await before).body, 'first');
});

test('RFC 9113, 8.7: a stream that is refused is asked for again, and not for ever', async t => {
  let refusals = 1;
  let asked = 0;
  const instance = await http2Instance(t, stream => {
    asked += 1;
    if (refusals-- > 0) stream.close(7);
    else ok(stream);
  });
  const { session } = await routerTo(t, [instance.port]);
  assert.equal((await ask(session, { ':path': '/', ':method': 'POST' }, { body: 'a' })).status, 200);
  refusals = 100;
  asked = 0;
  assert.equal((await ask(session, { ':path': '/', ':method': 'POST' }, { body: 'a' })).status, 502);
  assert.equal(asked, 3);
});

test('a stream that is reset before its answer is answered with 502, and asked for once', async t => {
  let asked = 0;
  const instance = await http2Instance(t, stream => {
    asked += 1;
    stream.close(2);
  });
  const { session, router } = await routerTo(t, [instance.port]);
  for (const method of ['GET', 'POST']) {
    assert.equal((await ask(session, { ':path': '/', ':method': method })).status, 502);
  }
  assert.equal(asked, 2);
  assert.match(String(router.logged.at(-1)?.['cause']), /the stream was reset: INTERNAL_ERROR/);
});

test('a response that is reset, or whose connection is, is cut short for the client', async t => {
  for (const how of ['stream', 'connection']) {
    const instance = await http2Instance(t, stream => {
      stream.respond({ ':status': 200 });
      stream.write('abc');
      setTimeout(() => {
        if (how === 'connection') stream.session?.destroy();
        else stream.destroy(new Error('reset'));
      }, 30);
    });
    const { session, router } = await routerTo(t, [instance.port]);
    const { body, code } = await ask(session, { ':path': '/' });
    assert.equal(body, 'abc');
    assert.equal(code, 2);
    const client = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x');
    await eventually('the end', () => client.ended);
    assert.match(client.received, /\r\n\r\n3\r\nabc\r\n$/);
    client.socket.destroy();
  }
});

test('one that does not answer in time: 504, and its stream is reset', async t => {
  const streams: ServerHttp2Stream[] = [];
  const instance = await http2Instance(t, stream => void streams.push(stream));
  const { session } = await routerTo(t, [instance.port], { headTimeout: 200 });
  assert.equal((await ask(session, { ':path': '/' })).status, 504);
  await eventually('its end', () => streams[0]?.destroyed);
});

test('an instance that speaks HTTP/1.1 instead: 502', async t => {
  const port = await rawInstance(t, socket => {
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
  });
  const { session } = await routerTo(t, [port]);
  assert.equal((await ask(session, { ':path': '/' })).status, 502);
});

test('an upgrade is not passed on, and a client of HTTP/1.1 is served', async t => {
  let seen = {};
  const instance = await http2Instance(t, (stream, headers) => {
    seen = headers;
    ok(stream);
  });
  const { router } = await routerTo(t, [instance.port]);
  const client = new RawClient(router.port);
  client.head('GET /a HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket', 'X-A: b');
  await eventually('the answer', () => client.received.endsWith('0\r\n\r\n'));
  assert.equal(client.status, 200);
  assert.ok(!('upgrade' in seen) && !('connection' in seen));
  client.socket.destroy();
});

/** Frames by hand, as an instance: what a client may not see of them. */
const broken: Readonly<Record<string, Buffer>> = {
  'no :status': frame(frameType.headers, flag.endHeaders | flag.endStream, 1, block(['a', 'b'])),
  'a :status that is none': frame(frameType.headers, flag.endHeaders | flag.endStream, 1, block([':status', '20'])),
  'Transfer-Encoding': frame(
    frameType.headers,
    flag.endHeaders | flag.endStream,
    1,
    block([':status', '200'], ['transfer-encoding', 'chunked']),
  ),
  'less than the length': Buffer.concat([
    frame(frameType.headers, flag.endHeaders | flag.endStream, 1, block([':status', '200'], ['content-length', '5'])),
  ]),
  PUSH_PROMISE: frame(5, flag.endHeaders, 1, Buffer.concat([Buffer.from([0, 0, 0, 2]), block([':path', '/'])])),
  'a stream of its own': frame(frameType.headers, flag.endHeaders, 2, block([':status', '200'])),
};

for (const [what, octets] of Object.entries(broken)) {
  test(`an instance that answers with ${what}: 502`, async t => {
    const port = await rawInstance(t, (socket: Socket) => {
      socket.write(frame(frameType.settings, 0, 0));
      let received = 0;
      socket.on('data', chunk => {
        received += chunk.length;
        if (received > 60) socket.write(octets);
      });
    });
    const { session } = await routerTo(t, [port], { headTimeout: 1_000 });
    const { status } = await ask(session, { ':path': '/' });
    assert.ok(status === 502 || status === 504, `${status}`);
  });
}
