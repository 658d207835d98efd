/** Requests that mean one thing to the router and another to an instance must not get through. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { eventually } from '../helpers/eventually.ts';
import { httpInstance, RawClient, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

/** A router before an instance that notes what reaches it. */
async function watched(t: TestContext) {
  const seen: Seen[] = [];
  const port = await httpInstance(t, (request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', chunk => {
      body += chunk;
    });
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', body });
      response.end('ok');
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], { clientHeadTimeout: 300 });
  return { router, seen };
}

const refused: Readonly<Record<string, string>> = {
  'Content-Length and Transfer-Encoding':
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'two Content-Lengths': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde',
  'a list of Content-Lengths': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\nabcd',
  'a signed Content-Length': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd',
  'an unknown transfer coding': 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
  'a transfer coding beside chunked': 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'two Transfer-Encodings':
    'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding in HTTP/1.0': 'POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'a chunk size that overflows':
    'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n',
  'a folded field': 'GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n Content-Length: 4\r\n\r\n',
  'a bare LF': 'GET / HTTP/1.1\nHost: x\n\n',
  'a space before the colon': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 4\r\n\r\nabcd',
  'NUL in a value': 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n',
  'CR in a value': 'GET / HTTP/1.1\r\nHost: x\r\nX-A: a\rb\r\n\r\n',
  'no Host': 'GET / HTTP/1.1\r\n\r\n',
  'two Hosts': 'GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
  'a Host that is none': 'GET / HTTP/1.1\r\nHost: x/y\r\n\r\n',
  'a Host with user information': 'GET http://user@x/ HTTP/1.1\r\nHost: x\r\n\r\n',
  'a target without a slash': 'GET x HTTP/1.1\r\nHost: x\r\n\r\n',
  'a head that is too large': `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`,
  'a target that is too large': `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  'HTTP/2 without an agreement': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  CONNECT: 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n',
};

for (const [what, bytes] of Object.entries(refused)) {
  test(`refused: ${what}`, async t => {
    const { router, seen } = await watched(t);
    const client = new RawClient(router.port).send(bytes);
    await eventually('the connection ends', () => client.ended);
    assert.ok(client.received === '' || [400, 413, 414, 431, 501, 505].includes(client.status), client.received);
    assert.deepEqual(seen, []);
    client.socket.destroy();
  });
}

test('a head that does not come is not waited for', async t => {
  const { router } = await watched(t);
  const silent = new RawClient(router.port);
  const slow = new RawClient(router.port).send('GET / HTTP/1.1\r\nHo');
  await eventually('both connections end', () => silent.ended && slow.ended);
  assert.equal(slow.status, 408);
});

for (const method of ['GET', 'DELETE', 'OPTIONS', 'HEAD', 'POST', 'PATCH']) {
  test(`a ${method} with a chunked body reaches the instance as one request, body and all`, async t => {
    const { router, seen } = await watched(t);
    const inner = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
    const client = new RawClient(router.port);
    client.head(`${method} /outer HTTP/1.1`, 'Host: x', 'Transfer-Encoding: chunked', 'Connection: close');
    client.send(inner.length.toString(16), inner, '0', '', '');
    await eventually('the answer', () => client.ended);
    assert.deepEqual(seen, [{ method, url: '/outer', body: inner }]);
    client.socket.destroy();
  });
}

test('Connection can not name what a request is framed or routed by', async t => {
  const { router, seen } = await watched(t);
  const client = new RawClient(router.port);
  client.head(
    'POST /1 HTTP/1.1',
    'Host: x',
    'Connection: close, Content-Length, Host, Transfer-Encoding',
    'Content-Length: 4',
  );
  client.send('body');
  await eventually('the answer', () => client.ended);
  assert.equal(client.status, 200);
  assert.deepEqual(seen, [{ method: 'POST', url: '/1', body: 'body' }]);
  client.socket.destroy();
});

test('an absolute target is routed by its own host, and passed on as a path', async t => {
  const { router, seen } = await watched(t);
  const client = new RawClient(router.port);
  client.head('GET http://other.example?q HTTP/1.1', 'Host: x', 'Connection: close');
  await eventually('the answer', () => client.ended);
  assert.deepEqual(seen, [{ method: 'GET', url: '/?q', body: '' }]);
  client.socket.destroy();
});

test('any bytes: the router answers or closes, and serves the next client', async t => {
  const { router } = await watched(t);
  const token = fc.constantFrom(
    'GET / HTTP/1.1\r\n',
    'POST /a HTTP/1.1\r\n',
    'Host: x\r\n',
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: Upgrade\r\n',
    'Upgrade: h2c\r\n',
    'Upgrade: x\r\n',
    'Expect: 100-continue\r\n',
    'Trailer: a\r\n',
    '\r\n',
    '3\r\nabc\r\n',
    '0\r\n\r\n',
    'abc',
    '\n',
    '\0',
    'X: \xff\r\n',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof({ weight: 8, arbitrary: token }, fc.string({ unit: 'binary' })), { maxLength: 12 }),
      async parts => {
        const client = new RawClient(router.port).send(parts.join(''));
        client.socket.end();
        await eventually('the connection ends', () => client.ended);
        client.socket.destroy();
      },
    ),
    { numRuns: 150 },
  );
  const client = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x', 'Connection: close');
  await eventually('the answer', () => client.ended);
  assert.equal(client.status, 200);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});
