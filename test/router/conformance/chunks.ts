/** Bodies in chunks: sizes, extensions and trailers (RFC 9112, section 7; RFC 9110, section 6.5). */
import { answers, type Case, get, ok, passes, post, response } from './row.ts';

const chunked = 'Transfer-Encoding: chunked';
const last = '0\r\n\r\n';

/** What follows is refused, when the head and the chunk before it have gone to the instance. */
function badChunk(section: Case['section'], name: string, rest: string, status = 400): Case {
  return {
    section,
    name,
    request: `${post(chunked)}1\r\na\r\n${rest}`,
    answer: new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*\\}\\n$`),
    seen: /^(?:POST \/ HTTP\/1.1\r\n(?:[^\r\n]+\r\n)+\r\n)?(?:(?!0\r\n\r\n)(?!GET)[\s\S])*$/,
    closes: true,
  };
}

export const chunks: readonly Case[] = [
  passes(
    'RFC 9112 7.1',
    'sizes have either case and leading zeros',
    `${post(chunked)}00A\r\n0123456789\r\n0b\r\n0123456789a\r\n000\r\n\r\n`,
    `${post(chunked)}00A\r\n0123456789\r\n0b\r\n0123456789a\r\n000\r\n\r\n`,
  ),
  passes(
    'RFC 9112 7.1',
    'content may look like anything',
    `${post(chunked)}5\r\n0\r\n\r\n\r\n${last}`,
    `${post(chunked)}5\r\n0\r\n\r\n\r\n${last}`,
  ),
  badChunk('RFC 9112 7.1', 'a size that overflows is refused', 'fffffffffffffffff\r\n'),
  badChunk('RFC 9112 7.1', 'sizes that overflow together are refused', '1fffffffffffff\r\n'),
  badChunk('RFC 9112 7.1', 'a size without digits is refused', '\r\n'),
  badChunk('RFC 9112 7.1', 'a signed size is refused', '+3\r\nabc\r\n'),
  badChunk('RFC 9112 7.1', 'a negative size is refused', '-3\r\nabc\r\n'),
  badChunk('RFC 9112 7.1', 'a size with 0x is refused', '0x3\r\nabc\r\n'),
  badChunk('RFC 9112 7.1', 'whitespace before a size is refused', ' 3\r\nabc\r\n'),
  badChunk('RFC 9112 7.1', 'whitespace behind a size is refused', '3 \r\nabc\r\n'),
  badChunk('RFC 9112 7.1', 'a size that ends in a bare LF is refused', '3\nabc\r\n'),
  badChunk('RFC 9112 7.1', 'a size that ends in CR alone is refused', '3\rabc\r\n'),
  badChunk('RFC 9112 7.1', 'a chunk that is longer than its size is refused', '3\r\nabcd\r\n'),
  badChunk('RFC 9112 7.1', 'a chunk that ends in a bare LF is refused', '3\r\nabc\n0\r\n'),
  badChunk('RFC 9112 7.1', 'a chunk that ends in two octets of its own is refused', '3\r\nabcXX0\r\n'),
  passes(
    'RFC 9112 7.1.1',
    'extensions that nobody knows pass',
    `${post(chunked)}3;a;b=c;d="e;\\"f"\r\nabc\r\n0;z\r\n\r\n`,
    `${post(chunked)}3;a;b=c;d="e;\\"f"\r\nabc\r\n0;z\r\n\r\n`,
  ),
  badChunk('RFC 9112 7.1.1', 'an extension without end is refused', `3;${'a'.repeat(17_000)}`),
  badChunk('RFC 9112 7.1.1', 'an extension without a name is refused', '3;\r\nabc\r\n'),
  badChunk('RFC 9112 7.1.1', 'an extension without a value behind = is refused', '3;a=\r\nabc\r\n'),
  badChunk('RFC 9112 7.1.1', 'whitespace behind the name of an extension is refused', '3;a \r\nabc\r\n'),
  badChunk('RFC 9112 7.1.1', 'whitespace behind the value of an extension is refused', '3;a=b\t\r\nabc\r\n'),
  badChunk('RFC 9112 7.1.1', 'whitespace behind quotes is refused', '3;a="b" \r\nabc\r\n'),
  passes(
    'RFC 9112 7.1.1',
    'whitespace between the parts of extensions passes',
    `${post(chunked)}3; a ;b = c ; d\t=\t"e" ;f\r\nabc\r\n0\r\n\r\n`,
    `${post(chunked)}3; a ;b = c ; d\t=\t"e" ;f\r\nabc\r\n0\r\n\r\n`,
  ),
  badChunk('RFC 9112 7.1.1', 'an extension with a bare LF is refused', '3;a\nabc\r\n'),
  badChunk('RFC 9112 7.1.1', 'an extension with a bare CR is refused', '3;a\rb\r\nabc\r\n'),
  badChunk('RFC 9112 7.1.1', 'an extension with NUL is refused', '3;\0\r\nabc\r\n'),
  passes(
    'RFC 9112 7.1.2',
    'trailers of a request pass, but for those that may not be any',
    `${post(chunked, 'Trailer: X-Sum')}1\r\na\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nHost: y\r\nX-Forwarded-For: me\r\n\r\n`,
    `${post('Trailer: X-Sum', chunked)}1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n`,
  ),
  passes(
    'RFC 9112 7.1.2',
    'they pass once, though what follows is there already',
    `${post(chunked)}1\r\na\r\n0\r\nX: 1\r\n\r\n${get}`,
    `${post(chunked)}1\r\na\r\n0\r\nX: 1\r\n\r\n${get}`,
    { answer: ok + ok },
  ),
  answers(
    'RFC 9112 7.1.2',
    'so do those of a response',
    `${response(chunked, 'Trailer: X-Sum')}1\r\na\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nSet-Cookie: a\r\n\r\n`,
    `${response('Trailer: X-Sum', chunked)}1\r\na\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n`,
  ),
  answers(
    'RFC 9110 6.6.2',
    'Trailer is left out where there can be none',
    `${response('Trailer: X', 'Content-Length: 2')}ok`,
    ok,
  ),
  passes(
    'RFC 9110 7.6.1',
    'trailers that Connection names are dropped',
    `${post(chunked, 'Connection: X-A')}1\r\na\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n`,
    `${post(chunked)}1\r\na\r\n0\r\nX-B: 2\r\n\r\n`,
  ),
  badChunk('RFC 9110 6.5', 'trailers over the limit are refused', `0\r\nX: ${'a'.repeat(9_000)}\r\n\r\n`, 431),
  badChunk('RFC 9110 6.5', 'a trailer that is no field is refused', '0\r\nGET / HTTP/1.1\r\n\r\n'),
  badChunk('RFC 9110 6.5', 'a folded trailer is refused', '0\r\nX: 1\r\n 2\r\n\r\n'),
  badChunk('RFC 9110 6.5', 'trailers that end in a bare LF are refused', '0\r\n\n'),
];
