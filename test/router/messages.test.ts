/** What the router makes of a message, octet by octet on raw sockets. Each case names its section of RFC 9112 or 9110. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { eventually } from '../helpers/eventually.ts';
import { RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

const lines = (...all: string[]) => `${all.join('\r\n')}\r\n\r\n`;
const plain = lines('HTTP/1.1 200 OK', 'Content-Length: 2').concat('ok');

interface Case {
  readonly section: string;
  readonly what: string;
  /** From the client. */
  readonly request?: string;
  /** From the instance, when it has what it waits for. */
  readonly response?: string;
  /** The instance ends the connection after it. */
  readonly ends?: boolean;
  /** What the instance gets; its own fields are left out. */
  readonly seen?: string | RegExp;
  readonly answer?: string | RegExp;
  /** Whether the client's connection is ended. */
  readonly closes?: boolean;
}

const get = lines('GET / HTTP/1.1', 'Host: x');

const cases: readonly Case[] = [
  {
    section: '9112 2.3',
    what: 'the router speaks its own version, towards the instance',
    request: lines('GET / HTTP/1.0', 'Host: x'),
    seen: lines('GET / HTTP/1.1', 'Host: x'),
    closes: true,
  },
  {
    section: '9112 2.3',
    what: 'the router speaks its own version, towards the client',
    response: lines('HTTP/1.0 200 OK', 'Content-Length: 2').concat('ok'),
    answer: plain,
  },
  { section: '9112 2.2', what: 'empty lines before a request are skipped', request: `\r\n\r\n${get}`, seen: get },
  {
    section: '9112 3.2.2',
    what: 'an absolute target: its host replaces Host',
    request: lines('GET http://other:81/a?b HTTP/1.1', 'Host: x'),
    seen: lines('GET /a?b HTTP/1.1', 'Host: other:81'),
  },
  {
    section: '9112 3.2.4',
    what: 'OPTIONS for a host as a whole becomes an asterisk',
    request: lines('OPTIONS http://x HTTP/1.1', 'Host: x'),
    seen: lines('OPTIONS * HTTP/1.1', 'Host: x'),
  },
  {
    section: '9112 5.1',
    what: 'whitespace before a colon is removed from a response',
    response: lines('HTTP/1.1 200 OK', 'X-A : 1', 'Content-Length : 2').concat('ok'),
    answer: lines('HTTP/1.1 200 OK', 'X-A: 1', 'Content-Length: 2').concat('ok'),
  },
  {
    section: '9112 5.2',
    what: 'a folded response is replaced by 502',
    response: lines('HTTP/1.1 200 OK', 'A: b', ' c'),
    answer: /^HTTP\/1.1 502 /,
  },
  {
    section: '9112 6.1',
    what: 'a body in chunks passes as it came',
    request: lines('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked').concat('3;a=b\r\nabc\r\n0\r\n\r\n'),
    seen: lines('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked').concat('3;a=b\r\nabc\r\n0\r\n\r\n'),
  },
  {
    section: '9112 6.1',
    what: 'a client of HTTP/1.0 gets no chunks',
    request: lines('GET / HTTP/1.0', 'Host: x', 'Connection: keep-alive'),
    response: lines('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked').concat('1\r\na\r\n2\r\nbc\r\n0\r\nX: y\r\n\r\n'),
    answer: lines('HTTP/1.1 200 OK', 'Connection: close').concat('abc'),
    closes: true,
  },
  {
    section: '9112 6.3',
    what: 'a response to HEAD has no body, whatever it says',
    request: lines('HEAD / HTTP/1.1', 'Host: x'),
    response: lines('HTTP/1.1 200 OK', 'Content-Length: 5'),
    answer: lines('HTTP/1.1 200 OK', 'Content-Length: 5'),
  },
  {
    section: '9112 6.3',
    what: '304 has no body, whatever it says',
    response: lines('HTTP/1.1 304 Not Modified', 'Content-Length: 5'),
    answer: lines('HTTP/1.1 304 Not Modified', 'Content-Length: 5'),
  },
  {
    section: '9110 8.6',
    what: '204 says no length',
    response: lines('HTTP/1.1 204 No Content', 'Content-Length: 0'),
    answer: lines('HTTP/1.1 204 No Content'),
  },
  {
    section: '9112 6.3',
    what: 'a response that ends with its connection is put into chunks',
    response: lines('HTTP/1.1 200 OK').concat('abc'),
    ends: true,
    answer: /\r\nTransfer-Encoding: chunked\r\n[\s\S]*\r\n\r\n(?:3\r\nabc|1\r\na\r\n1\r\nb\r\n1\r\nc)\r\n0\r\n\r\n$/,
  },
  {
    section: '9112 6.3',
    what: 'a response that ends with its connection, to a client of HTTP/1.0',
    request: lines('GET / HTTP/1.0'),
    response: lines('HTTP/1.1 200 OK').concat('abc'),
    ends: true,
    answer: lines('HTTP/1.1 200 OK', 'Connection: close').concat('abc'),
    closes: true,
  },
  {
    section: '9112 6.3',
    what: 'two lengths in a response: 502',
    response: lines('HTTP/1.1 200 OK', 'Content-Length: 1', 'Content-Length: 2'),
    answer: /^HTTP\/1.1 502 /,
  },
  {
    section: '9112 6.3',
    what: 'a length that is none in a response: 502',
    response: lines('HTTP/1.1 200 OK', 'Content-Length: -1'),
    answer: /^HTTP\/1.1 502 /,
  },
  {
    section: '9112 6.3',
    what: 'both framings in a response: 502',
    response: lines('HTTP/1.1 200 OK', 'Content-Length: 1', 'Transfer-Encoding: chunked'),
    answer: /^HTTP\/1.1 502 /,
  },
  {
    section: '9112 7.1.2',
    what: 'trailers pass, but for those that may not be any',
    response: lines('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', 'Trailer: X-Sum').concat(
      '1\r\na\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nSet-Cookie: a\r\n\r\n',
    ),
    answer: lines('HTTP/1.1 200 OK', 'Trailer: X-Sum', 'Transfer-Encoding: chunked').concat(
      '1\r\na\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n',
    ),
  },
  {
    section: '9112 9.3',
    what: 'a client of HTTP/1.0 that asks for it keeps its connection',
    request: lines('GET / HTTP/1.0', 'Connection: keep-alive'),
    answer: lines('HTTP/1.1 200 OK', 'Content-Length: 2', 'Connection: keep-alive').concat('ok'),
    closes: false,
  },
  { section: '9112 9.3', what: 'a client of HTTP/1.1 keeps its connection', closes: false, answer: plain },
  {
    section: '9112 9.6',
    what: 'a client that says close is answered and closed',
    request: lines('GET / HTTP/1.1', 'Host: x', 'Connection: close'),
    answer: lines('HTTP/1.1 200 OK', 'Content-Length: 2', 'Connection: close').concat('ok'),
    closes: true,
  },
  {
    section: '9112 9.6',
    what: 'an instance that says close ends its own connection only',
    response: lines('HTTP/1.1 200 OK', 'Connection: close', 'Content-Length: 2').concat('ok'),
    ends: true,
    answer: plain,
    closes: false,
  },
  {
    section: '9110 7.6.1',
    what: 'fields that Connection names, and those of one connection, are dropped both ways',
    request: lines('GET / HTTP/1.1', 'Host: x', 'Connection: X-A, keep-alive', 'X-A: 1', 'Keep-Alive: 1', 'X-B: 2'),
    seen: lines('GET / HTTP/1.1', 'Host: x', 'X-B: 2'),
    response: lines(
      'HTTP/1.1 200 OK',
      'X-A: 1',
      'Connection: x-a',
      'Proxy-Authenticate: Basic',
      'Content-Length: 2',
    ).concat('ok'),
    answer: plain,
  },
  {
    section: '9110 7.6.1',
    what: 'Connection can not take away what frames or routes a message',
    request: lines('POST / HTTP/1.1', 'Host: x', 'Connection: host, content-length', 'Content-Length: 2').concat('ab'),
    seen: lines('POST / HTTP/1.1', 'Host: x', 'Content-Length: 2').concat('ab'),
  },
  {
    section: '9110 7.6.2',
    what: 'Max-Forwards: 0 ends here',
    request: lines('OPTIONS / HTTP/1.1', 'Host: x', 'Max-Forwards: 0'),
    seen: '',
    answer: /^HTTP\/1.1 501 /,
  },
  {
    section: '9110 7.6.2',
    what: 'Max-Forwards counts down',
    request: lines('TRACE / HTTP/1.1', 'Host: x', 'Max-Forwards: 2'),
    seen: /\r\nMax-Forwards: 1\r\n/,
  },
  { section: '9110 7.6.3', what: 'a gateway adds Via', seen: /\r\nVia: 1.1 slipway\r\n/ },
  {
    section: '9110 6.6.1',
    what: 'a response without Date gets one',
    answer: /\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/,
  },
  {
    section: '9110 7.8',
    what: 'an upgrade is for HTTP/1.1 only',
    request: lines('GET / HTTP/1.0', 'Connection: upgrade', 'Upgrade: a'),
    seen: lines('GET / HTTP/1.1', 'Host: '),
  },
  {
    section: '9110 7.8',
    what: 'an upgrade that Connection does not name is none',
    request: lines('GET / HTTP/1.1', 'Host: x', 'Upgrade: a'),
    seen: get,
  },
  {
    section: '9110 10.1.1',
    what: 'an expectation is passed on',
    request: lines('POST / HTTP/1.1', 'Host: x', 'Expect: 100-continue', 'Content-Length: 0'),
    seen: /\r\nExpect: 100-continue\r\n/,
  },
  {
    section: '9110 10.1.1',
    what: 'HTTP/1.0 has no expectations',
    request: lines('POST / HTTP/1.0', 'Expect: 100-continue', 'Content-Length: 0'),
    seen: lines('POST / HTTP/1.1', 'Content-Length: 0', 'Host: '),
  },
  {
    section: '9110 10.1.4',
    what: 'trailers are welcome where the client says so',
    request: lines('GET / HTTP/1.1', 'Host: x', 'Connection: TE', 'TE: trailers, gzip'),
    seen: lines('GET / HTTP/1.1', 'Host: x', 'Connection: TE', 'TE: trailers'),
  },
  {
    section: '9110 15.2',
    what: 'interim responses are passed on',
    response: lines('HTTP/1.1 100 Continue').concat(
      lines('HTTP/1.1 103 Early Hints', 'Link: a', 'Connection: x'),
      lines('HTTP/1.1 199 Odd'),
      plain,
    ),
    answer: lines('HTTP/1.1 100 Continue').concat(
      lines('HTTP/1.1 103 Early Hints', 'Link: a'),
      lines('HTTP/1.1 199 Odd'),
      plain,
    ),
  },
  {
    section: '9110 15.2',
    what: 'a client of HTTP/1.0 gets no interim response',
    request: lines('GET / HTTP/1.0'),
    response: lines('HTTP/1.1 103 Early Hints', 'Link: a').concat(plain),
    answer: lines('HTTP/1.1 200 OK', 'Content-Length: 2', 'Connection: close').concat('ok'),
    closes: true,
  },
  {
    section: '9110 15.2.2',
    what: 'a switch of protocols that nobody asked for: 502',
    response: lines('HTTP/1.1 101 Yes', 'Upgrade: a'),
    answer: /^HTTP\/1.1 502 /,
  },
];

