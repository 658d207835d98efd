import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Head, Scan } from '../../src/router/http1/head.ts';
import { allRejections, detailOf, type Rejection, statusOf } from '../../src/router/http1/rejection.ts';
import { RequestHead } from '../../src/router/http1/request-head.ts';
import { ResponseHead } from '../../src/router/http1/response-head.ts';

const limits = { maxHead: 1024, maxTarget: 256, maxFields: 8, maxTrailers: 256 };

function scan(head: Head, text: string, limit = text.length): Scan {
  return head.scan(Buffer.from(text, 'latin1'), 0, limit);
}

function request(text: string): RequestHead {
  const head = new RequestHead(limits);
  assert.equal(scan(head, text), 'done', text);
  return head;
}

const lines = (...all: string[]) => `${all.join('\r\n')}\r\n\r\n`;
const get = (...fields: string[]) => lines('GET / HTTP/1.1', 'Host: x', ...fields);

/** Section of RFC 9112, or of RFC 9110 where it says so. */
const refused: readonly (readonly [section: string, text: string, Rejection])[] = [
  ['2.2 a line ends in CR LF', 'GET / HTTP/1.1\nHost: x\n\n', 'line-ending'],
  ['2.2 a bare CR', 'GET / HTTP/1.1\r\nHost: x\rX: 1\r\n\r\n', 'line-ending'],
  ['2.2 whitespace before the first field', lines('GET / HTTP/1.1', ' Host: x'), 'field-folded'],
  ['2.2 a bare LF at the end', 'GET / HTTP/1.1\r\nHost: x\r\n\n', 'line-ending'],
  ['2.2 a CR alone at the end', 'GET / HTTP/1.1\r\nHost: x\r\n\rX', 'line-ending'],
  ['2.3 the name of HTTP is case-sensitive', lines('GET / http/1.1', 'Host: x'), 'version-invalid'],
  ['2.3 no version', lines('GET /', 'Host: x'), 'target-invalid'],
  ['2.3 a version of two digits', lines('GET / HTTP/1.10', 'Host: x'), 'line-ending'],
  ['2.3 another protocol', lines('GET / HTTP/2.0', 'Host: x'), 'version-unsupported'],
  ['3 two spaces', lines('GET  / HTTP/1.1', 'Host: x'), 'target-invalid'],
  ['3 a tab', lines('GET\t/ HTTP/1.1', 'Host: x'), 'method-invalid'],
  ['3 a space behind', lines('GET / HTTP/1.1 ', 'Host: x'), 'line-ending'],
  ['3.1 a method that is no token', lines('G(T / HTTP/1.1', 'Host: x'), 'method-invalid'],
  ['3.1 no method', lines(' / HTTP/1.1', 'Host: x'), 'method-invalid'],
  ['3.2 no path', lines('GET x HTTP/1.1', 'Host: x'), 'target-invalid'],
  ['3.2 a fragment', lines('GET /#a HTTP/1.1', 'Host: x'), 'target-invalid'],
  ['3.2 octets above 127', lines('GET /\xa0 HTTP/1.1', 'Host: x'), 'target-invalid'],
  ['3.2 a control character', lines('GET /\x1f HTTP/1.1', 'Host: x'), 'target-invalid'],
  ['3.2 no Host', lines('GET / HTTP/1.1', 'X: 1'), 'host-missing'],
  ['3.2 two Hosts', get('Host: x'), 'host-repeated'],
  ['3.2 a Host that is none', lines('GET / HTTP/1.1', 'Host: a/b'), 'host-invalid'],
  ['3.2 a list of hosts', lines('GET / HTTP/1.1', 'Host: a, b'), 'host-invalid'],
  ['3.2 a port that is none', lines('GET / HTTP/1.1', 'Host: a:8o'), 'host-invalid'],
  ['3.2 an address that is none', lines('GET / HTTP/1.1', 'Host: [::1'), 'host-invalid'],
  ['3.2.2 user information', lines('GET http://u@x/ HTTP/1.1', 'Host: x'), 'host-invalid'],
  ['3.2.2 a URL without a host', lines('GET http:///a HTTP/1.1', 'Host: x'), 'host-invalid'],
  ['3.2.2 another scheme', lines('GET ftp://x/ HTTP/1.1', 'Host: x'), 'target-invalid'],
  ['3.2.2 a Host that is none beside a URL', lines('GET http://x/ HTTP/1.1', 'Host: a b'), 'host-invalid'],
  ['3.2.3 CONNECT', lines('CONNECT x:443 HTTP/1.1', 'Host: x'), 'method-unsupported'],
  ['3.2.4 an asterisk for another method', lines('GET * HTTP/1.1', 'Host: x'), 'target-invalid'],
  ['5 a name that is no token', get('X(: 1'), 'field-name-invalid'],
  ['5 no name', get(': 1'), 'field-name-invalid'],
  ['5 no colon', get('X'), 'field-name-invalid'],
  ['5.1 a space before the colon', get('Content-Length : 4'), 'field-name-space'],
  ['5.1 a tab before the colon', get('Content-Length\t: 4'), 'field-name-space'],
  ['5.2 folding', get('X: 1', ' 2'), 'field-folded'],
  ['5.2 folding with a tab', get('X: 1', '\tContent-Length: 3'), 'field-folded'],
  ['9110 5.5 NUL', get('X: a\0b'), 'field-value-invalid'],
  ['9110 5.5 a control character', get('X: a\x0bb'), 'field-value-invalid'],
  ['9110 5.5 DEL', get('X: a\x7fb'), 'field-value-invalid'],
  ['6.1 another coding', get('Transfer-Encoding: xchunked'), 'coding-endless'],
  ['6.1 a coding before chunked', get('Transfer-Encoding: gzip, chunked'), 'coding-unsupported'],
  ['6.1 a coding behind chunked', get('Transfer-Encoding: chunked, gzip'), 'coding-endless'],
  ['6.1 chunked twice', get('Transfer-Encoding: chunked, chunked'), 'coding-unsupported'],
  ['6.1 chunked in two fields', get('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), 'coding-repeated'],
  ['6.1 an empty coding', get('Transfer-Encoding:'), 'coding-endless'],
  ['6.1 a vertical tab', get('Transfer-Encoding: \x0bchunked'), 'field-value-invalid'],
  ['6.1 in HTTP/1.0', lines('POST / HTTP/1.0', 'Transfer-Encoding: chunked'), 'coding-version'],
  ['6.1 both framings', get('Content-Length: 4', 'Transfer-Encoding: chunked'), 'length-and-coding'],
  ['6.1 both framings, the other way', get('Transfer-Encoding: chunked', 'Content-Length: 4'), 'length-and-coding'],
  ['6.3 two lengths', get('Content-Length: 4', 'Content-Length: 5'), 'length-repeated'],
  ['6.3 the same length twice', get('Content-Length: 4', 'content-length: 4'), 'length-repeated'],
  ['6.3 a list of lengths', get('Content-Length: 4, 4'), 'length-invalid'],
  ['6.3 a signed length', get('Content-Length: +4'), 'length-invalid'],
  ['6.3 a negative length', get('Content-Length: -4'), 'length-invalid'],
  ['6.3 a hexadecimal length', get('Content-Length: 0x4'), 'length-invalid'],
  ['6.3 no length', get('Content-Length:'), 'length-invalid'],
  ['6.3 a length beyond counting', get(`Content-Length: ${'9'.repeat(20)}`), 'length-invalid'],
  ['3 a target over the limit', lines(`GET /${'a'.repeat(256)} HTTP/1.1`, 'Host: x'), 'target-too-long'],
  ['3 a start line without end', `GET /${'a'.repeat(2000)}`, 'target-too-long'],
  ['3 a method without end', 'G'.repeat(2000), 'target-too-long'],
  ['5 a head over the limit', get(`X: ${'a'.repeat(1000)}`), 'head-too-large'],
  ['5 a name without end', `GET / HTTP/1.1\r\n${'X'.repeat(2000)}`, 'head-too-large'],
  ['5 too many fields', get(...Array.from({ length: 8 }, (_, index) => `X-${index}: 1`)), 'too-many-fields'],
  ['2.2 empty lines without end', '\r\n'.repeat(600), 'target-too-long'],
];

for (const [what, text, rejection] of refused) {
  test(`a request is refused: ${what}`, () => {
    assert.equal(scan(new RequestHead(limits), text), rejection);
    assert.ok(statusOf(rejection) >= 400);
  });
}

test('every reason has a status and words', () => {
  for (const rejection of allRejections) {
    assert.ok([400, 408, 413, 414, 431, 501, 505].includes(statusOf(rejection)));
    assert.match(detailOf(rejection), /^[ -~]+$/);
  }
});

test('what a request asks for', () => {
  const read = (text: string) => {
    const { method, path, host, minor } = request(text);
    return [method, path, host, minor];
  };
  assert.deepEqual(read(get()), ['GET', '/', 'x', 1]);
  assert.deepEqual(read(`\r\n${get()}`), ['GET', '/', 'x', 1]);
  assert.deepEqual(read(lines('M-SEARCH /a?b|{} HTTP/1.1', 'hOsT:\t[::1]:80 ')), [
    'M-SEARCH',
    '/a?b|{}',
    '[::1]:80',
    1,
  ]);
  assert.deepEqual(read(lines('GET / HTTP/1.0')), ['GET', '/', '', 0]);
  assert.deepEqual(read(lines('GET / HTTP/1.9', 'Host:')), ['GET', '/', '', 1]);
  assert.deepEqual(read(lines('GET http://o:81?q HTTP/1.1', 'Host: x')), ['GET', '/?q', 'o:81', 1]);
  assert.deepEqual(read(lines('GET HTTPS://o/a HTTP/1.1', 'Host: x')), ['GET', '/a', 'o', 1]);
  assert.deepEqual(read(lines('OPTIONS * HTTP/1.1', 'Host: x')), ['OPTIONS', '*', 'x', 1]);
  assert.deepEqual(read(lines('OPTIONS http://o HTTP/1.1', 'Host: x')), ['OPTIONS', '*', 'o', 1]);
});

test('how a request is framed', () => {
  const framing = (...fields: string[]) => {
    const { length, chunked } = request(get(...fields)).framing;
    return [length, chunked];
  };
  assert.deepEqual(framing(), [-1, false]);
  assert.deepEqual(framing('CONTENT-LENGTH: 007'), [7, false]);
  assert.deepEqual(framing('Content-Length:0'), [0, false]);
  assert.deepEqual(framing('Transfer-Encoding: \tChUnKeD '), [-1, true]);
});

test('what a request says about its connection', () => {
  const head = request(
    get('Connection: Upgrade , ,close', 'connection: te', 'TE: trailers;q=1, trailers', 'Upgrade: a'),
  );
  assert.deepEqual(
    [head.options.close, head.options.upgrade, head.upgrade, head.acceptsTrailers],
    [true, true, 'a', true],
  );
  assert.equal(request(get('Upgrade: a')).upgrade, '', 'Connection must name it');
  assert.equal(request(lines('GET / HTTP/1.0', 'Connection: upgrade', 'Upgrade: a')).upgrade, '');
  assert.equal(request(get('Expect: 100-Continue')).expectsContinue, true);
  assert.equal(request(lines('GET / HTTP/1.0', 'Expect: 100-continue')).expectsContinue, false);
  assert.equal(request(get()).options.persists(1), true);
  assert.equal(request(get('Connection: close, keep-alive')).options.persists(1), false);
  assert.equal(request(lines('GET / HTTP/1.0')).options.persists(0), false);
  assert.equal(request(lines('GET / HTTP/1.0', 'Connection: Keep-Alive')).options.persists(0), true);
});

test('the outcome of a scan does not depend on how the octets come, nor on what lies behind them', () => {
  const texts = [
    ...refused.map(([, text]) => text),
    get('Connection: close, X-A', 'X-A: 1', 'Content-Length: 5', 'X-Forwarded-For: 1'),
  ];
  for (const text of texts) {
    const whole = scan(new RequestHead(limits), text);
    for (const behind of ['', 'A: b\r\n\r\n', '\r\n\r\n', '\n', '\0']) {
      const bytes = Buffer.from(text + behind, 'latin1');
      const head = new RequestHead(limits);
      let outcome: Scan = 'more';
      for (let limit = 0; limit <= text.length && outcome === 'more'; limit++) outcome = head.scan(bytes, 0, limit);
      assert.equal(outcome, whole, JSON.stringify(text.slice(0, 80)));
    }
  }
});

test('any octets: a scan ends, and what it takes for a head has no line that is not one', () => {
  const part = fc.constantFrom(
    'GET / HTTP/1.1\r\n',
    'Host: x\r\n',
    'X: y\r\n',
    '\r\n',
    '\n',
    '\r',
    ' ',
    ':',
    'a',
    '\0',
    '\xff',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), parts => {
      const text = parts.join('');
      const head = new RequestHead(limits);
      if (scan(head, text) !== 'done') return;
      const found = text.slice(head.lineStart, head.end);
      assert.ok(found.endsWith('\r\n\r\n'));
      for (const line of found.slice(0, -4).split('\r\n').slice(1)) assert.match(line, /^[!-9;-~]+:[\t -~\x80-\xff]*$/);
    }),
    { numRuns: 2000 },
  );
});

