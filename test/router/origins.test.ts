/** Where requests come from: what proxies say by headers, and by the PROXY protocol. */
import assert from 'node:assert/strict';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import test, { type TestContext } from 'node:test';
import { connect as connectSecurely } from 'node:tls';
import type { RouterSettings } from '../../src/domain/router-spec.ts';
import { eventually } from '../helpers/eventually.ts';
import { RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';
import { tlsSpec } from '../helpers/tls.ts';

/** An instance that answers with the head that it got. */
async function mirror(t: TestContext, settings: Partial<RouterSettings>, byDocument = false) {
  const port = await rawInstance(t, socket => {
    let head = '';
    socket.setEncoding('latin1').on('data', data => {
      head += data;
      for (let end = head.indexOf('\r\n\r\n'); end >= 0; end = head.indexOf('\r\n\r\n')) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${end}\r\n\r\n${head.slice(0, end)}`, 'latin1');
        head = head.slice(end + 4);
      }
    });
    socket.on('end', () => socket.end());
  });
  const service = { ...anyRoute('a', { id: 'a', port }), tcp: ['127.0.0.1:0'] };
  const router = await TestForwarder.create(t, [service], { clientHeadTimeout: 500 }, { byDocument });
  router.configure(settings);
  return router;
}

async function answerOf(client: RawClient, ...fields: readonly string[]): Promise<string[]> {
  client.received = '';
  client.head('GET /a HTTP/1.1', 'Host: own.example', ...fields);
  await eventually('an answer', () => /Via: 1\.1 slipway$/.test(client.received));
  return client.received.split('\r\n').filter(line => /^(x-forwarded|x-real|forwarded)/i.test(line));
}

const claims = [
  'X-Forwarded-For: 6.6.6.6',
  'x-forwarded-for: 10.0.0.9',
  'X_Forwarded_For: 7.7.7.7',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: a.example',
  'X-Forwarded-User: root',
  'X-Real-IP: 6.6.6.6',
  'Forwarded: for=6.6.6.6',
];

test('what a stranger says is replaced', async t => {
  const router = await mirror(t, { trustedProxies: ['10.0.0.0/8'] });
  const client = new RawClient(router.port);
  t.after(() => client.socket.destroy());
  for (let count = 0; count < 2; count++) {
    assert.deepEqual(await answerOf(client, ...claims), [
      'X-Forwarded-For: 127.0.0.1',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Host: own.example',
    ]);
  }
});

test('what a trusted proxy says is kept, and is told anew for each request', async t => {
  const router = await mirror(t, { trustedProxies: ['10.0.0.0/8', '127.0.0.1'] });
  const client = new RawClient(router.port);
  t.after(() => client.socket.destroy());
  assert.deepEqual(await answerOf(client, ...claims, 'Connection: keep-alive, x-forwarded-for'), [
    'X-Forwarded-For: 6.6.6.6, 10.0.0.9, 127.0.0.1',
    'X-Forwarded-Proto: https',
    'X-Real-IP: 6.6.6.6',
    'Forwarded: for=6.6.6.6, for=127.0.0.1;host=own.example;proto=http',
    'X-Forwarded-Host: a.example',
  ]);
  assert.deepEqual(await answerOf(client), [
    'X-Forwarded-For: 127.0.0.1',
    'X-Forwarded-Proto: http',
    'X-Forwarded-Host: own.example',
  ]);
});

test('a request that a trusted proxy got by TLS is not sent there once more', async t => {
  const router = await mirror(t, { trustedProxies: ['127.0.0.1'], redirectToHttps: 443 });
  const client = new RawClient(router.port);
  t.after(() => client.socket.destroy());
  assert.ok((await answerOf(client, 'X-Forwarded-Proto: https')).includes('X-Forwarded-Proto: https'));
  client.received = '';
  client.head('GET / HTTP/1.1', 'Host: own.example', 'X-Forwarded-Proto: http');
  await eventually('an answer', () => client.status === 308);
});

const header = 'PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\n';
const request = 'GET /a HTTP/1.1\r\nHost: own.example\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n';

for (const byDocument of [false, true]) {
  const how = byDocument ? ', by what Node documents alone' : '';
  test(`the PROXY protocol says where a connection comes from, however its octets come${how}`, async t => {
    const router = await mirror(t, {}, byDocument);
    const port = await router.listen(t, 'http+proxy://127.0.0.1:0');
    const whole = header + request;
    for (const cut of [0, 1, 5, 6, 20, header.length - 1, header.length, header.length + 1, whole.length - 1]) {
      const client = new RawClient(port);
      t.after(() => client.socket.destroy());
      client.socket.setNoDelay(true);
      client.send(whole.slice(0, cut));
      await eventually('the connection', () => router.forwarder.connections() > 0);
      client.send(whole.slice(cut));
      await eventually('the answer', () => client.received.endsWith('slipway'));
      assert.match(client.received, /\r\nX-Forwarded-For: 1\.2\.3\.4\r\n/);
      assert.doesNotMatch(client.received, /6\.6\.6\.6/);
      // It goes on, without another header.
      assert.deepEqual((await answerOf(client))[0], 'X-Forwarded-For: 1.2.3.4');
      client.socket.destroy();
      await eventually('nothing to be open', () => router.forwarder.connections() === 0);
    }
  });
}

test('a connection without a valid header is cut, and counted', async t => {
  const router = await mirror(t, {});
  const port = await router.listen(t, 'http+proxy://127.0.0.1:0');
  const cases: readonly (readonly [string, string])[] = [
    [request, 'proxy-header-missing'],
    ['PROXY TCP4 1.2.3.4\r\n', 'proxy-header-invalid'],
    [`PROXY ${'x'.repeat(200)}`, 'proxy-header-too-large'],
    ['PROXY TCP4 1.2.', 'proxy-header-late'],
  ];
  for (const [octets, why] of cases) {
    const client = new RawClient(port);
    client.send(octets);
    await eventually('the end', () => client.socket.closed);
    assert.equal(client.received, '');
    assert.equal(router.stats().rejected[why], 1, why);
  }
  const half = new RawClient(port);
  half.socket.end('PROXY ');
  await eventually('the end', () => half.socket.closed);
  assert.equal(router.stats().rejected['proxy-header-invalid'], 2);
  // A probe of the balancer's.
  const silent = new RawClient(port);
  silent.socket.end();
  await eventually('the end', () => silent.socket.closed);
  await eventually('nothing to be open', () => router.forwarder.connections() === 0);
  const sum = Object.values(router.stats().rejected).reduce((one, other) => one + other, 0);
  assert.equal(sum, 5);
});

test('where proxies are named, nobody else may say where a connection comes from', async t => {
  const router = await mirror(t, { trustedProxies: ['10.0.0.0/8'] });
  const port = await router.listen(t, 'http+proxy://127.0.0.1:0');
  const stranger = new RawClient(port).send(header + request);
  await eventually('the end', () => stranger.socket.closed);
  assert.deepEqual(router.stats().rejected, { 'proxy-untrusted': 1 });
  router.configure({ trustedProxies: ['10.0.0.0/8', '127.0.0.0/8', '1.2.3.4'] });
  const client = new RawClient(port).send(header + request);
  t.after(() => client.socket.destroy());
  await eventually('the answer', () => client.received.endsWith('slipway'));
  // That one is trusted, too: the chain goes on.
  assert.match(client.received, /\r\nX-Forwarded-For: 6\.6\.6\.6, 1\.2\.3\.4\r\n/);
});

test('the header comes before TLS, and before what is passed on as it is', async t => {
  const router = await mirror(t, { tls: tlsSpec('first') });
  const secure = await router.listen(t, 'https+proxy://127.0.0.1:0');
  // What a client says first goes out together with the header.
  const proxy = await rawInstance(t, socket => {
    socket.once('data', hello => {
      const onwards = connect(secure, '127.0.0.1');
      onwards.write(Buffer.concat([Buffer.from(header), hello]));
      socket.pipe(onwards).pipe(socket);
    });
  });
  const client = connectSecurely({ port: proxy, host: '127.0.0.1', rejectUnauthorized: false });
  t.after(() => client.destroy());
  let received = '';
  client.setEncoding('latin1').on('data', data => {
    received += data;
  });
  client.write(request);
  await eventually('the answer', () => received.endsWith('slipway'));
  assert.match(received, /\r\nX-Forwarded-For: 1\.2\.3\.4\r\nX-Forwarded-Proto: https\r\n/);

  const passed = new RawClient(await router.listen(t, 'tcp+proxy://127.0.0.1:0')).send(header + request);
  t.after(() => passed.socket.destroy());
  await eventually('the answer', () => passed.received.endsWith('6.6.6.6'));
  assert.doesNotMatch(passed.received, /PROXY/);
});

test('streams of one HTTP/2 connection come each from where they say', async t => {
  const router = await mirror(t, { trustedProxies: ['127.0.0.1', '10.0.0.0/8'] });
  const port = await router.listen(t, 'http+proxy://127.0.0.1:0');
  const socket = connect(port, '127.0.0.1');
  socket.write('PROXY TCP4 10.0.0.9 5.6.7.8 1111 80\r\n');
  const session = connectHttp2('http://own.example', { createConnection: () => socket });
  t.after(() => session.destroy());
  const ask = async (fields: object) => {
    const stream = session.request({ ':path': '/', ...fields });
    let body = '';
    for await (const chunk of stream.setEncoding('latin1')) body += chunk;
    return body.split('\r\n').filter(line => line.startsWith('X-Forwarded-For'));
  };
  const answers = await Promise.all([
    ask({ 'x-forwarded-for': '1.1.1.1' }),
    ask({}),
    ask({ 'x-forwarded-for': '2.2.2.2, 10.0.0.1' }),
  ]);
  assert.deepEqual(answers, [
    ['X-Forwarded-For: 1.1.1.1, 10.0.0.9'],
    ['X-Forwarded-For: 10.0.0.9'],
    ['X-Forwarded-For: 2.2.2.2, 10.0.0.1, 10.0.0.9'],
  ]);
});

test('LOCAL and UNKNOWN leave the proxy’s own address', async t => {
  const router = await mirror(t, {});
  const port = await router.listen(t, 'http+proxy://127.0.0.1:0');
  for (const own of ['PROXY UNKNOWN\r\n', '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0']) {
    const client = new RawClient(port).send(own);
    t.after(() => client.socket.destroy());
    assert.equal((await answerOf(client))[0], 'X-Forwarded-For: 127.0.0.1');
  }
});
