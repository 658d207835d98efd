/** What an intermediary adds, counts down, passes on and must leave alone (RFC 9110, sections 6 to 15). */
import assert from 'node:assert/strict';
import { RawClient, rawInstance, TestForwarder } from '../../helpers/forwarder.ts';
import { anyRoute } from '../../helpers/router.ts';
import { answers, type Case, get, head, ok, passes, post, replaced, response } from './row.ts';

const early = (...fields: string[]) => head('HTTP/1.1 103 Early Hints', ...fields);
const go = head('HTTP/1.1 100 Continue');
const expecting = post('Expect: 100-continue', 'Content-Length: 2');
const options = (...fields: string[]) => head('OPTIONS / HTTP/1.1', 'Host: x', ...fields);
const trace = (...fields: string[]) => head('TRACE / HTTP/1.1', 'Host: x', ...fields);

export const forwarding: readonly Case[] = [
  {
    section: 'RFC 9110 6.6.1',
    name: 'a response without Date gets one',
    answer: /\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/,
  },
  {
    section: 'RFC 9110 6.6.1',
    name: 'a Date that is there stays the only one',
    response: `${response('date: Thu, 01 Jan 1970 00:00:00 GMT', 'Content-Length: 2')}ok`,
    answer:
      /^HTTP\/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n(?:(?!Date:).)*\r\n(?:(?!Date:).+\r\n)*\r\nok$/,
  },
  {
    section: 'RFC 9110 6.6.1',
    name: 'so does the one of a 304, which has no body',
    response: head('HTTP/1.1 304 Not Modified'),
    answer: /\r\nDate: /,
  },
  {
    section: 'RFC 9110 6.6.1',
    name: 'the answers of the router itself have one',
    request: 'x\r\n\r\n',
    answer: /^HTTP\/1.1 400 [\s\S]*\r\nDate: /,
  },
  passes(
    'RFC 9110 7.6.2',
    'Max-Forwards is left alone elsewhere',
    head('GET / HTTP/1.1', 'Host: x', 'Max-Forwards: 0'),
    head('GET / HTTP/1.1', 'Host: x', 'Max-Forwards: 0'),
  ),
  {
    section: 'RFC 9110 7.6.2',
    name: 'OPTIONS with Max-Forwards: 0 is answered here',
    request: options('Max-Forwards: 0'),
    seen: '',
    answer: /^HTTP\/1.1 501 /,
    closes: false,
  },
  {
    section: 'RFC 9110 7.6.2',
    name: 'so is TRACE',
    request: trace('Max-Forwards: 0'),
    seen: '',
    answer: /^HTTP\/1.1 501 /,
    closes: false,
  },
  passes(
    'RFC 9110 7.6.2',
    'Max-Forwards of OPTIONS counts down',
    options('Max-Forwards: 1'),
    options('Max-Forwards: 0'),
  ),
  passes('RFC 9110 7.6.2', 'Max-Forwards of TRACE counts down', trace('Max-Forwards: 010'), trace('Max-Forwards: 9')),
  passes('RFC 9110 7.6.2', 'one that is no number is dropped', options('Max-Forwards: x'), options()),
  passes('RFC 9110 7.6.2', 'so are two', options('Max-Forwards: 1', 'Max-Forwards: 2'), options()),
  { section: 'RFC 9110 7.6.3', name: 'a request gets Via', seen: /\r\nVia: 1.1 slipway\r\n/ },
  {
    section: 'RFC 9110 7.6.3',
    name: 'Via tells the version of the client',
    request: head('GET / HTTP/1.0'),
    seen: /\r\nVia: 1.0 slipway\r\n/,
  },
  {
    section: 'RFC 9110 7.6.3',
    name: 'a Via that came stays in front of it',
    request: head('GET / HTTP/1.1', 'Host: x', 'Via: 1.0 a, 1.1 b (c)'),
    seen: /\r\nVia: 1.0 a, 1.1 b \(c\)\r\n(?:.+\r\n)*Via: 1.1 slipway\r\n/,
  },
  answers(
    'RFC 9110 7.6.3',
    'a Via of a response passes',
    `${response('Via: 1.1 a', 'Content-Length: 2')}ok`,
    /^HTTP\/1.1 200 OK\r\nVia: 1.1 a\r\n/,
  ),
  answers(
    'RFC 9110 7.7',
    'content and what is said about it pass as they are',
    `${response('Content-Encoding: gzip', 'ETag: "a"', 'Cache-Control: no-transform', 'Content-Length: 3')}\x1f\x8b\0`,
    `${response('Content-Encoding: gzip', 'ETag: "a"', 'Cache-Control: no-transform', 'Content-Length: 3')}\x1f\x8b\0`,
  ),
  passes(
    'RFC 9110 9.2.2',
    'whatever a method means, its body passes',
    head('FOO / HTTP/1.1', 'Host: x', 'Content-Length: 2').concat('ab'),
    head('FOO / HTTP/1.1', 'Host: x', 'Content-Length: 2').concat('ab'),
  ),
  passes(
    'RFC 9110 9.3.1',
    'a GET may have a body',
    `${head('GET / HTTP/1.1', 'Host: x', 'Content-Length: 2')}ab`,
    `${head('GET / HTTP/1.1', 'Host: x', 'Content-Length: 2')}ab`,
  ),
  {
    section: 'RFC 9110 9.3.2',
    name: 'the answers of the router itself to HEAD have no body',
    request: head('HEAD / HTTP/1.1', 'Host: x') + get,
    response: ['nonsense', ok],
    answer: /^HTTP\/1.1 502 [^{]*\r\n\r\nHTTP\/1.1 200 [\s\S]*ok$/,
  },

  {
    section: 'RFC 9110 10.1.1',
    name: 'an expectation is passed on at once, and so is 100',
    request: `${expecting}`,
    response: go,
    early: true,
    seen: expecting,
    answer: go,
  },
  {
    section: 'RFC 9110 10.1.1',
    name: 'a final status instead of 100 ends the connection, since the body may follow or not',
    request: expecting,
    response: head('HTTP/1.1 417 Expectation Failed', 'Content-Length: 0'),
    early: true,
    answer: head('HTTP/1.1 417 Expectation Failed', 'Content-Length: 0', 'Connection: close'),
    closes: true,
  },
  {
    section: 'RFC 9110 10.1.1',
    name: 'a client that does not wait for 100 keeps its connection',
    request: `${expecting}ab`,
    seen: `${expecting}ab`,
    answer: ok,
    closes: false,
  },
  {
    section: 'RFC 9110 10.1.1',
    name: 'an expectation without a body expects nothing',
    request: post('Expect: 100-continue', 'Content-Length: 0'),
    seen: post('Expect: 100-continue', 'Content-Length: 0'),
    answer: ok,
    closes: false,
  },
  {
    section: 'RFC 9110 10.1.1',
    name: 'HTTP/1.0 has no expectations',
    request: `${head('POST / HTTP/1.0', 'Host: x', 'Expect: 100-continue', 'Content-Length: 2')}ab`,
    seen: `${post('Content-Length: 2')}ab`,
    closes: true,
  },
  passes(
    'RFC 9110 10.1.1',
    'an expectation that nobody knows is for the instance to refuse',
    post('Expect: x', 'Content-Length: 0'),
    post('Expect: x', 'Content-Length: 0'),
  ),
  {
    section: 'RFC 9110 10.1.1',
    name: 'nothing of a body hides behind a refusal that came before it',
    async play(scope, plane) {
      const router = await TestForwarder.create(scope, [anyRoute('a')], {}, plane);
      const client = new RawClient(router.port).send(post('Expect: 100-continue', `Content-Length: ${get.length}`));
      await client.until(() => client.status > 0);
      client.send(get);
      await client.until(() => client.ended);
      assert.equal(client.received.match(/HTTP\/1.1 503/g)?.length, 1);
    },
  },
  passes(
    'RFC 9110 10.1.4',
    'trailers are welcome where the client says so, and nothing else is',
    head('GET / HTTP/1.1', 'Host: x', 'Connection: TE', 'TE: gzip;q=0.5, trailers'),
    head('GET / HTTP/1.1', 'Host: x', 'Connection: TE', 'TE: trailers'),
  ),
  passes(
    'RFC 9110 10.1.4',
    'TE that Connection does not name is for another hop',
    head('GET / HTTP/1.1', 'Host: x', 'TE: trailers'),
    get,
  ),
  passes(
    'RFC 9110 10.1.4',
    'chunked is not to be wished for',
    head('GET / HTTP/1.1', 'Host: x', 'Connection: TE', 'TE: chunked'),
    get,
  ),
  passes(
    'RFC 9110 11.7.2',
    'credentials for a proxy end at the proxy',
    head('GET / HTTP/1.1', 'Host: x', 'Proxy-Authorization: Basic eA=='),
    get,
  ),
  passes(
    'RFC 9110 11.6.2',
    'credentials for the server pass',
    head('GET / HTTP/1.1', 'Host: x', 'Authorization: Basic eA=='),
    head('GET / HTTP/1.1', 'Host: x', 'Authorization: Basic eA=='),
  ),
  answers(
    'RFC 9110 11.7.1',
    'what an instance demands of proxies is not for the client',
    `${response('Proxy-Authenticate: Basic', 'Content-Length: 2')}ok`,
    ok,
  ),
  answers(
    'RFC 9110 11.6.1',
    'what it demands of the client is',
    `${response('WWW-Authenticate: Basic', 'Content-Length: 2')}ok`,
    `${response('WWW-Authenticate: Basic', 'Content-Length: 2')}ok`,
  ),

  answers(
    'RFC 9110 15',
    'a status that nobody knows passes',
    `${head('HTTP/1.1 799 Odd', 'Content-Length: 2')}ok`,
    `${head('HTTP/1.1 799 Odd', 'Content-Length: 2')}ok`,
  ),
  replaced('RFC 9110 15', 'a status below 100 is none', head('HTTP/1.1 099 Odd', 'Content-Length: 0')),
  answers(
    'RFC 9110 15.2',
    'interim responses are passed on, one by one',
    go + early('Link: a') + early('Link: b', 'Connection: x-a', 'X-A: 1') + head('HTTP/1.1 199 Odd') + ok,
    go + early('Link: a') + early('Link: b') + head('HTTP/1.1 199 Odd') + ok,
  ),
  answers(
    'RFC 9110 15.2',
    'an interim response has no length and no coding',
    early('Content-Length: 5') + early('Transfer-Encoding: chunked') + ok,
    early() + early() + ok,
  ),
  {
    section: 'RFC 9110 15.2',
    name: 'a client of HTTP/1.0 gets no interim response',
    request: head('GET / HTTP/1.0'),
    response: go + early('Link: a') + ok,
    answer: `${response('Content-Length: 2', 'Connection: close')}ok`,
    closes: true,
  },
  answers('RFC 9110 15.3.5', '204 ends at its head', head('HTTP/1.1 204 No Content'), head('HTTP/1.1 204 No Content')),
  answers(
    'RFC 9110 15.5',
    'an error of an instance is not the router’s',
    `${head('HTTP/1.1 503 Busy', 'Content-Length: 2')}no`,
    `${head('HTTP/1.1 503 Busy', 'Content-Length: 2')}no`,
  ),
  {
    section: 'RFC 9110 15.6.3',
    name: 'no instance that can be reached: 502',
    async play(scope, plane) {
      const port = await rawInstance(scope, socket => socket.destroy());
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(get);
      await client.until(() => client.status > 0);
      assert.equal(client.status, 502);
      client.socket.destroy();
    },
  },
  {
    section: 'RFC 9110 15.6.4',
    name: 'no instance at all: 503, with Retry-After',
    async play(scope, plane) {
      const router = await TestForwarder.create(scope, [anyRoute('a')], {}, plane);
      const client = new RawClient(router.port).send(get);
      await client.until(() => client.status > 0);
      assert.match(client.received, /^HTTP\/1.1 503 [\s\S]*\r\nRetry-After: 1\r\n/);
      client.socket.destroy();
    },
  },
  {
    section: 'RFC 9110 15.6.5',
    name: 'an instance that does not answer: 504',
    response: '',
    limits: { headTimeout: 150 },
    answer: /^HTTP\/1.1 504 /,
    closes: false,
  },
];
