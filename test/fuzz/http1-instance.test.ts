/**
 * Almost-valid requests, through the router to Node's own HTTP server: what that understands is what the router
 * understood. `FUZZ_SECONDS` sets how long it looks (default: 5), `FUZZ_SEED` repeats a run.
 */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { eventually } from '../helpers/eventually.ts';
import { httpInstance, RawClient, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 5);
const seed = process.env['FUZZ_SEED'];

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';

const startLine = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('GET /outer HTTP/1.1', 'POST /outer HTTP/1.1', 'DELETE /outer HTTP/1.1') },
  fc.constantFrom(
    'POST /outer HTTP/1.0',
    'HEAD /outer HTTP/1.1',
    'OPTIONS * HTTP/1.1',
    'GET http://y/outer HTTP/1.1',
    'POST  /outer HTTP/1.1',
    'GET /outer  HTTP/1.1',
    'GET /outer\tHTTP/1.1',
    'GET /outer HTTP/1.1 ',
    '\r\nGET /outer HTTP/1.1',
    '\nGET /outer HTTP/1.1',
    'GET /out\xa0er HTTP/1.1',
  ),
);
const name = fc.constantFrom(
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'X-A',
  'TE',
  'Trailer',
  'Expect',
  'Upgrade',
);
const value = fc.constantFrom(
  '0',
  '5',
  '05',
  '+5',
  '5, 5',
  '5 5',
  '0x5',
  String(smuggled.length),
  'chunked',
  'Chunked',
  'xchunked',
  'chunked, chunked',
  'gzip, chunked',
  'identity',
  '"chunked"',
  'close',
  'keep-alive, Content-Length',
  'Transfer-Encoding',
  'trailers',
  'h2c',
  '\x0bchunked',
  'a\0b',
  'a\rb',
  '',
);
const colon = fc.oneof(
  { weight: 8, arbitrary: fc.constant(': ') },
  fc.constantFrom(':', ' : ', ':\t', ' :', '\t:', ': \r\n ', '\0: '),
);
const lineEnd = fc.oneof(
  { weight: 20, arbitrary: fc.constant('\r\n') },
  fc.constantFrom('\n', '\r', '\r\r\n', '\r\n\r\n', ' \r\n'),
);
const field = fc.tuple(name, colon, value, lineEnd).map(parts => parts.join(''));
const framing = fc.constantFrom(
  '',
  '',
  'Content-Length: 5\r\n',
  `Content-Length: ${smuggled.length}\r\n`,
  'Transfer-Encoding: chunked\r\n',
);
const chunkSize = fc.constantFrom(
  '5',
  '05',
  '5;a=b',
  '5;a="\r\n"',
  '5 ',
  ' 5',
  '0x5',
  '+5',
  '5\t',
  'fffffffffffffffff5',
  '5;\n',
  '0',
);
const body = fc.oneof(
  fc.constant(''),
  fc.constant('abcde'),
  fc.constant(smuggled),
  fc.constant(`0\r\n\r\n${smuggled}`),
  fc.constant(`${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`),
  fc
    .tuple(chunkSize, lineEnd, lineEnd, lineEnd, lineEnd)
    .map(([size, a, b, c, d]) => `${size}${a}abcde${b}0${c}${d}${smuggled}`),
  fc.tuple(field, lineEnd).map(([trailer, end]) => `5\r\nabcde\r\n0\r\n${trailer}${end}${smuggled}`),
);
const request = fc.record({ startLine, framing, fields: fc.array(field, { maxLength: 3 }), body });
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

function written({ startLine: start, framing: framed, fields, body: content }: Request): string {
  return `${start}\r\nHost: x\r\n${framed}${fields.join('')}\r\n${content}`;
}

/** Notes what it understands: each whole request with its method, path and size. */
async function understanding(t: TestContext) {
  const seen: string[] = [];
  const port = await httpInstance(t, (incoming, response) => {
    let size = 0;
    incoming.on('data', chunk => {
      size += chunk.length;
    });
    incoming.on('end', () => {
      seen.push(`${incoming.method} ${incoming.url?.replace('http://y', '')} ${size}`);
      response.end('ok\n');
    });
  });
  return { seen, port };
}

/** @returns the statuses of the answers */
async function send(port: number, pieces: readonly string[]): Promise<readonly string[]> {
  const client = new RawClient(port);
  for (const piece of pieces) {
    client.send(piece);
    await new Promise(resolve => setImmediate(resolve));
  }
  client.socket.end();
  await eventually('the end', () => client.ended);
  client.socket.destroy();
  return [...client.received.matchAll(/^HTTP\/1.1 (\d+) /gm)].map(match => match[1] ?? '');
}

function inPieces(text: string, cuts: readonly number[]): readonly string[] {
  const ends = cuts.map((_, index) => cuts.slice(0, index + 1).reduce((sum, cut) => sum + cut, 0));
  return [0, ...ends].map((start, index) => text.slice(start, ends[index]));
}

test('an instance never understands another number of requests, framing or target than the router', async t => {
  const behind = await understanding(t);
  const direct = await understanding(t);
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port: behind.port })]);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(request, fc.array(fc.nat(80), { maxLength: 3 }), async (parts, cuts) => {
      runs += 1;
      behind.seen.length = 0;
      direct.seen.length = 0;
      const text = written(parts);
      const answers = await send(router.port, inPieces(text, cuts));
      await eventually('nothing in flight', () => (router.stats().services['a']?.inFlight ?? 0) === 0);
      await send(direct.port, [text]);
      const found = JSON.stringify({ text, answers, behind: behind.seen, direct: direct.seen });
      // What reached the instance was what the router answered for, one for one, and nothing of it was malformed.
      assert.equal(behind.seen.length, answers.filter(status => status === '200').length, found);
      assert.ok(!answers.includes('502'), found);
      // And it is what Node makes of the same octets, up to where one of the two refuses them.
      const both = Math.min(behind.seen.length, direct.seen.length);
      assert.deepEqual(behind.seen.slice(0, both), direct.seen.slice(0, both), found);
    }),
    {
      numRuns: 1_000_000,
      interruptAfterTimeLimit: seconds * 1000,
      markInterruptAsFailure: false,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
    },
  );
  t.diagnostic(`${runs} requests`);
});
