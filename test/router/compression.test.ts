/** Responses that the router compresses, on real sockets. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type RequestListener, request, type ServerResponse } from 'node:http';
import test, { type TestContext } from 'node:test';
import { brotliDecompressSync, createBrotliDecompress, createGunzip, gunzipSync } from 'node:zlib';
import { ask } from '../helpers/ask.ts';
import { eventually } from '../helpers/eventually.ts';
import { httpInstance, RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

const text = 'All work and no play. '.repeat(2_000);

const compressing = (port: number) => [
  { ...anyRoute('a', { id: 'a', port }), routes: [{ path: '/', stripPrefix: false, compress: true }] },
];

async function routed(t: TestContext, instance: RequestListener): Promise<TestForwarder> {
  return TestForwarder.create(t, compressing(await httpInstance(t, instance)));
}

const html: RequestListener = (_incoming, response) => {
  response.writeHead(200, {
    'Content-Type': 'text/html',
    'Content-Length': text.length,
    ETag: '"a"',
    'Accept-Ranges': 'bytes',
  });
  response.end(text);
};

test('a response is compressed in the way that the client likes best', async t => {
  const router = await routed(t, html);
  for (const [accepts, coding, decompress] of [
    ['gzip, br', 'br', brotliDecompressSync],
    ['gzip', 'gzip', gunzipSync],
  ] as const) {
    const { headers, bytes } = await ask(router.port, { headers: { 'Accept-Encoding': accepts } });
    assert.equal(headers['content-encoding'], coding);
    assert.deepEqual([headers.vary, headers.etag], ['Accept-Encoding', 'W/"a"']);
    assert.deepEqual([headers['content-length'], headers['accept-ranges']], [undefined, undefined]);
    assert.ok(bytes.length < text.length / 10);
    assert.equal(decompress(bytes).toString(), text);
  }
});

test('HEAD tells the same as GET', async t => {
  const router = await routed(t, html);
  const headers = { 'Accept-Encoding': 'gzip' };
  const {
    date: _d1,
    'x-request-id': _i1,
    connection: _c1,
    'transfer-encoding': _t1,
    ...get
  } = (await ask(router.port, { headers })).headers;
  const {
    date: _d2,
    'x-request-id': _i2,
    connection: _c2,
    ...head
  } = (await ask(router.port, { method: 'HEAD', headers })).headers;
  assert.deepEqual(head, get);
});

test('a response passes as it is where it must, and says what it depends on', async t => {
  const router = await routed(t, (incoming, response) => {
    const { searchParams } = new URL(`http://x${incoming.url}`);
    const headers = Object.fromEntries(searchParams);
    response.writeHead(Number(headers['status'] ?? 200), {
      'content-type': 'text/plain',
      'content-length': text.length,
      ...headers,
    });
    response.end(headers['content-length'] === '5' ? 'small' : text);
  });
  const passed = async (query: string, headers: Record<string, string> = { 'Accept-Encoding': 'gzip' }) => {
    const answer = await ask(router.port, { path: `/?${query}`, headers });
    assert.equal(answer.bytes.length, Number(answer.headers['content-length']), query);
    return answer.headers;
  };
  assert.equal((await passed('', {})).vary, 'Accept-Encoding');
  assert.equal((await passed('', { 'Accept-Encoding': 'zstd' })).vary, 'Accept-Encoding');
  for (const query of [
    'content-type=image/png',
    'content-encoding=zstd',
    'cache-control=no-transform',
    'status=206',
    'content-length=5',
  ]) {
    const headers = await passed(query);
    assert.equal(headers.vary, undefined, query);
    assert.notEqual(headers['content-encoding'], 'gzip');
  }
});

test('an event stream comes event by event', async t => {
  const clients: ServerResponse[] = [];
  const router = await routed(t, (_incoming, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    clients.push(response);
  });
  for (const coding of ['gzip', 'br']) {
    const outgoing = request({ port: router.port, host: '127.0.0.1', headers: { 'Accept-Encoding': coding } }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    assert.equal(incoming.headers['content-encoding'], coding);
    const unpacked = incoming.pipe(coding === 'br' ? createBrotliDecompress() : createGunzip());
    let seen = '';
    unpacked.setEncoding('utf8').on('data', part => {
      seen += part;
    });
    for (const event of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
      clients.at(-1)?.write(event);
      await eventually('the event', () => seen.endsWith(event));
    }
    clients.at(-1)?.end();
    await once(unpacked, 'end');
    assert.equal(seen, 'data: 1\n\ndata: 2\n\ndata: 3\n\n');
  }
});

test('trailers come after what is compressed, and the connection goes on', async t => {
  const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n`;
  const chunks = `${text.length.toString(16)}\r\n${text}\r\n0\r\nX-Sum: 1\r\n\r\n`;
  const port = await rawInstance(t, socket => socket.on('data', () => socket.write(answer + chunks)));
  const router = await TestForwarder.create(t, compressing(port));
  const client = new RawClient(router.port);
  for (let round = 1; round <= 2; round++) {
    client.head('GET / HTTP/1.1', 'Host: x', 'Accept-Encoding: gzip');
    await eventually('the trailer', () => client.received.split('\r\n0\r\nX-Sum: 1\r\n\r\n').length === round + 1);
  }
  assert.equal(client.ended, false);
  assert.doesNotMatch(client.received, /Content-Length/i);
});

test('a client of HTTP/1.0 gets it as it is', async t => {
  const router = await routed(t, html);
  const client = new RawClient(router.port).head('GET / HTTP/1.0', 'Accept-Encoding: gzip');
  await eventually('all', () => client.ended);
  assert.ok(client.received.endsWith(text));
});

test('a response that its instance cuts short is cut short', async t => {
  const port = await rawInstance(t, socket =>
    socket.once('data', () => {
      socket.end(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n${text}`);
    }),
  );
  const router = await TestForwarder.create(t, compressing(port));
  const client = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x', 'Accept-Encoding: gzip');
  await eventually('the end', () => client.ended);
  assert.ok(!client.received.endsWith('0\r\n\r\n'));
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('a slow client holds its instance back, and gets all', async t => {
  const megabytes = 24;
  const sum = createHash('sha1');
  let written = 0;
  const router = await routed(t, async (_incoming, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    for (let index = 0; index < megabytes; index++) {
      // Not to be compressed much.
      const piece = Buffer.alloc(1024 * 1024);
      for (let at = 0; at < piece.length; at += 4) piece.writeUInt32LE(Math.imul(at + index, 2_654_435_761) >>> 0, at);
      sum.update(piece);
      if (!response.write(piece)) await once(response, 'drain');
      written++;
    }
    response.end();
  });
  const outgoing = request({ port: router.port, host: '127.0.0.1', headers: { 'Accept-Encoding': 'gzip' } }).end();
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  let before = -1;
  await eventually('the instance to be held back', async () => {
    const isStill = written === before;
    before = written;
    await new Promise(resolve => setTimeout(resolve, 200));
    return isStill && written > 0;
  });
  assert.ok(written < megabytes, `${written} of ${megabytes} MB`);
  const received = createHash('sha1');
  for await (const part of incoming.pipe(createGunzip())) received.update(part);
  assert.equal(received.digest('hex'), sum.digest('hex'));
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('a client that leaves in the middle ends the request to the instance', async t => {
  let closed = false;
  const router = await routed(t, (_incoming, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.write(text);
    response.on('close', () => {
      closed = true;
    });
  });
  const client = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x', 'Accept-Encoding: br');
  await eventually('the first part', () => client.received.includes('\r\n\r\n'));
  client.socket.resetAndDestroy();
  await eventually('the instance to know', () => closed);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('many at once: those above the limit of what is compressed at a time pass as they are', async t => {
  const waiting: ServerResponse[] = [];
  const router = await routed(t, (_incoming, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.write('x');
    waiting.push(response);
  });
  const answers = Array.from({ length: 140 }, () => ask(router.port, { headers: { 'Accept-Encoding': 'gzip' } }));
  await eventually('all to be waiting', () => waiting.length === 140);
  for (const response of waiting) response.end(text);
  const all = await Promise.all(answers);
  const coded = all.filter(({ headers }) => headers['content-encoding'] === 'gzip');
  assert.equal(coded.length, 128);
  for (const { headers, bytes } of all) {
    const body = headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
    assert.equal(body.toString(), `x${text}`);
    assert.equal(headers.vary, 'Accept-Encoding');
  }
});
