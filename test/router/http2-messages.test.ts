/** The same messages from each kind of client to each kind of instance: what they say is what was said. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as http1Request, type IncomingMessage } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import test, { type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { defaultTraffic } from '../../src/domain/traffic-spec.ts';
import { eventually } from '../helpers/eventually.ts';
import { httpInstance, TestForwarder } from '../helpers/forwarder.ts';
import { answerOf, http2Client, http2Instance } from '../helpers/http2.ts';
import { anyRoute } from '../helpers/router.ts';
import { tlsSpec } from '../helpers/tls.ts';

interface Ask {
  readonly method: string;
  readonly path: string;
  readonly fields?: Readonly<Record<string, string | string[]>>;
  readonly body?: readonly Buffer[];
  readonly trailers?: Readonly<Record<string, string>>;
}

interface Message {
  readonly status: number;
  readonly fields: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly trailers: Readonly<Record<string, string | string[] | undefined>>;
  readonly informed: readonly number[];
}

/** What an instance answers, by path: the same of both kinds. */
interface Script {
  readonly status: number;
  readonly fields?: Readonly<Record<string, string | string[]>>;
  readonly body?: readonly string[];
  readonly trailers?: Readonly<Record<string, string>>;
  /** Links of a 103 before it. */
  readonly hint?: string;
}

const scripts: Readonly<Record<string, Script>> = {
  '/sized': { status: 200, fields: { 'content-length': '5', 'x-a': 'b' }, body: ['hel', 'lo'] },
  '/pieces': { status: 200, body: ['hel', 'lo', '.'.repeat(200_000)] },
  '/trailers': { status: 200, body: ['hello'], trailers: { 'x-sum': '1', 'x-other': 'y' } },
  '/only-trailers': { status: 200, body: [], trailers: { 'grpc-status': '7' } },
  '/empty': { status: 200, fields: { 'content-length': '0' } },
  '/none': { status: 204 },
  '/same': { status: 304, fields: { etag: '"1"' } },
  '/cookies': { status: 200, fields: { 'content-length': '0', 'set-cookie': ['a=1', 'b=2'] } },
  '/hint': { status: 200, fields: { 'content-length': '0' }, hint: '</a.css>; rel=preload' },
  '/missing': { status: 404, fields: { 'content-length': '2' }, body: ['no'] },
};

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly fields: Readonly<Record<string, string | string[] | undefined>>;
  body: Buffer;
  trailers: Readonly<Record<string, string | string[] | undefined>>;
}

type StartInstance = (t: TestContext, seen: (request: Seen) => void) => Promise<number>;

const http1Instance: StartInstance = (t, seen) =>
  httpInstance(t, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const path = request.url ?? '';
    const { headers: fields, trailers, method = '' } = request;
    seen({ method, path, fields: { ...fields }, body: Buffer.concat(chunks), trailers });
    const script = scripts[path] ?? { status: 200, fields: { 'content-length': '0' } };
    if (script.hint !== undefined) response.writeEarlyHints({ link: script.hint });
    response.writeHead(script.status, {
      ...script.fields,
      ...(script.trailers && { 'transfer-encoding': 'chunked', trailer: 'x' }),
    });
    if (method !== 'HEAD') {
      for (const piece of script.body ?? []) {
        response.write(piece);
        await turn();
      }
      if (script.trailers) response.addTrailers(script.trailers);
    }
    response.end();
  });

