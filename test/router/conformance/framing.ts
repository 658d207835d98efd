/** Where a body ends: Content-Length, chunks, the end of the connection, and whatever contradicts itself. */
import { answers, type Case, get, head, hidden, ok, passes, post, refused, replaced, response } from './row.ts';

const chunked = 'Transfer-Encoding: chunked';
const last = '0\r\n\r\n';
const abc = `3\r\nabc\r\n${last}`;
const noContent = head('HTTP/1.1 204 No Content');
const notModified = head('HTTP/1.1 304 Not Modified', 'Content-Length: 5');

/** The client sees that the response is not whole. */
function cutShort(section: Case['section'], name: string, from: string, to: string): Case {
  return { section, name, response: from, ends: 'fin', answer: to, closes: true };
}

function badLength(name: string, value: string): Case {
  return refused('RFC 9112 6.3', `${name} is refused`, 400, `${post(`Content-Length: ${value}`)}`);
}

export const framing: readonly Case[] = [
  passes(
    'RFC 9112 6.1',
    'a body in chunks passes as it came',
    `${post(chunked)}3;a=b\r\nabc\r\n${last}`,
    `${post(chunked)}3;a=b\r\nabc\r\n${last}`,
  ),
  ...['GET', 'HEAD', 'DELETE', 'OPTIONS', 'PUT', 'PATCH'].map(method => ({
    section: 'RFC 9112 6.1' as const,
    name: `what is framed by chunks in ${method} is its body, not the next request`,
    request: `${head(`${method} / HTTP/1.1`, 'Host: x', chunked)}${hidden.length.toString(16)}\r\n${hidden}\r\n${last}`,
    seen: `${head(`${method} / HTTP/1.1`, 'Host: x', chunked)}${hidden.length.toString(16)}\r\n${hidden}\r\n${last}`,
    answer: method === 'HEAD' ? response('Content-Length: 2') : ok,
    response: [method === 'HEAD' ? response('Content-Length: 2') : ok, ok],
    closes: false,
  })),
  passes(
    'RFC 9112 6.1',
    'chunked is not case-sensitive, and is written in the usual form',
    `${post('Transfer-Encoding:\tCHUNKED ')}${abc}`,
    `${post(chunked)}${abc}`,
  ),
  refused(
    'RFC 9112 6.1',
    'Content-Length and Transfer-Encoding together are refused',
    400,
    `${post('Content-Length: 5', chunked)}${last}`,
  ),
  refused('RFC 9112 6.1', 'so they are the other way round', 400, `${post(chunked, 'Content-Length: 5')}${last}`),
  refused('RFC 9112 6.1', 'a coding before chunked gets 501', 501, post('Transfer-Encoding: gzip, chunked')),
  refused('RFC 9112 6.1', 'chunked twice gets 501', 501, post('Transfer-Encoding: chunked, chunked')),
  refused('RFC 9112 6.1', 'chunked in two fields is refused', 400, post(chunked, chunked)),
  refused(
    'RFC 9112 6.1',
    'Transfer-Encoding in HTTP/1.0 is refused',
    400,
    head('POST / HTTP/1.0', chunked).concat(last),
  ),
  replaced('RFC 9112 6.1', 'both framings in a response: 502', `${response('Content-Length: 1', chunked)}${last}`),
  replaced(
    'RFC 9112 6.1',
    'Transfer-Encoding in a response of HTTP/1.0: 502',
    `${head('HTTP/1.0 200 OK', chunked)}${last}`,
  ),
  replaced(
    'RFC 9112 6.1',
    'a coding that nobody asked for in a response: 502',
    response('Transfer-Encoding: gzip, chunked'),
  ),
  {
    section: 'RFC 9112 6.1',
    name: 'a client of HTTP/1.0 gets no chunks',
    request: head('GET / HTTP/1.0', 'Host: x', 'Connection: keep-alive'),
    response: `${response(chunked)}1\r\na\r\n2;x\r\nbc\r\n0\r\nX: y\r\n\r\n`,
    answer: `${response('Connection: close')}abc`,
    closes: true,
  },
  {
    section: 'RFC 9112 6.1',
    name: 'a response to HEAD may name a coding, and has no body',
    request: head('HEAD / HTTP/1.1', 'Host: x'),
    response: [response(chunked), ok],
    answer: response(),
    closes: false,
  },
  answers('RFC 9112 6.1', '204 names no coding', head('HTTP/1.1 204 No Content', chunked), noContent),
  passes(
    'RFC 9112 6.2',
    'a body by length passes',
    `${post('Content-Length: 3')}abc`,
    `${post('Content-Length: 3')}abc`,
  ),
  passes(
    'RFC 9112 6.2',
    'a length in another form is written in the usual one',
    `${post('Content-Length:\t003 ')}abc`,
    `${post('Content-Length: 3')}abc`,
  ),

  refused('RFC 9112 6.3', 'a coding that is not chunked in the end gets 400', 400, post('Transfer-Encoding: gzip')),
  refused('RFC 9112 6.3', 'so does one behind chunked', 400, post('Transfer-Encoding: chunked, gzip')),
  refused(
    'RFC 9112 6.3',
    'so does one behind chunked, in a second field',
    400,
    post(chunked, 'Transfer-Encoding: identity'),
  ),
  refused('RFC 9112 6.3', 'so does xchunked', 400, post('Transfer-Encoding: xchunked')),
  refused('RFC 9112 6.3', 'so does a quoted one', 400, post('Transfer-Encoding: "chunked"')),
  refused('RFC 9112 6.3', 'so does an empty one', 400, post('Transfer-Encoding:')),
  refused('RFC 9112 6.3', 'so does one behind a control character', 400, post('Transfer-Encoding: \x0bchunked')),
  badLength('no length', ''),
  badLength('a word', 'five'),
  badLength('a signed length', '+5'),
  badLength('a negative length', '-5'),
  badLength('a hexadecimal length', '0x5'),
  badLength('a length with a fraction', '5.0'),
  badLength('two numbers', '5 5'),
  badLength('a list of equal lengths', '5, 5'),
  badLength('a list of differing lengths', '5, 6'),
  badLength('a length beyond counting', '18446744073709551621'),
  refused('RFC 9112 6.3', 'the same length twice is refused', 400, post('Content-Length: 5', 'content-length: 5')),
  refused('RFC 9112 6.3', 'two lengths are refused', 400, post('Content-Length: 5', 'Content-Length: 0')),
  {
    section: 'RFC 9112 6.3',
    name: 'a request without framing has no body: what follows is the next request',
    request: head('GET / HTTP/1.1', 'Host: x') + hidden,
    seen: get + hidden,
    answer: ok + ok,
  },
  {
    section: 'RFC 9112 6.3',
    name: 'a response to HEAD has no body, whatever it says',
    request: head('HEAD / HTTP/1.1', 'Host: x') + get,
    response: [response('Content-Length: 5'), ok],
    answer: response('Content-Length: 5') + ok,
  },
  {
    section: 'RFC 9112 6.3',
    name: '304 has no body, whatever it says',
    request: get + get,
    response: [notModified, ok],
    answer: notModified + ok,
  },
  {
    section: 'RFC 9112 6.3',
    name: '304 has no chunks either',
    request: get + get,
    response: [head('HTTP/1.1 304 Not Modified', chunked), ok],
    answer: head('HTTP/1.1 304 Not Modified') + ok,
  },
  {
    section: 'RFC 9112 6.3',
    name: 'a body that a response to HEAD may not have is no response to the next request',
    request: head('HEAD / HTTP/1.1', 'Host: x') + get,
    response: [ok, ok],
    answer: response('Content-Length: 2') + ok,
    atOnce: true,
  },
  {
    section: 'RFC 9112 6.3',
    name: 'nor is what follows a 304 or a response by length',
    request: get + get + get,
    response: [`${notModified}12345`, `${ok}${response('Content-Length: 5')}wrong`, ok],
    answer: notModified + ok + ok,
    atOnce: true,
  },
  replaced('RFC 9112 6.3', 'two lengths in a response: 502', `${response('Content-Length: 1', 'Content-Length: 2')}a`),
  replaced('RFC 9112 6.3', 'a list of lengths in a response: 502', `${response('Content-Length: 1, 2')}a`),
  replaced('RFC 9112 6.3', 'a negative length in a response: 502', response('Content-Length: -1')),
  replaced('RFC 9112 6.3', 'no length in a response: 502', response('Content-Length:')),
  {
    section: 'RFC 9112 6.3',
    name: 'a response that ends with its connection is put into chunks',
    response: `${response()}abc`,
    ends: 'fin',
    answer: /\r\nTransfer-Encoding: chunked\r\n[\s\S]*\r\n\r\n(?:3\r\nabc|1\r\na\r\n1\r\nb\r\n1\r\nc)\r\n0\r\n\r\n$/,
    closes: false,
  },
  {
    section: 'RFC 9112 6.3',
    name: 'a response that ends with its connection, to a client of HTTP/1.0',
    request: head('GET / HTTP/1.0'),
    response: `${response()}abc`,
    ends: 'fin',
    answer: `${response('Connection: close')}abc`,
    closes: true,
  },
  {
    section: 'RFC 9112 6.3',
    name: 'a response without a body that ends with its connection',
    response: response(),
    ends: 'fin',
    answer: /^HTTP\/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n(?:[^\r]+\r\n)+\r\n0\r\n\r\n$/,
    closes: false,
  },
  passes(
    'RFC 9110 8.6',
    'a POST without a body says so',
    head('POST / HTTP/1.1', 'Host: x'),
    post('Content-Length: 0'),
  ),
  passes('RFC 9110 8.6', 'a GET without a body says nothing', get, get),
  answers('RFC 9110 8.6', '204 says no length', head('HTTP/1.1 204 No Content', 'Content-Length: 0'), noContent),
  answers(
    'RFC 9110 8.6',
    'a response to which a length is zero',
    response('Content-Length: 0'),
    response('Content-Length: 0'),
  ),
  refused('RFC 9110 15.5.14', 'a body over the limit by length gets 413', 413, `${post('Content-Length: 5')}`, {
    limits: { maxBody: 4 },
  }),
  {
    section: 'RFC 9110 15.5.14',
    name: 'so does one over the limit in chunks',
    request: `${post(chunked)}3\r\nabc\r\n2\r\nde\r\n`,
    limits: { maxBody: 4 },
    answer: /^HTTP\/1.1 413 /,
    closes: true,
  },

  cutShort(
    'RFC 9112 8',
    'a body that is shorter than its length has no end',
    `${response('Content-Length: 5')}abc`,
    `${response('Content-Length: 5')}abc`,
  ),
  cutShort(
    'RFC 9112 8',
    'nor has one without a last chunk',
    `${response(chunked)}3\r\nabc\r\n`,
    `${response(chunked)}3\r\nabc\r\n`,
  ),
  cutShort(
    'RFC 9112 8',
    'nor has one that ends in the middle of a chunk',
    `${response(chunked)}5\r\nabc`,
    `${response(chunked)}5\r\nabc`,
  ),
  cutShort(
    'RFC 9112 8',
    'nor has one that ends in the middle of its trailers',
    `${response(chunked)}3\r\nabc\r\n0\r\nX: 1\r\n`,
    `${response(chunked)}3\r\nabc\r\n0\r\n`,
  ),
  {
    section: 'RFC 9112 8',
    name: 'nor has one that goes on with what is no chunk',
    response: `${response(chunked)}3\r\nabc\r\nzz\r\n`,
    answer: /\r\n\r\n3\r\nabc\r\n$|^HTTP\/1.1 502 /,
  },
  {
    section: 'RFC 9112 8',
    name: 'a head that is cut short: 502',
    response: 'HTTP/1.1 200 OK\r\nContent-Le',
    ends: 'fin',
    answer: /^HTTP\/1.1 502 /,
    closes: false,
  },
];
