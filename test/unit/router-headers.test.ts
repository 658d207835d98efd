import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import {
  onlyValue,
  type RequestFacts,
  requestHeaders,
  responseHeaders,
  trailers,
} from '../../src/router/forward/headers.ts';

const facts: RequestFacts = {
  method: 'GET',
  host: 'shop.example',
  clientAddress: '10.0.0.7',
  requestId: 'r-1',
  strippedPrefix: '',
  chunked: false,
  upgrade: undefined,
};

const added = [
  ['X-Forwarded-For', '10.0.0.7'],
  ['X-Forwarded-Proto', 'http'],
  ['X-Forwarded-Host', 'shop.example'],
  ['X-Request-Id', 'r-1'],
].flat();

test('fields pass as they are, repeated ones too', () => {
  const raw = ['Host', 'x', 'aCCept', '*/*', 'Cookie', 'a=1', 'Cookie', 'b=2'];
  assert.deepEqual(requestHeaders(raw, facts), ['Host', 'shop.example', ...raw.slice(2), ...added]);
});

test('what concerns one connection is dropped, and what Connection names', () => {
  const raw = [
    'Connection',
    'keep-alive, X-Hop',
    'X-Hop',
    '1',
    'connection',
    'x-other',
    'X-Other',
    '2',
    'TE',
    'gzip',
    'Keep-Alive',
    '5',
  ];
  assert.deepEqual(requestHeaders(raw, facts), ['Host', 'shop.example', ...added]);
  assert.deepEqual(responseHeaders([...raw, 'X-Kept', '3'], 'r-1', false), ['X-Kept', '3', 'X-Request-Id', 'r-1']);
});

test('a request is framed exactly once', () => {
  const framing = (raw: string[], more: Partial<RequestFacts>) => {
    const fields = requestHeaders(raw, { ...facts, ...more });
    return fields.filter((_, index) => /^(content-length|transfer-encoding)$/i.test(fields[index - (index % 2)] ?? ''));
  };
  assert.deepEqual(framing(['Content-Length', '4'], { method: 'POST' }), ['Content-Length', '4']);
  assert.deepEqual(framing(['Transfer-Encoding', 'chunked'], { chunked: true }), ['Transfer-Encoding', 'chunked']);
  assert.deepEqual(framing(['Content-Length', '4'], { chunked: true }), ['Transfer-Encoding', 'chunked']);
  assert.deepEqual(framing([], { method: 'POST' }), ['Content-Length', '0']);
  assert.deepEqual(framing([], { method: 'DELETE' }), []);
  assert.deepEqual(framing(['Connection', 'content-length', 'Content-Length', '4'], {}), ['Content-Length', '4']);
});

test('an upgrade and a stripped prefix are told', () => {
  const fields = requestHeaders(['Connection', 'Upgrade', 'Upgrade', 'websocket'], {
    ...facts,
    upgrade: 'websocket',
    strippedPrefix: '/api',
  });
  assert.equal(onlyValue(fields, 'upgrade'), 'websocket');
  assert.equal(onlyValue(fields, 'connection'), 'Upgrade');
  assert.equal(onlyValue(fields, 'x-forwarded-prefix'), '/api');
});

test('a Trailer field passes only where there can be trailers', () => {
  assert.deepEqual(responseHeaders(['Trailer', 'X-Sum'], 'r', true), ['Trailer', 'X-Sum', 'X-Request-Id', 'r']);
  assert.deepEqual(responseHeaders(['Trailer', 'X-Sum'], 'r', false), ['X-Request-Id', 'r']);
  assert.deepEqual(trailers(['X-Sum', '1', 'Host', 'x', 'Content-Length', '5', 'X-Forwarded-For', '6.6.6.6']), [
    ['X-Sum', '1'],
  ]);
});

test('whatever the client sends, origin and id are told once, and by the router', () => {
  const name = fc.constantFrom(
    'X-Forwarded-For',
    'x-forwarded-host',
    'X_FORWARDED_FOR',
    'X-Forwarded-Anything',
    'Forwarded',
    'X-Real-IP',
    'X_Request_Id',
    'x-request-id',
    'Connection',
    'Host',
    'HOST',
    'Accept',
    'Cookie',
  );
  const value = fc.constantFrom('evil', 'close', 'X-Forwarded-For, X-Request-Id, Host', 'keep-alive');
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), pairs => {
      const fields = requestHeaders(pairs.flat(), facts);
      for (const told of ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id', 'host']) {
        assert.equal(typeof onlyValue(fields, told), 'string', told);
      }
      const names = fields.filter((_, index) => index % 2 === 0).map(field => field.toLowerCase().replaceAll('_', '-'));
      for (const gone of ['forwarded', 'x-real-ip', 'connection', 'x-forwarded-anything'])
        assert.ok(!names.includes(gone), gone);
      assert.equal(names.filter(field => field === 'x-forwarded-for' || field === 'x-request-id').length, 2);
    }),
  );
});
