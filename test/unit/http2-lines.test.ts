/** Heads from HTTP/2: what an instance reads in them is what the client wrote, or nothing. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { RequestHead } from '../../src/router/http1/request-head.ts';
import { ResponseHead } from '../../src/router/http1/response-head.ts';
import { trailerLines } from '../../src/router/http2/field-lines.ts';
import { requestLines } from '../../src/router/http2/request-lines.ts';
import { responseLines } from '../../src/router/http2/response-lines.ts';

const limits = { maxHead: 64 * 1024, maxTarget: 8 * 1024, maxFields: 200, maxTrailers: 8 * 1024 };

const hostile = fc.constantFrom('\r', '\n', '\0', '\r\n', ' ', '\t', ':', '\r\n\r\n', 'GET / HTTP/1.1', 'ÿ', '\x7f');
const text = fc
  .array(fc.oneof({ weight: 8, arbitrary: fc.stringMatching(/^[!-~]{1,6}$/) }, { weight: 1, arbitrary: hostile }), {
    maxLength: 4,
  })
  .map(parts => parts.join(''));
const name = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'host',
      'content-length',
      'transfer-encoding',
      'connection',
      'te',
      'cookie',
      'upgrade',
      'expect',
      ':path',
      ':status',
      '__proto__',
      'constructor',
    ),
  },
  { weight: 1, arbitrary: text },
);
const fields = fc.array(fc.tuple(name, fc.oneof(text, fc.constantFrom('3', 'chunked', 'trailers', 'x'))), {
  maxLength: 8,
});
const method = fc.oneof(fc.constantFrom('GET', 'POST', 'OPTIONS', 'CONNECT'), text);
const path = fc.oneof(
  fc.constantFrom('/', '/a?b', '*', 'http://y/'),
  text.map(rest => `/${rest}`),
  text,
);

/** As simple as can be, and so not ours: lines end in CR LF, and a name ends at the first colon. */
function plainly(head: string): { readonly start: string; readonly fields: readonly (readonly [string, string])[] } {
  const [start = '', ...lines] = head.split('\r\n').slice(0, -2);
  return {
    start,
    fields: lines.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const),
  };
}

test('a request is one head, in which each field is as it came', () => {
  fc.assert(
    fc.property(method, path, text, fields, fc.boolean(), (asked, target, authority, list, ended) => {
      const pseudo = [':method', asked, ':scheme', 'https', ':path', target, ':authority', authority];
      const lines = requestLines([...pseudo, ...list.flat()], ended);
      if (typeof lines === 'string') return;
      const head = new RequestHead(limits);
      const bytes = Buffer.from(lines.text, 'latin1');
      const scan = head.scan(bytes, 0, bytes.length);
      if (scan !== 'done') return;
      assert.equal(head.end, bytes.length, 'nothing comes behind the head');
      assert.equal(head.method, asked);
      assert.equal(head.path, target);
      assert.equal(head.host, authority);
      const own = new Set(['host', 'cookie', 'connection', 'te', 'transfer-encoding']);
      const seen = plainly(lines.text).fields.filter(([key]) => !own.has(key.toLowerCase()));
      assert.deepEqual(
        seen,
        list.filter(([key]) => !own.has(key)),
      );
      const lengths = list.filter(([key]) => key === 'content-length');
      assert.equal(head.framing.chunked, lengths.length === 0 && !ended);
      assert.equal(head.framing.length, lengths.length === 0 ? -1 : Number(lengths[0]?.[1]));
      if (head.framing.length >= 0) assert.equal(lines.length, head.framing.length);
    }),
    { numRuns: 5_000 },
  );
});

test('a response is one head, framed once', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.constantFrom('200', '204', '304', '103'), text),
      fields,
      fc.boolean(),
      (status, list, ended) => {
        const lines = responseLines([':status', status, ...list.flat()], false, ended);
        if (!lines) return;
        const head = new ResponseHead(limits);
        const bytes = Buffer.from(lines.text, 'latin1');
        if (head.scan(bytes, 0, bytes.length) !== 'done') return;
        assert.equal(head.end, bytes.length);
        assert.equal(String(head.status), status);
        assert.ok(!(head.framing.chunked && head.framing.length >= 0));
        assert.equal(head.framing.chunked, lines.inChunks);
      },
    ),
    { numRuns: 5_000 },
  );
});

test('trailers are lines, one for each', () => {
  fc.assert(
    fc.property(fields, list => {
      const lines = trailerLines(list.flat());
      if (lines !== undefined) assert.deepEqual(plainly(`\r\n${lines}\r\n`).fields, list);
    }),
    { numRuns: 2_000 },
  );
});