const http2CleartextInstance: StartInstance = async (t, seen) => {
  const instance = await http2Instance(t, async (stream, headers) => {
    const { ':method': method = '', ':path': path = '', ':authority': host, ...fields } = headers;
    const chunks: Buffer[] = [];
    let trailers = {};
    stream.on('trailers', came => {
      trailers = came;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(stream, 'end'); // To iterate over it would destroy it at the end.
    seen({ method, path, fields: { host, ...fields }, body: Buffer.concat(chunks), trailers });
    const script = scripts[path] ?? { status: 200, fields: { 'content-length': '0' } };
    if (script.hint !== undefined) stream.additionalHeaders({ ':status': 103, link: script.hint });
    const endStream = !script.body || method === 'HEAD';
    const { trailers: own } = script;
    stream.respond({ ':status': script.status, ...script.fields }, { endStream, waitForTrailers: own !== undefined });
    if (own) stream.on('wantTrailers', () => stream.sendTrailers({ ...own }));
    if (endStream) return;
    for (const piece of script.body ?? []) {
      stream.write(piece);
      await turn();
    }
    stream.end();
  });
  return instance.port;
};

type Client = (ask: Ask) => Promise<Message>;
type StartClient = (t: TestContext, router: TestForwarder) => Promise<Client>;

const http1Client: StartClient = async (_t, router) => ask =>
  new Promise((resolve, reject) => {
    const informed: number[] = [];
    const { method, path, fields = {}, body = [], trailers } = ask;
    const headers = { host: 'x', te: 'trailers', connection: 'te, close', ...fields };
    const outgoing = http1Request({ port: router.port, host: '127.0.0.1', method, path, headers, agent: false });
    outgoing.on('information', ({ statusCode }) => informed.push(statusCode));
    outgoing.on('error', reject);
    outgoing.on('response', async (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      const { statusCode: status = 0, headers: answered, trailers: came } = response;
      resolve({ status, fields: answered, body: Buffer.concat(chunks), trailers: came, informed });
    });
    if (trailers) {
      outgoing.setHeader('trailer', Object.keys(trailers));
      outgoing.setHeader('transfer-encoding', 'chunked');
    }
    for (const piece of body) outgoing.write(piece);
    if (trailers) outgoing.addTrailers(trailers);
    outgoing.end();
  });

const overHttp2 =
  (session: ClientHttp2Session): Client =>
  async ({ method, path, fields = {}, body, trailers }) => {
    const endStream = !body && !trailers;
    const headers = { ':method': method, ':path': path, ':authority': 'x', te: 'trailers', ...fields };
    const stream = session.request(headers, { endStream, waitForTrailers: trailers !== undefined });
    if (trailers) stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }));
    const answer = answerOf(stream);
    for (const piece of body ?? []) stream.write(piece);
    if (!endStream) stream.end();
    const { status, headers: answered, body: text, trailers: came, informed, code } = await answer;
    assert.equal(code, 0);
    return {
      status,
      fields: answered as Message['fields'],
      body: Buffer.from(text, 'latin1'),
      trailers: came as Message['trailers'],
      informed: informed.map(one => Number(one[':status'])),
    };
  };

const cleartextClient: StartClient = async (t, router) =>
  overHttp2(await http2Client(t, `http://127.0.0.1:${router.port}`));

const secureClient: StartClient = async (t, router) => {
  router.configure({ tls: tlsSpec('first') });
  const port = await router.listen(t, 'https://127.0.0.1:0');
  return overHttp2(await http2Client(t, `https://127.0.0.1:${port}`));
};

const clients: Readonly<Record<string, StartClient>> = {
  'HTTP/1.1': http1Client,
  'HTTP/2': cleartextClient,
  'HTTP/2 by TLS': secureClient,
};
const instances: Readonly<Record<string, { readonly protocol: 'http1' | 'h2c'; readonly start: StartInstance }>> = {
  'HTTP/1.1': { protocol: 'http1', start: http1Instance },
  'HTTP/2': { protocol: 'h2c', start: http2CleartextInstance },
};

