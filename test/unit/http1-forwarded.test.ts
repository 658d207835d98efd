import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { forwardedRequest, type RequestFacts } from '../../src/router/http1/forwarded-request.ts';
import {
  forwardedInformation,
  forwardedResponse,
  type ResponseFacts,
} from '../../src/router/http1/forwarded-response.ts';
import { RequestHead } from '../../src/router/http1/request-head.ts';
import { ResponseHead } from '../../src/router/http1/response-head.ts';

const limits = { maxHead: 8192, maxTarget: 4096, maxFields: 50, maxTrailers: 1024 };
const facts: RequestFacts = {
  path: '/',
  strippedPrefix: '',
  requestId: 'r-1',
  traceparent: '',
  origin: { lines: 'X-Forwarded-For: 10.0.0.7\r\nX-Forwarded-Proto: http\r\n', host: '', prefix: '' },
  upgrades: false,
};

/** The lines of what an instance gets. */
function forwarded(lines: readonly string[], more: Partial<RequestFacts> = {}): string[] {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\nBODY`, 'latin1');
  const head = new RequestHead(limits);
  assert.equal(head.scan(bytes, 0, bytes.length), 'done');
  const text = forwardedRequest(bytes, head, { ...facts, path: head.path, ...more });
  assert.ok(text.endsWith('\r\n\r\n'));
  return text.slice(0, -4).split('\r\n');
}

const told = (host: string, via = '1.1') => [
  'X-Forwarded-For: 10.0.0.7',
  'X-Forwarded-Proto: http',
  `X-Forwarded-Host: ${host}`,
  'X-Request-Id: r-1',
  `Via: ${via} slipway`,
];

test('fields pass as they are, repeated ones too, and a Via that came stays in front of ours', () => {
  const lines = ['GET /a?b HTTP/1.1', 'Host: x', 'aCCept:*/*', 'Cookie: a=1', 'Cookie: b=2', 'Via: 1.0 y', 'Date: now'];
  assert.deepEqual(forwarded(lines), [...lines, ...told('x')]);
});

test('what concerns one connection is dropped, and what Connection names (RFC 9110, section 7.6.1)', () => {
  const lines = [
    'GET / HTTP/1.1',
    'X-Hop: 1',
    'Connection: keep-alive, X-Hop, x-forwarded-for',
    'connection: x-other, Content-Length, Host, Date',
    'Host: x',
    'X-Other: 2',
    'x-hop: 3',
    'TE: gzip',
    'Keep-Alive: 5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic eA==',
    'Upgrade: h2c',
    'Content-Length: 4',
    'Date: now',
    'X-Hopper: 4',
  ];
  assert.deepEqual(forwarded(lines), [
    'GET / HTTP/1.1',
    'Host: x',
    'Content-Length: 4',
    'Date: now',
    'X-Hopper: 4',
    ...told('x'),
  ]);
});

test('a request is framed exactly once, in the usual form', () => {
  const framing = (method: string, ...fields: string[]) =>
    forwarded([`${method} / HTTP/1.1`, 'Host: x', ...fields]).filter(line =>
      /^(content-length|transfer-enc)/i.test(line),
    );
  assert.deepEqual(framing('POST', 'Content-Length: 4'), ['Content-Length: 4']);
  assert.deepEqual(framing('POST', 'content-length:\t007 '), ['Content-Length: 7']);
  assert.deepEqual(framing('POST', 'transfer-ENCODING:\tCHUNKED '), ['Transfer-Encoding: chunked']);
  assert.deepEqual(framing('POST', 'Connection: transfer-encoding', 'Transfer-Encoding: chunked'), [
    'Transfer-Encoding: chunked',
  ]);
  assert.deepEqual(framing('POST'), ['Content-Length: 0']);
  assert.deepEqual(framing('DELETE'), []);
});

test('the target is passed on as a path, with the host that it is for (RFC 9112, section 3.2.2)', () => {
  assert.deepEqual(forwarded(['GET http://o:81/a?b HTTP/1.1', 'Host: x']), [
    'GET /a?b HTTP/1.1',
    'Host: o:81',
    ...told('o:81'),
  ]);
  assert.deepEqual(forwarded(['GET / HTTP/1.1', 'Host:\tx ']), ['GET / HTTP/1.1', 'Host: x', ...told('x')]);
  assert.deepEqual(forwarded(['GET / HTTP/1.0']), ['GET / HTTP/1.1', 'Host: ', ...told('', '1.0')]);
  assert.deepEqual(forwarded(['GET /api/a HTTP/1.1', 'Host: x'], { path: '/a', strippedPrefix: '/api' }), [
    'GET /a HTTP/1.1',
    'Host: x',
    ...told('x').toSpliced(3, 0, 'X-Forwarded-Prefix: /api'),
  ]);
});

test('the wishes that are passed on', () => {
  const upgrade = ['GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket'];
  assert.deepEqual(forwarded(upgrade, { upgrades: true }), [
    'GET / HTTP/1.1',
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    ...told('x'),
  ]);
  assert.deepEqual(forwarded(upgrade), ['GET / HTTP/1.1', 'Host: x', ...told('x')]);
  assert.deepEqual(forwarded(['GET / HTTP/1.1', 'Host: x', 'Connection: TE', 'TE: trailers']), [
    'GET / HTTP/1.1',
    'Host: x',
    'Connection: TE',
    'TE: trailers',
    ...told('x'),
  ]);
  assert.ok(forwarded(['OPTIONS / HTTP/1.1', 'Host: x', 'Max-Forwards: 3']).includes('Max-Forwards: 2'));
  assert.ok(forwarded(['GET / HTTP/1.1', 'Host: x', 'Max-Forwards: 3']).includes('Max-Forwards: 3'));
});

test('whatever the client sends, origin and id are told once, and by the router', () => {
  const name = fc.constantFrom(
    'X-Forwarded-For',
    'x-forwarded-host',
    'X_FORWARDED_FOR',
    'X-Forwarded_Anything',
    'Forwarded',
    'X-Real-IP',
    'x_real-ip',
    'X_Request_Id',
    'Connection',
    'Accept',
    'Cookie',
  );
  const value = fc.constantFrom('evil', 'close', 'X-Forwarded-For, X-Request-Id, Host', 'keep-alive');
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), pairs => {
      const lines = forwarded(['GET / HTTP/1.1', 'Host: x', ...pairs.map(pair => pair.join(': '))]);
      const names = lines.slice(1).map(line => line.slice(0, line.indexOf(':')).toLowerCase().replaceAll('_', '-'));
      for (const once of ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id', 'host']) {
        assert.equal(names.filter(each => each === once).length, 1, once);
      }
      for (const gone of ['forwarded', 'x-real-ip', 'connection', 'x-forwarded-anything'])
        assert.ok(!names.includes(gone));
      assert.ok(!lines.includes('X-Forwarded-For: evil'));
    }),
  );
});

function answered(lines: readonly string[], more: Partial<ResponseFacts> = {}): string[] {
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  const head = new ResponseHead(limits);
  assert.equal(head.scan(bytes, 0, bytes.length), 'done');
  const text = head.isInformational
    ? forwardedInformation(bytes, head)
    : forwardedResponse(bytes, head, {
        requestId: 'r-1',
        connection: undefined,
        chunked: false,
        date: 'today',
        ...more,
      });
  assert.ok(text.endsWith('\r\n\r\n'));
  return text.slice(0, -4).split('\r\n');
}

test('a response as a client gets it', () => {
  const own = ['Date: today', 'X-Request-Id: r-1'];
  assert.deepEqual(
    answered([
      'HTTP/1.1 200 OK',
      'Content-Length: 2',
      'Connection: keep-alive, X-A',
      'Keep-Alive: timeout=5',
      'X-A: 1',
      'Set-Cookie: a',
      'Set-Cookie: b',
    ]),
    ['HTTP/1.1 200 OK', 'Content-Length: 2', 'Set-Cookie: a', 'Set-Cookie: b', ...own],
  );
  assert.deepEqual(answered(['HTTP/1.0 200', 'Date: then', 'X-Request-Id: theirs'], { connection: 'close' }), [
    'HTTP/1.1 200 ',
    'Date: then',
    'Connection: close',
    'X-Request-Id: r-1',
  ]);
  assert.deepEqual(answered(['HTTP/1.1 200 OK', 'Trailer : X', 'Transfer-Encoding: chunked'], { chunked: true }), [
    'HTTP/1.1 200 OK',
    'Trailer: X',
    'Transfer-Encoding: chunked',
    ...own,
  ]);
  assert.deepEqual(answered(['HTTP/1.1 200 OK', 'Trailer : X', 'Content-Length : 2']), [
    'HTTP/1.1 200 OK',
    'Content-Length: 2',
    ...own,
  ]);
  assert.deepEqual(answered(['HTTP/1.1 204 No Content', 'Content-Length: 2', 'Transfer-Encoding: chunked']), [
    'HTTP/1.1 204 No Content',
    ...own,
  ]);
  assert.deepEqual(answered(['HTTP/1.1 304 Not Modified', 'Content-Length: 2']), [
    'HTTP/1.1 304 Not Modified',
    'Content-Length: 2',
    ...own,
  ]);
  assert.deepEqual(answered(['HTTP/1.1 101 Yes', 'Connection: Upgrade', 'Upgrade: a', 'Content-Length: 0']), [
    'HTTP/1.1 101 Yes',
    'Connection: Upgrade',
    'Upgrade: a',
    ...own,
  ]);
  const required = ['HTTP/1.1 426 Upgrade Required', 'Connection: Upgrade', 'Upgrade: a', 'Content-Length: 0'];
  assert.deepEqual(answered(required, { connection: 'close' }), [
    'HTTP/1.1 426 Upgrade Required',
    'Content-Length: 0',
    'Connection: Upgrade',
    'Upgrade: a',
    'Connection: close',
    ...own,
  ]);
  assert.deepEqual(answered(['HTTP/1.1 103 Early Hints', 'Link: a', 'Content-Length: 3', 'Connection: close']), [
    'HTTP/1.1 103 Early Hints',
    'Link: a',
  ]);
});
