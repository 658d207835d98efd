/** What the router makes of requests by HTTP/2, frame by frame. Each case names its section of RFC 9113. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { ForwardLimits } from '../../src/router/plane/forwarder.ts';
import { eventually } from '../helpers/eventually.ts';
import { RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { block, FrameClient, flag, frame, frameType, pseudo } from '../helpers/http2.ts';
import { anyRoute } from '../helpers/router.ts';

const noError = 0;
const protocolError = 1;
const internalError = 2;
const cancel = 8;
const calm = 11;

const { headers, data, reset, settings, ping, windowUpdate, continuation, push } = frameType;
const both = flag.endHeaders | flag.endStream;
const own = /^(?:X-Forwarded-[^\r]*|Traceparent:[^\r]*|X-Request-Id:[^\r]*|Via:[^\r]*)\r\n/gim;

/** An instance that answers each whole request, and tells what it got. */
async function setUp(
  t: TestContext,
  limits: Partial<ForwardLimits> = {},
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
) {
  const seen = { text: '', open: 0 };
  const port = await rawInstance(t, socket => {
    seen.open += 1;
    socket.on('close', () => {
      seen.open -= 1;
    });
    socket.on('end', () => socket.end());
    socket.on('data', chunk => {
      seen.text += chunk.toString('latin1');
      const isWhole = /transfer-encoding: chunked/i.test(seen.text)
        ? seen.text.includes('0\r\n') && seen.text.endsWith('\r\n\r\n')
        : seen.text.includes('\r\n\r\n');
      if (isWhole && answer !== '') socket.write(answer);
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], limits);
  return { router, seen, client: new FrameClient(t, router.port), fields: () => seen.text.replace(own, '') };
}

interface Case {
  readonly section: string;
  readonly what: string;
  readonly frames: readonly Buffer[];
  /** What the instance gets, but for what the router adds; absent: nothing. */
  readonly seen?: string;
  /** Of RST_STREAM on stream 1. */
  readonly reset?: number;
  /** The connection is over. */
  readonly isOver?: true;
}

const asked = (...fields: readonly (readonly [string, string])[]) =>
  frame(headers, both, 1, block(...pseudo(), ...fields));
const posted = (...fields: readonly (readonly [string, string])[]) =>
  frame(headers, flag.endHeaders, 1, block(...pseudo('POST'), ...fields));
const lines = (...all: readonly string[]) => `${all.join('\r\n')}\r\n\r\n`;
const dataOf = (text: string, ended = false) => frame(data, ended ? flag.endStream : 0, 1, text);
const without = (name: string) => frame(headers, both, 1, block(...pseudo().filter(([key]) => key !== name)));
const replaced = (name: string, value: string) =>
  frame(headers, both, 1, block(...pseudo().map(([key, old]) => [key, key === name ? value : old] as const)));

const cases: readonly Case[] = [
  {
    section: '8.3.1',
    what: 'a request',
    frames: [asked(['a', 'b'])],
    seen: lines('GET / HTTP/1.1', 'Host: x', 'a: b'),
  },
  {
    section: '8.2.3',
    what: 'cookies become one',
    frames: [asked(['cookie', 'a=1'], ['b', 'c'], ['cookie', 'd=2'])],
    seen: lines('GET / HTTP/1.1', 'Host: x', 'b: c', 'Cookie: a=1; d=2'),
  },
  {
    section: '8.1',
    what: 'a body without a length goes on in chunks',
    frames: [posted(), dataOf('abc'), dataOf('', true)],
    seen: lines('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked').concat('3\r\nabc\r\n0\r\n\r\n'),
  },
  {
    section: '8.1',
    what: 'a body with its length',
    frames: [posted(['content-length', '3']), dataOf('ab'), dataOf('c', true)],
    seen: lines('POST / HTTP/1.1', 'Host: x', 'content-length: 3').concat('abc'),
  },
  {
    section: '8.1',
    what: 'trailers follow the last chunk',
    frames: [posted(), dataOf('abc'), frame(headers, both, 1, block(['x-sum', '1']))],
    seen: lines('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked').concat('3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n'),
  },
  {
    section: '8.2.2',
    what: 'te: trailers concerns this connection, and is said anew',
    frames: [asked(['te', 'trailers'])],
    seen: lines('GET / HTTP/1.1', 'Host: x', 'Connection: TE', 'TE: trailers'),
  },
  {
    section: '8.3.1',
    what: 'Host may say what :authority says',
    frames: [asked(['host', 'x'])],
    seen: lines('GET / HTTP/1.1', 'Host: x'),
  },
  {
    section: '8.3.1',
    what: 'Host alone will do',
    frames: [frame(headers, both, 1, block(...pseudo().slice(0, 3), ['host', 'x']))],
    seen: lines('GET / HTTP/1.1', 'Host: x'),
  },
  {
    section: '6.1',
    what: 'padding is not passed on',
    frames: [posted(), frame(data, flag.padded | flag.endStream, 1, '\x02abc\0\0')],
    seen: lines('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked').concat('3\r\nabc\r\n0\r\n\r\n'),
  },
  {
    section: '6.10',
    what: 'a head in several frames',
    frames: [
      frame(headers, flag.endStream, 1, block(...pseudo())),
      frame(continuation, 0, 1, block(['a', 'b'])),
      frame(continuation, flag.endHeaders, 1, block(['c', 'd'])),
    ],
    seen: lines('GET / HTTP/1.1', 'Host: x', 'a: b', 'c: d'),
  },
  { section: '8.3.1', what: 'Host that says another', frames: [asked(['host', 'y'])], reset: protocolError },
  { section: '8.3.1', what: 'no :method', frames: [without(':method')], reset: protocolError },
  { section: '8.3.1', what: 'no :scheme', frames: [without(':scheme')], reset: protocolError },
  { section: '8.3.1', what: 'no :path', frames: [without(':path')], reset: protocolError },
  { section: '8.3.1', what: 'an empty :path', frames: [replaced(':path', '')], reset: protocolError },
  { section: '8.3.1', what: 'a :path that is a URL', frames: [replaced(':path', 'http://y/')], reset: protocolError },
  { section: '8.3.1', what: 'a :path with a space', frames: [replaced(':path', '/ HTTP/1.1')], reset: protocolError },
  { section: '8.3.1', what: 'a :path with a line', frames: [replaced(':path', '/\r\nA: b')], reset: protocolError },
  { section: '8.3.1', what: 'a :method with a space', frames: [replaced(':method', 'GET /')], reset: protocolError },
  { section: '8.3.1', what: 'another :scheme', frames: [replaced(':scheme', 'ftp')], reset: protocolError },
  {
    section: '8.3',
    what: 'a pseudo-header twice',
    frames: [asked().subarray(0, 0), frame(headers, both, 1, block(...pseudo(), [':path', '/b']))],
    reset: protocolError,
  },
  {
    section: '8.3',
    what: 'a pseudo-header behind a field',
    frames: [frame(headers, both, 1, block(['a', 'b'], ...pseudo()))],
    reset: protocolError,
  },
  {
    section: '8.3',
    what: 'a pseudo-header that is unknown',
    frames: [frame(headers, both, 1, block(...pseudo(), [':a', 'b']))],
    reset: protocolError,
  },
  {
    section: '8.3',
    what: 'a pseudo-header of responses',
    frames: [frame(headers, both, 1, block(...pseudo(), [':status', '200']))],
    reset: protocolError,
  },
  {
    section: '8.3',
    what: 'a pseudo-header in trailers',
    frames: [posted(), dataOf('abc'), frame(headers, both, 1, block([':path', '/b']))],
    reset: protocolError,
    seen: lines('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked').concat('3\r\nabc\r\n'),
  },
  { section: '8.2.1', what: 'a name with a capital', frames: [asked(['A', 'b'])], reset: protocolError },
  {
    section: '8.2.1',
    what: 'a name with a colon is left out',
    frames: [asked(['a:b', 'c'])],
    seen: lines('GET / HTTP/1.1', 'Host: x'),
  },
  {
    section: '8.2.1',
    what: 'a name with a line is left out',
    frames: [asked(['a: b\r\nc', 'd'])],
    seen: lines('GET / HTTP/1.1', 'Host: x'),
  },
  {
    section: '8.2.1',
    what: 'an empty name is left out',
    frames: [asked(['', 'd'])],
    seen: lines('GET / HTTP/1.1', 'Host: x'),
  },
  {
    section: '8.2.1',
    what: 'a value with CR LF is left out',
    frames: [asked(['a', 'b\r\nc: d'])],
    seen: lines('GET / HTTP/1.1', 'Host: x'),
  },
  {
    section: '8.2.1',
    what: 'a value with LF is left out',
    frames: [asked(['a', 'b\nc: d'])],
    seen: lines('GET / HTTP/1.1', 'Host: x'),
  },
  {
    section: '8.2.1',
    what: 'a value with NUL is left out',
    frames: [asked(['a', 'b\0'])],
    seen: lines('GET / HTTP/1.1', 'Host: x'),
  },
  {
    section: '8.2.1',
    what: 'a value that begins with a space is left out',
    frames: [asked(['a', ' b'])],
    seen: lines('GET / HTTP/1.1', 'Host: x'),
  },
  { section: '8.2.2', what: 'Connection', frames: [asked(['connection', 'close'])], reset: protocolError },
  {
    section: '8.2.2',
    what: 'Transfer-Encoding',
    frames: [asked(['transfer-encoding', 'chunked'])],
    reset: protocolError,
  },
  { section: '8.2.2', what: 'Upgrade', frames: [asked(['upgrade', 'websocket'])], reset: protocolError },
  { section: '8.2.2', what: 'Keep-Alive', frames: [asked(['keep-alive', '5'])], reset: protocolError },
  { section: '8.2.2', what: 'Proxy-Connection', frames: [asked(['proxy-connection', 'close'])], reset: protocolError },
  { section: '8.2.2', what: 'te that says more', frames: [asked(['te', 'gzip'])], reset: protocolError },
  {
    section: '8.1.1',
    what: 'less body than the length',
    frames: [posted(['content-length', '3']), dataOf('ab', true)],
    reset: protocolError,
    seen: lines('POST / HTTP/1.1', 'Host: x', 'content-length: 3'),
  },
  {
    section: '8.1.1',
    what: 'more body than the length',
    frames: [posted(['content-length', '3']), dataOf('abcGET /b', true)],
    reset: protocolError,
    seen: lines('POST / HTTP/1.1', 'Host: x', 'content-length: 3'),
  },
  { section: '8.1.1', what: 'a length without a body', frames: [asked(['content-length', '3'])], reset: protocolError },
  {
    section: '8.1.1',
    what: 'two lengths',
    frames: [posted(['content-length', '3'], ['content-length', '4']), dataOf('abc', true)],
    reset: protocolError,
  },
  {
    section: '8.1.1',
    what: 'a length that is none',
    frames: [posted(['content-length', '+3']), dataOf('abc', true)],
    reset: protocolError,
  },
  {
    section: '8.3.1',
    what: 'extended CONNECT is not offered',
    frames: [
      frame(
        headers,
        flag.endHeaders,
        1,
        block([':method', 'CONNECT'], [':protocol', 'websocket'], ...pseudo().slice(1)),
      ),
    ],
    reset: protocolError,
  },
  { section: '5.1', what: 'DATA on a stream that is idle', frames: [dataOf('a')], isOver: true },
  {
    section: '5.1.1',
    what: 'a stream of an even number',
    frames: [frame(headers, both, 2, block(...pseudo()))],
    isOver: true,
  },
  { section: '6.1', what: 'DATA on stream 0', frames: [frame(data, 0, 0, 'a')], isOver: true },
  { section: '6.5', what: 'SETTINGS of a wrong size', frames: [frame(settings, 0, 0, 'a')], isOver: true },
  {
    section: '6.6',
    what: 'PUSH_PROMISE by a client',
    frames: [frame(push, flag.endHeaders, 1, Buffer.concat([Buffer.from([0, 0, 0, 2]), block(...pseudo())]))],
    isOver: true,
  },
  {
    section: '6.10',
    what: 'CONTINUATION behind nothing',
    frames: [frame(continuation, flag.endHeaders, 1, block(['a', 'b']))],
    isOver: true,
  },
  {
    section: '6.10',
    what: 'another frame between HEADERS and CONTINUATION',
    frames: [frame(headers, flag.endStream, 1, block(...pseudo())), frame(ping, 0, 0, '12345678')],
    isOver: true,
  },
  {
    section: '4.3',
    what: 'a block that can’t be decoded',
    frames: [frame(headers, both, 1, Buffer.from([0x80]))],
    isOver: true,
  },
  {
    section: '4.2',
    what: 'a frame that is too large',
    frames: [frame(headers, both, 1, Buffer.alloc(16_385))],
    isOver: true,
  },
  {
    section: '6.9',
    what: 'an increment of nothing',
    frames: [frame(windowUpdate, 0, 0, '\0\0\0\0')],
    isOver: true,
  },
];

for (const { section, what, frames, seen: expected, reset: code, isOver } of cases) {
  test(`RFC 9113, ${section}: ${what}`, async t => {
    const { client, seen, fields, router } = await setUp(t, isOver ? { clientHeadTimeout: 300 } : {});
    client.send(...frames);
    if (code !== undefined) await eventually('RST_STREAM', () => client.resetCode(1) >= 0);
    else if (isOver) await eventually('GOAWAY', () => client.goawayCode() > 0);
    else await eventually('the answer', () => client.isComplete(1));
    if (code !== undefined) {
      assert.equal(client.resetCode(1), code);
      assert.equal(client.of(headers, 1).length, 0, 'there is no answer');
      client.headers(3, pseudo('GET', '/next'));
      await eventually('the next answer', () => client.isComplete(3));
      // What was sent for the first stream went to a connection of its own, which is ended.
      await eventually('one connection', () => seen.open === 1);
      const before = seen.text.slice(0, seen.text.indexOf('GET /next')).replace(own, '');
      assert.ok((expected ?? '').startsWith(before), before);
    } else if (isOver) {
      client.headers(3, pseudo());
      await eventually('the end', () => client.ended);
      assert.equal(seen.text, '');
    } else assert.equal(fields(), expected);
    await eventually('nothing in flight', () => (router.stats().services['a']?.inFlight ?? 0) === 0);
  });
}

test('RFC 9113, 6.4: who resets a stream ends the request to the instance', async t => {
  const { client, seen, router } = await setUp(t, {}, '');
  client.headers(1, pseudo());
  await eventually('the request', () => seen.text.includes('\r\n\r\n'));
  client.send(frame(reset, 0, 1, Buffer.from([0, 0, 0, cancel])));
  await eventually('its end', () => seen.open === 0);
  assert.equal(router.stats().services['a']?.responses['4xx'], 1);
  assert.equal(client.ended, false, 'the connection goes on');
});

test('a connection that is cut ends all requests to instances', async t => {
  const { client, seen, router } = await setUp(t, {}, '');
  for (let stream = 1; stream < 20; stream += 2) client.headers(stream, pseudo());
  await eventually('the requests', () => seen.open === 10);
  client.socket.resetAndDestroy();
  await eventually('their end', () => seen.open === 0);
  await eventually('no connection', () => router.forwarder.connections() === 0);
  assert.equal(router.stats().services['a']?.inFlight, 0);
});

test('a connection that the client ends its side of ends, requests and all', async t => {
  const { client, seen, router } = await setUp(t, {}, '');
  client.headers(1, pseudo());
  await eventually('the request', () => seen.open === 1);
  client.socket.end();
  await eventually('its end', () => seen.open === 0);
  await eventually('no connection', () => router.forwarder.connections() === 0);
});

test('RFC 9113, 8.1: a response that the instance cuts short ends in RST_STREAM', async t => {
  for (const answer of [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
  ]) {
    const port = await rawInstance(t, socket => {
      socket.on('data', () => socket.end(answer));
    });
    const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
    const client = new FrameClient(t, router.port).headers(1, pseudo());
    await eventually('RST_STREAM', () => client.resetCode(1) >= 0);
    assert.equal(client.resetCode(1), internalError);
    assert.equal(Buffer.concat(client.of(data, 1).map(({ payload }) => payload)).toString(), 'abc');
    assert.equal(client.isComplete(1), false);
    assert.equal(client.ended, false, 'the connection goes on');
  }
});

test('RFC 9113, 8.1: an answer before the end of the request lets the rest of it be', async t => {
  const port = await rawInstance(t, socket => {
    socket.once('data', () => socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno'));
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new FrameClient(t, router.port).headers(1, pseudo('POST'), false).data(1, 'abc');
  await eventually('RST_STREAM', () => client.resetCode(1) >= 0);
  assert.equal(client.isComplete(1), true);
  assert.equal(client.resetCode(1), noError);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('RFC 9113, 5.1.2: streams beyond the limit are refused while the client may not know it', async t => {
  const { client, router } = await setUp(t, {}, '');
  for (let stream = 1; stream <= 201; stream += 2) client.headers(stream, pseudo());
  await eventually('RST_STREAM', () => client.resetCode(201) >= 0);
  assert.equal(client.resetCode(201), 7);
  assert.equal(client.of(reset).length, 1);
  assert.equal(router.stats().services['a']?.inFlight, 100);
});

test('RFC 9113, 5.1.2: a client that knows the limit on streams and goes beyond it loses its connection', async t => {
  const { client, router } = await setUp(t, {}, '');
  await eventually('SETTINGS', () => client.of(settings).length > 0);
  client.send(frame(settings, flag.ack, 0));
  for (let stream = 1; stream <= 201; stream += 2) client.headers(stream, pseudo());
  await eventually('no connection', () => router.forwarder.connections() === 0);
  assert.equal(router.stats().rejected['http2-invalid'], 1);
});

test('CVE-2023-44487: a client that takes back what it asks for, over and over, is told to be calm', async t => {
  const { client, router } = await setUp(t, {}, '');
  for (let stream = 1; stream < 1_200; stream += 2) {
    client.headers(stream, pseudo()).send(frame(reset, 0, stream, Buffer.from([0, 0, 0, cancel])));
  }
  await eventually('the end', () => client.ended);
  assert.equal(client.goawayCode(), calm);
  assert.equal(router.stats().rejected['http2-resets'], 1);
  await eventually('nothing in flight', () => (router.stats().services['a']?.inFlight ?? 0) === 0);
});

const floods: Readonly<Record<string, (client: FrameClient) => void>> = {
  PING: client => void client.send(...Array.from({ length: 20_000 }, () => frame(ping, 0, 0, '12345678'))),
  SETTINGS: client => void client.send(...Array.from({ length: 20_000 }, () => frame(settings, 0, 0))),
  'CONTINUATION (CVE-2024-27316)': client =>
    void client.send(
      frame(headers, flag.endStream, 1, block(...pseudo())),
      ...Array.from({ length: 100 }, () => frame(continuation, 0, 1, block(['a', 'b'.repeat(1_000)]))),
    ),
};

for (const [what, flood] of Object.entries(floods)) {
  test(`a flood of ${what} ends the connection`, async t => {
    const { client, router, seen } = await setUp(t);
    flood(client);
    await eventually('the end', () => client.ended);
    assert.equal(router.stats().rejected['http2-invalid'], 1);
    assert.equal(seen.text, '');
  });
}

test('RFC 9113, 10.5.1: a head that is too large is answered, if it is not larger than that by much', async t => {
  const { client, seen, router } = await setUp(t);
  const fields = Array.from({ length: 10 }, (_, index) => [`f${index}`, 'x'.repeat(2_000)] as const);
  const all = block(...pseudo(), ...fields);
  client.send(frame(headers, flag.endStream, 1, all.subarray(0, 16_000)));
  client.send(frame(continuation, flag.endHeaders, 1, all.subarray(16_000)));
  await eventually('the answer', () => client.isComplete(1));
  assert.equal(router.stats().rejected['head-too-large'], 1);
  const pairs = Array.from({ length: 200 }, (_, index) => [`f${index}`, 'x'] as const);
  client.headers(3, [...pseudo(), ...pairs]);
  await eventually('RST_STREAM', () => client.resetCode(3) >= 0);
  assert.equal(client.resetCode(3), calm);
  assert.equal(seen.text, '');
});

test('where HTTP/2 is off, its preface is what it is in HTTP/1.1: another version', async t => {
  const { client, router, seen } = await setUp(t);
  client.headers(1, pseudo());
  await eventually('the answer', () => client.isComplete(1));
  router.configure({ http2: false });
  const refused = new RawClient(router.port).send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  await eventually('the end', () => refused.ended);
  assert.equal(refused.status, 505);
  refused.socket.destroy();
  seen.text = '';
  client.headers(3, pseudo('GET', '/on'));
  await eventually('who speaks it already goes on', () => client.isComplete(3));
});