/** Without what the router adds to each. */
function withoutOwn(text: string): string {
  return text.replace(/^(?:X-Forwarded-(?:For|Proto|Host)|X-Request-Id|Via|Date): [^\r]*\r\n/gm, '');
}

function matches(actual: string, expected: string | RegExp): boolean {
  return typeof expected === 'string' ? withoutOwn(actual) === expected : expected.test(actual);
}

for (const byDocument of [false, true]) {
  for (const splits of ['whole', 'octets'] as const) {
    const how = `${byDocument ? 'by documented API, ' : ''}${splits}`;
    test(`messages: ${how}`, async t => {
      for (const one of cases) {
        await t.test(`${one.section}: ${one.what}`, async step => {
          let seen = '';
          const port = await rawInstance(step, socket => {
            socket.setEncoding('latin1');
            let asked = '';
            socket.on('data', async chunk => {
              seen += chunk;
              asked += chunk;
              if (!isWhole(asked)) return;
              asked = '';
              const response = one.response ?? plain;
              for (const piece of splits === 'whole' ? [response] : response) {
                socket.write(piece, 'latin1');
                await new Promise(resolve => setImmediate(resolve));
              }
              if (one.ends) socket.end();
            });
          });
          const router = await TestForwarder.create(step, [anyRoute('a', { id: 'a', port })], {}, { byDocument });
          const client = new RawClient(router.port);
          client.socket.setNoDelay(true);
          for (const piece of splits === 'whole' ? [one.request ?? get] : (one.request ?? get)) {
            client.send(piece);
            await new Promise(resolve => setImmediate(resolve));
          }
          const expected = one.answer;
          if (expected !== undefined)
            await eventually('the answer', () => matches(client.received, expected), 5000).catch(() => {});
          else await eventually('an answer', () => /^HTTP\/1.1 \d/.test(client.received));
          if (typeof expected === 'string') assert.equal(withoutOwn(client.received), expected);
          else if (expected) assert.match(client.received, expected);
          if (one.seen instanceof RegExp) assert.match(seen, one.seen);
          else if (one.seen !== undefined) assert.equal(withoutOwn(seen), one.seen);
          if (one.closes) await eventually('the end', () => client.ended);
          else if (one.closes === false) {
            const before = client.received.length;
            client.send(get);
            await eventually('another answer', () => client.received.length > before);
          }
          client.socket.destroy();
          await eventually('nothing in flight', () => (router.stats().services['a']?.inFlight ?? 0) === 0);
        });
      }
    });
  }
}

/** Whether the request is complete, as far as these tests go. */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0);
  if (/^transfer-encoding/im.test(text)) return text.endsWith('0\r\n\r\n');
  return text.length >= end + 4 + length;
}
