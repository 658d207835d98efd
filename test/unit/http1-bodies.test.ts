import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Body } from '../../src/router/http1/body.ts';
import { Framing } from '../../src/router/http1/framing.ts';
import type { Rejection } from '../../src/router/http1/rejection.ts';

const limits = { maxHead: 1024, maxTarget: 256, maxFields: 8, maxTrailers: 128 };
const any = Number.POSITIVE_INFINITY;

interface Outcome {
  /** What is passed on. */
  readonly passed: string;
  readonly content: string;
  readonly done: boolean;
  readonly rejection: Rejection | undefined;
  /** What is not the body's. */
  readonly rest: string;
}

function chunkedBody(nominated?: ReadonlySet<string>): Body {
  const body = new Body(limits);
  const framing = new Framing();
  framing.chunked = true;
  body.begin('chunked', framing, nominated);
  return body;
}

function chunked(pieces: readonly string[], nominated?: ReadonlySet<string>, most = any): Outcome {
  const body = chunkedBody(nominated);
  body.limitTo(most);
  let passed = '';
  let content = '';
  let rest = '';
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1');
    if (body.done || body.rejection) {
      rest += piece;
      continue;
    }
    const stop = body.take(bytes, 0, bytes.length, (from, start, end) => {
      content += from.toString('latin1', start, end);
    });
    passed += bytes.toString('latin1', 0, body.passEnd);
    if (body.done) passed += body.tail;
    rest += bytes.toString('latin1', stop);
  }
  return { passed, content, done: body.done, rejection: body.rejection, rest };
}

/** RFC 9112, section 7.1. */
const refused: readonly (readonly [what: string, text: string, Rejection])[] = [
  ['no size', '\r\n', 'chunk-size-invalid'],
  ['a size that is no number', 'x\r\n', 'chunk-size-invalid'],
  ['0x', '0x4\r\nabcd\r\n', 'chunk-size-invalid'],
  ['a sign', '+4\r\nabcd\r\n', 'chunk-size-invalid'],
  ['a space before the size', ' 4\r\nabcd\r\n', 'chunk-size-invalid'],
  ['a space behind the size', '4 \r\nabcd\r\n', 'chunk-size-invalid'],
  ['a size beyond counting', `${'f'.repeat(17)}\r\n`, 'chunk-size-invalid'],
  ['a size of zeros without end', '0'.repeat(17), 'chunk-size-invalid'],
  ['a bare LF behind the size', '4\nabcd\r\n0\r\n\r\n', 'line-ending'],
  ['a bare CR behind the size', '4\rabcd\r\n0\r\n\r\n', 'line-ending'],
  ['a bare LF in an extension', '4;a\nabcd\r\n', 'line-ending'],
  ['an extension without a name', '4;\r\nabcd\r\n', 'chunk-extension-invalid'],
  ['an extension with a second =', '4;a=b=c\r\nabcd\r\n', 'chunk-extension-invalid'],
  ['an extension with quotes that don’t end', '4;a="b\r\nabcd\r\n', 'chunk-extension-invalid'],
  ['a control character in an extension', '4;a\0b\r\n', 'chunk-extension-invalid'],
  ['extensions without end', `4;${'a'.repeat(17_000)}`, 'chunk-extension-invalid'],
  ['more than its size says', '4\r\nabcde\r\n', 'chunk-end-invalid'],
  ['no CR behind the data', '4\r\nabcd\n0\r\n\r\n', 'chunk-end-invalid'],
  ['no LF behind the data', '4\r\nabcd\rX', 'chunk-end-invalid'],
  ['a bare LF at the end', '0\r\n\n', 'line-ending'],
  ['a trailer that is none', '0\r\nX\r\n\r\n', 'field-name-invalid'],
  ['a folded trailer', '0\r\nX: 1\r\n 2\r\n\r\n', 'field-folded'],
  ['trailers over the limit', `0\r\nX: ${'a'.repeat(200)}\r\n\r\n`, 'trailers-too-large'],
];

for (const [what, text, rejection] of refused) {
  test(`chunks are refused: ${what}`, () => {
    assert.equal(chunked([text]).rejection, rejection);
    assert.equal(chunked([...text]).rejection, rejection);
  });
}