for (const [spokenThere, { protocol, start }] of Object.entries(instances)) {
  for (const [spokenHere, connect] of Object.entries(clients)) {
    const setUp = async (t: TestContext) => {
      const seen: Seen[] = [];
      const port = await start(t, request => void seen.push(request));
      const service = { ...anyRoute('a', { id: 'a', port }), traffic: { ...defaultTraffic, protocol } };
      const router = await TestForwarder.create(t, [service]);
      return { seen, router, client: await connect(t, router) };
    };
    const how = `${spokenHere} to ${spokenThere}`;

    test(`${how}: responses`, async t => {
      const { client, router } = await setUp(t);
      for (const [path, script] of Object.entries(scripts)) {
        for (const method of ['GET', 'HEAD']) {
          const { status, fields, body, trailers, informed } = await client({ method, path });
          const what = `${method} ${path}`;
          assert.equal(status, script.status, what);
          for (const [name, value] of Object.entries(script.fields ?? {})) {
            if (name !== 'content-length' || method === 'GET') assert.deepEqual(fields[name], value, `${what} ${name}`);
          }
          assert.ok(fields['x-request-id'] && fields['date'], what);
          assert.deepEqual(informed, script.hint === undefined ? [] : [103], what);
          if (method === 'HEAD') {
            assert.equal(body.length, 0);
            continue;
          }
          assert.equal(body.toString(), (script.body ?? []).join(''), what);
          assert.deepEqual(Object.entries(trailers), Object.entries(script.trailers ?? {}), what);
        }
      }
      await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
    });

    test(`${how}: requests`, async t => {
      const { client, seen } = await setUp(t);
      const large = Buffer.alloc(300_000, 'some octets. ');
      const asks: readonly Ask[] = [
        { method: 'GET', path: '/a?b=c&d', fields: { 'x-a': 'b', cookie: 'a=1; b=2' } },
        { method: 'DELETE', path: '/a' },
        { method: 'POST', path: '/a', fields: { 'content-length': '0' }, body: [] },
        {
          method: 'POST',
          path: '/a',
          fields: { 'content-length': '5' },
          body: [Buffer.from('he'), Buffer.from('llo')],
        },
        { method: 'PUT', path: '/a', body: [Buffer.from('he'), Buffer.from('llo')] },
        { method: 'POST', path: '/a', body: [large, Buffer.from([0, 13, 10, 255])] },
        { method: 'POST', path: '/a', body: [Buffer.from('a')], trailers: { 'x-sum': '1' } },
        { method: 'PROPFIND', path: '/a' },
      ];
      for (const ask of asks) {
        seen.length = 0;
        const { status } = await client(ask);
        assert.equal(status, 200);
        const [request] = seen;
        assert.ok(request);
        assert.equal(request.method, ask.method);
        assert.equal(request.path, ask.path);
        for (const [name, value] of Object.entries(ask.fields ?? {})) assert.deepEqual(request.fields[name], value);
        assert.ok(request.body.equals(Buffer.concat(ask.body ?? [])), `${request.body.length} octets`);
        assert.deepEqual(Object.entries(request.trailers), Object.entries(ask.trailers ?? {}));
        assert.equal(request.fields['host'], 'x');
        assert.equal(request.fields['x-forwarded-host'], 'x');
        assert.equal(request.fields['x-forwarded-proto'], spokenHere.endsWith('TLS') ? 'https' : 'http');
        assert.equal(request.fields['via'], spokenHere.startsWith('HTTP/2') ? '2.0 slipway' : '1.1 slipway');
        assert.equal(request.fields['te'], 'trailers');
      }
    });

    test(`${how}: many at once`, async t => {
      const { client, router } = await setUp(t);
      const all = await Promise.all(
        Array.from({ length: 90 }, (_, index) =>
          client(
            index % 3 === 0
              ? { method: 'POST', path: '/pieces', body: [Buffer.alloc(index * 1_000, 'x')] }
              : { method: 'GET', path: index % 3 === 1 ? '/sized' : '/trailers' },
          ),
        ),
      );
      for (const [index, { status, body }] of all.entries()) {
        assert.equal(status, 200, `${index} ${body}`);
        assert.equal(body.length, index % 3 === 0 ? 200_005 : 5);
      }
      await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
      assert.equal(router.stats().services['a']?.responses['2xx'], 90);
    });
  }
}
