/** Connections: when they go on, which fields are only theirs, and what may be sent a second time. */
import assert from 'node:assert/strict';
import { RawClient, rawInstance, TestForwarder } from '../../helpers/forwarder.ts';
import { anyRoute } from '../../helpers/router.ts';
import { answers, type Case, get, head, ok, passes, post, response, type Story } from './row.ts';

const close = `${response('Content-Length: 2', 'Connection: close')}ok`;
const keep = `${response('Content-Length: 2', 'Connection: keep-alive')}ok`;

/** An instance that answers one request on each connection, and resets it when another one comes. */
function onceMore(name: string, second: string, status: number, more: { readonly answersFirst?: string } = {}): Story {
  return {
    section: 'RFC 9112 9.3.1',
    name,
    async play(scope, plane) {
      let connections = 0;
      const port = await rawInstance(scope, socket => {
        connections += 1;
        let requests = 0;
        socket.on('data', () => {
          requests += 1;
          if (requests === 1) socket.write(ok);
          else if (more.answersFirst === undefined) socket.resetAndDestroy();
          else socket.write(more.answersFirst, () => setImmediate(() => socket.resetAndDestroy()));
        });
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(get);
      await client.until(() => client.received.endsWith('ok'));
      client.received = '';
      client.send(second);
      await client.until(() => client.status > 0);
      assert.equal(client.status, status);
      assert.equal(connections, status === 502 ? 1 : 2);
      client.socket.destroy();
      await router.idle();
    },
  };
}

export const connections: readonly Case[] = [
  { section: 'RFC 9112 9.3', name: 'a client of HTTP/1.1 keeps its connection', answer: ok, closes: false },
  {
    section: 'RFC 9112 9.3',
    name: 'a client of HTTP/1.0 does not',
    request: head('GET / HTTP/1.0'),
    answer: close,
    closes: true,
  },
  {
    section: 'RFC 9112 9.3',
    name: 'a client of HTTP/1.0 that asks for it does, as it is not one of a proxy',
    request: head('GET / HTTP/1.0', 'Connection: Keep-Alive'),
    answer: keep,
    closes: false,
  },
  {
    section: 'RFC 9112 9.3',
    name: 'the rest of a body is read before the next request, though it is answered already',
    request: `${post('Content-Length: 40')}${'GET /no'.padEnd(40, 'x')}${get}`,
    early: true,
    answer: /^HTTP\/1.1 200 [\s\S]*okHTTP\/1.1 200 [\s\S]*ok$/,
    seen: /^POST (?:(?!GET \/no[^x])[\s\S])*GET \/ HTTP/,
  },
  onceMore('GET, on a kept connection that turns out to be closed, goes on another one', get, 200),
  onceMore('so does DELETE', head('DELETE / HTTP/1.1', 'Host: x'), 200),
  onceMore('POST does not: it may have had its effect', post('Content-Length: 0'), 502),
  onceMore('nor does a method that nobody knows', head('FOO / HTTP/1.1', 'Host: x'), 502),
  onceMore('nor does PATCH', head('PATCH / HTTP/1.1', 'Host: x', 'Content-Length: 0'), 502),
  onceMore('nor does GET, of which a part was answered', get, 502, { answersFirst: 'HTTP/1.1 2' }),
  {
    section: 'RFC 9112 9.3.1',
    name: 'what was sent a second time is not sent a third time',
    async play(scope, plane) {
      let requests = 0;
      const port = await rawInstance(scope, socket => {
        socket.on('data', () => {
          requests += 1;
          if (requests === 1) socket.write(ok);
          else socket.resetAndDestroy();
        });
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(get);
      await client.until(() => client.received.endsWith('ok'));
      client.received = '';
      client.send(get);
      await client.until(() => client.status > 0);
      assert.deepEqual([client.status, requests], [502, 3]);
      client.socket.destroy();
    },
  },
  {
    section: 'RFC 9112 9.3.1',
    name: 'a request that breaks off on a new connection is sent to no other instance',
    async play(scope, plane) {
      let requests = 0;
      const port = await rawInstance(scope, socket => {
        socket.on('data', () => {
          requests += 1;
          socket.destroy();
        });
      });
      const services = [anyRoute('a', { id: 'a', port }, { id: 'b', port })];
      const router = await TestForwarder.create(scope, services, {}, plane);
      const client = new RawClient(router.port).send(get);
      await client.until(() => client.status > 0);
      assert.deepEqual([client.status, requests], [502, 1]);
      client.socket.destroy();
    },
  },
  {
    section: 'RFC 9112 9.3.2',
    name: 'requests that come at once are answered in their order',
    request: get + post('Content-Length: 1').concat('a') + head('HEAD / HTTP/1.1', 'Host: x') + get,
    response: ['1', '22', '', '333'].map(body => `${response(`Content-Length: ${body.length}`)}${body}`),
    answer: ['1', '22', '', '333'].map(body => `${response(`Content-Length: ${body.length}`)}${body}`).join(''),
    seen: get + post('Content-Length: 1').concat('a') + head('HEAD / HTTP/1.1', 'Host: x') + get,
  },
  {
    section: 'RFC 9112 9.5',
    name: 'a client that stalls in a head gets 408',
    request: 'GET / HTTP/1.1\r\nHo',
    limits: { clientHeadTimeout: 150 },
    answer: /^HTTP\/1.1 408 [\s\S]*Connection: close\r\n/,
    closes: true,
  },
  {
    section: 'RFC 9112 9.5',
    name: 'a client that stalls in a body gets 408',
    request: `${post('Content-Length: 10')}half`,
    limits: { bodyTimeout: 150 },
    answer: /^HTTP\/1.1 408 [\s\S]*Connection: close\r\n/,
    closes: true,
  },
  {
    section: 'RFC 9112 9.5',
    name: 'a client that says nothing is closed without an answer',
    request: '',
    limits: { clientHeadTimeout: 150 },
    answer: '',
    closes: true,
  },
  {
    section: 'RFC 9112 9.6',
    name: 'a client that says close is answered and closed, and nothing behind it is read',
    request: head('GET / HTTP/1.1', 'Host: x', 'Connection: close') + get,
    answer: close,
    seen: get,
    closes: true,
  },
  {
    section: 'RFC 9112 9.6',
    name: 'close counts whatever is beside it',
    request: head('GET / HTTP/1.1', 'Host: x', 'Connection: keep-alive', 'connection: ,X-A ,CLOSE,') + get,
    answer: close,
    seen: get,
    closes: true,
  },
  {
    section: 'RFC 9112 9.6',
    name: 'an instance that says close ends its own connection only',
    response: `${response('Connection: close', 'Content-Length: 2')}ok`,
    ends: 'fin',
    answer: ok,
    closes: false,
  },
  {
    section: 'RFC 9112 9.6',
    name: 'nothing more is sent to an instance that said close',
    request: get + get,
    async play(scope, plane) {
      let most = 0;
      const port = await rawInstance(scope, socket => {
        let requests = 0;
        socket.on('data', () => {
          requests += 1;
          most = Math.max(most, requests);
          socket.write(`${response('Connection: close', 'Content-Length: 2')}ok`);
        });
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(get + get + get);
      await client.until(() => client.received.split('\r\n\r\nok').length === 4);
      assert.equal(most, 1);
      client.socket.destroy();
    },
  } as Story,
  {
    section: 'RFC 9112 9.6',
    name: 'a client that has sent a FIN is still answered',
    async play(scope, plane) {
      const port = await rawInstance(scope, socket => socket.on('data', () => setTimeout(() => socket.write(ok), 30)));
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(get + get);
      client.socket.end();
      await client.until(() => client.ended);
      assert.equal(client.received.split('\r\n\r\nok').length, 3);
    },
  },
  passes(
    'RFC 9110 7.6.1',
    'fields that Connection names are dropped from a request',
    head(
      'GET / HTTP/1.1',
      'X-A: 1',
      'Host: x',
      'Connection: X-A,, x-c , keep-alive',
      'connection: x-D',
      'x-a: 2',
      'X-B: 3',
      'X-C: 4',
      'x-d:5',
    ),
    head('GET / HTTP/1.1', 'Host: x', 'X-B: 3'),
  ),
  answers(
    'RFC 9110 7.6.1',
    'fields that Connection names are dropped from a response',
    `${response('X-A: 1', 'Connection: x-a', 'Content-Length: 2')}ok`,
    ok,
  ),
  passes(
    'RFC 9110 7.6.1',
    'fields that are for one connection are dropped from a request, named or not',
    head('GET / HTTP/1.1', 'Host: x', 'Keep-Alive: 1', 'Proxy-Connection: close', 'TE: trailers', 'Upgrade: a'),
    get,
  ),
  answers(
    'RFC 9110 7.6.1',
    'fields that are for one connection are dropped from a response, named or not',
    `${response('Keep-Alive: timeout=5', 'Proxy-Connection: close', 'Upgrade: h2c', 'TE: x', 'Content-Length: 2')}ok`,
    ok,
  ),
  passes(
    'RFC 9110 7.6.1',
    'Connection can not take away what a message is framed, routed or traced by',
    `${post('Connection: host, content-length, transfer-encoding, x-forwarded-for, via', 'Content-Length: 2')}ab`,
    `${post('Content-Length: 2')}ab`,
  ),
  answers(
    'RFC 9110 7.6.1',
    'nor can it in a response',
    `${response('Connection: Content-Length, Date', 'Content-Length: 2')}ok`,
    ok,
  ),
  passes(
    'RFC 9110 7.6.1',
    'an option that is no name changes nothing',
    head('GET / HTTP/1.1', 'Host: x', 'Connection: a b, "c", \xe4'),
    get,
  ),
];