test('chunks pass as they came, up to their end', () => {
  const text = '4;a="b c"\r\nabcd\r\n00A\r\n0123456789\r\n000;x\r\n\r\n';
  const outcome = chunked([`${text}GET /`]);
  assert.deepEqual(outcome, {
    passed: text,
    content: 'abcd0123456789',
    done: true,
    rejection: undefined,
    rest: 'GET /',
  });
});

test('trailers pass, but for those that may not be any', () => {
  const framed = '0\r\nX-Sum: 1\r\nContent-Length: 5\r\nHost: y\r\nX-Forwarded-For: z\r\nX-Hop: 1\r\nB: 2\r\n\r\n';
  const { passed, rest } = chunked([`${framed}rest`], new Set(['x-hop']), any);
  assert.deepEqual([passed, rest], ['0\r\nX-Sum: 1\r\nB: 2\r\n\r\n', 'rest']);
});

test('a body may be no larger than the limit, however it is framed', () => {
  assert.equal(chunked(['3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n'], undefined, 5).rejection, 'body-too-large');
  assert.equal(chunked(['ffff\r\n'], undefined, 5).rejection, 'body-too-large');
  assert.equal(chunked(['5\r\nabcde\r\n0\r\n\r\n'], undefined, 5).rejection, undefined);
  const framing = new Framing();
  framing.length = 6;
  const body = new Body(limits);
  body.begin('length', framing, undefined);
  assert.equal(body.rejection, undefined);
  body.limitTo(6);
  assert.equal(body.rejection, undefined);
  body.limitTo(5);
  assert.equal(body.rejection, 'body-too-large');
  const whole = chunkedBody();
  const bytes = Buffer.from('3\r\nabc\r\n0\r\n\r\n');
  whole.take(bytes, 0, bytes.length);
  whole.limitTo(2);
  assert.equal(whole.rejection, 'body-too-large', 'also of what was taken before');
});

test('any chunks in any pieces: the same is passed on, and the end is found to the octet', () => {
  const latin1 = fc.uint8Array({ minLength: 1, maxLength: 20 }).map(octets => Buffer.from(octets).toString('latin1'));
  const chunk = fc.tuple(latin1, fc.constantFrom('', ';a', ';b="1"'));
  const trailer = fc.constantFrom('X: 1\r\n', 'Y:\r\n', 'Host: z\r\n');
  const rest = fc.constantFrom('', 'GET / HTTP/1.1\r\n', '\r\n', '0\r\n\r\n');
  fc.assert(
    fc.property(
      fc.array(chunk, { maxLength: 5 }),
      fc.array(trailer, { maxLength: 2 }),
      rest,
      fc.array(fc.nat(60), { maxLength: 20 }),
      (chunks, trailers, behind, cuts) => {
        const data = chunks
          .map(([text, extension]) => `${text.length.toString(16)}${extension}\r\n${text}\r\n`)
          .join('');
        const text = `${data}0\r\n${trailers.join('')}\r\n${behind}`;
        const pieces: string[] = [];
        let at = 0;
        for (const cut of cuts) {
          pieces.push(text.slice(at, at + cut));
          at += cut;
        }
        pieces.push(text.slice(at));
        const outcome = chunked(pieces);
        const expected = `${data}0\r\n${trailers.filter(field => !field.startsWith('Host')).join('')}\r\n`;
        const content = chunks.map(([part]) => part).join('');
        assert.deepEqual(outcome, { passed: expected, content, done: true, rejection: undefined, rest: behind });
      },
    ),
    { numRuns: 500 },
  );
});

test('a body by length, by nothing, and to the end of the connection', () => {
  const body = new Body(limits);
  const framing = new Framing();
  framing.length = 5;
  const bytes = Buffer.from('abcdefgh');
  body.begin('length', framing, undefined);
  assert.equal(body.take(bytes, 0, 3), 3);
  assert.deepEqual([body.done, body.ended()], [false, false]);
  assert.equal(body.take(bytes, 3, 8), 5);
  assert.deepEqual([body.done, body.passEnd, body.tail], [true, 5, '']);
  body.begin('none', framing, undefined);
  assert.deepEqual([body.done, body.take(bytes, 0, 8)], [true, 0]);
  body.begin('eof', framing, undefined);
  assert.deepEqual([body.take(bytes, 0, 8), body.done, body.ended(), body.done], [8, false, true, true]);
});