const responsesRefused: readonly (readonly [section: string, text: string, Rejection])[] = [
  ['4 no status line', lines('hello'), 'status-invalid'],
  ['4 HTTP/2', lines('HTTP/2.0 200 OK'), 'status-invalid'],
  ['4 a status of two digits', lines('HTTP/1.1 20 OK'), 'status-invalid'],
  ['4 a status of four digits', lines('HTTP/1.1 2000 OK'), 'status-invalid'],
  ['4 a status below 100', lines('HTTP/1.1 099 OK'), 'status-invalid'],
  ['4 a control character in the reason', lines('HTTP/1.1 200 O\x00K'), 'status-invalid'],
  ['2.2 a bare LF', 'HTTP/1.1 200 OK\nX: 1\n\n', 'line-ending'],
  ['5.2 folding', lines('HTTP/1.1 200 OK', 'X: 1', ' 2'), 'field-folded'],
  [
    '6.3 both framings',
    lines('HTTP/1.1 200 OK', 'Content-Length: 1', 'Transfer-Encoding: chunked'),
    'length-and-coding',
  ],
  ['6.3 two lengths', lines('HTTP/1.1 200 OK', 'Content-Length: 1', 'Content-Length: 2'), 'length-repeated'],
  ['6.3 a length that is none', lines('HTTP/1.1 200 OK', 'Content-Length: x'), 'length-invalid'],
  ['6.1 another coding', lines('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip'), 'coding-endless'],
  ['6.1 a coding in HTTP/1.0', lines('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked'), 'coding-version'],
  ['5 a head over the limit', lines('HTTP/1.1 200 OK', `X: ${'a'.repeat(2000)}`), 'head-too-large'],
];

for (const [what, text, rejection] of responsesRefused) {
  test(`a response is refused: ${what}`, () => assert.equal(scan(new ResponseHead(limits), text), rejection));
}

test('what a response says', () => {
  const head = new ResponseHead(limits);
  assert.equal(
    scan(head, lines('HTTP/1.1 200', 'Keep-Alive: timeout=5, max=3', 'Date: now', 'Content-Length : 4')),
    'done',
  );
  assert.deepEqual([head.status, head.keptFor, head.hasDate, head.framing.length], [200, 5, true, 4]);
  assert.equal(scan(head, lines('HTTP/1.0 404 Not Found')), 'done');
  assert.deepEqual(
    [head.status, head.keptFor, head.hasDate, head.framing.length, head.reason],
    [404, -1, false, -1, 'Not Found'],
  );
  assert.equal(scan(head, lines('HTTP/1.1 103 Early Hints')), 'done');
  assert.equal(head.isInformational, true);
  assert.equal(
    scan(head, lines('HTTP/1.1 304 Not Modified', 'Content-Length: 1', 'Transfer-Encoding: chunked')),
    'done',
  );
});
