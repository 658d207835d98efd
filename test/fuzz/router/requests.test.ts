/**
 * Almost-valid requests through the router to Node's own HTTP server, by its strict parser and by its lenient one: what
 * an instance understands is what the router decided, request by request, with their targets and lengths.
 */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, METHODS, type ServerResponse } from 'node:http';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { listening, RawClient, TestForwarder } from '../../helpers/forwarder.ts';
import { anyRoute } from '../../helpers/router.ts';
import { campaign, inPieces } from './campaign.ts';
import { decidedRequests } from './decided.ts';
import { type Message, mark, requests } from './grammar.ts';

/** Notes each whole request that it understands, by the mark that is in it. */
async function understanding(t: TestContext, insecureHTTPParser: boolean) {
  const seen = new Map<string, string[]>();
  let current = '';
  const serve = (incoming: IncomingMessage, response: ServerResponse) => {
    let size = 0;
    incoming.on('data', chunk => {
      size += chunk.length;
    });
    incoming.on('end', () => {
      const marked = [...seen.keys()].find(one => incoming.url?.includes(one) || incoming.headers.host === one);
      seen.get(marked ?? current)?.push(`${incoming.method} ${incoming.url} ${size}`);
      response.end('ok\n');
    });
  };
  const server = createServer({ insecureHTTPParser, keepAliveTimeout: 60_000 }, serve);
  server.on('checkExpectation', serve);
  const port = await listening(t, server);
  return {
    port,
    /** What is seen with this mark, or with none, from now on. */
    watch(next: string): readonly string[] {
      current = next;
      const list: string[] = [];
      seen.set(next, list);
      const [oldest] = seen.keys();
      if (seen.size > 50 && oldest !== undefined) seen.delete(oldest);
      return list;
    },
  };
}

/** @returns the statuses of the answers */
async function send(port: number, pieces: readonly string[]): Promise<readonly string[]> {
  const client = new RawClient(port);
  for (const piece of pieces) {
    client.send(piece);
    await new Promise(resolve => setImmediate(resolve));
  }
  client.socket.end();
  await client.until(() => client.ended);
  client.socket.destroy();
  return [...client.received.matchAll(/HTTP\/1.1 (\d+) /g)]
    .map(match => match[1] ?? '')
    .filter(status => status !== '100');
}

/** Node refuses methods that it doesn't know, which the router passes on. */
function isKnown(request: string): boolean {
  return METHODS.includes(request.slice(0, request.indexOf(' ')));
}

let runs = 0;

for (const isLenient of [false, true]) {
  test(`a ${isLenient ? 'lenient' : 'strict'} instance understands what the router decided`, async t => {
    const behind = await understanding(t, isLenient);
    const direct = await understanding(t, false);
    const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port: behind.port })]);
    await campaign(t, 'router-requests', requests, async ({ octets, pieces }: Message) => {
      const own = (++runs).toString(36).padStart(mark.length, '0');
      const text = octets.replaceAll(mark, own);
      const seen = behind.watch(own);
      const answers = await send(router.port, inPieces(text, pieces));
      await router.idle();
      const decided = decidedRequests(text);
      const found = () => JSON.stringify({ text, decided, answers, seen });
      // Who asks for another protocol, and then ends its side, is taken for gone, unless the answer is quicker.
      const isGone = /^upgrade:/im.test(text) && answers.length === decided.length - 1;
      const through = isGone ? decided.slice(0, -1) : decided;
      assert.deepEqual(isGone ? seen.slice(0, through.length) : seen, through.filter(isKnown), found());
      assert.deepEqual(
        answers.slice(0, through.length),
        through.map(one => (isKnown(one) ? '200' : '400')),
        found(),
      );
      assert.ok(answers.length <= decided.length + 1 && !answers.includes('502'), found());
      if (isLenient) return;
      // And it is what a strict server makes of the same octets, up to where one of the two refuses them.
      const directly = direct.watch(own);
      await send(direct.port, [text]);
      const both = Math.min(decided.length, directly.length);
      assert.deepEqual(directly.map(withoutOrigin).slice(0, both), decided.slice(0, both), found());
    });
  });
}

/** An absolute target as the path that it is passed on as. */
function withoutOrigin(request: string): string {
  return request.replace(/^(\S+ )http:\/\/[^/?]*/, '$1');
}

test('any octets: the router answers or closes, and serves the next client', async t => {
  const instance = await understanding(t, false);
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port: instance.port })]);
  const token = fc.constantFrom(
    ...['GET / HTTP/1.1\r\n', 'POST /a HTTP/1.1\r\n', 'Host: x\r\n', 'Content-Length: 3\r\n', 'Upgrade: x\r\n'],
    ...['Transfer-Encoding: chunked\r\n', 'Connection: Upgrade\r\n', 'Upgrade: h2c\r\n', 'Expect: 100-continue\r\n'],
    ...['Trailer: a\r\n', '\r\n', '3\r\nabc\r\n', '0\r\n\r\n', 'abc', '\n', '\0', 'X: \xff\r\n'],
  );
  const octets = fc.array(fc.oneof({ weight: 8, arbitrary: token }, fc.string({ unit: 'binary' })), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(octets, async parts => {
      await send(router.port, [parts.join('')]);
    }),
    { numRuns: 150 },
  );
  assert.deepEqual(await send(router.port, ['GET / HTTP/1.1\r\nHost: x\r\n\r\n']), ['200']);
  await router.idle();
});
