import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contract, type Operation } from '../../src/api/contract.ts';
import { problem } from '../../src/api/schemas.ts';
import { startApi } from '../helpers/api-fixture.ts';
import { type RawAnswer, rawExchange, rawRequest } from '../helpers/raw-request.ts';

const operations = Object.keys(contract) as Operation[];

/** Whatever was sent: an answer, never a 5xx, and a whole problem where it isn't a success. */
function assertClean(answer: RawAnswer): void {
  assert.ok(answer.status >= 200 && answer.status < 500, `status ${answer.status}: ${answer.body}`);
  if (answer.status < 400) return;
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  const parsed = problem.parse(JSON.parse(answer.body));
  assert.equal(parsed.status, answer.status);
  assert.ok(answer.body.length < 10_000, 'a refusal does not echo what was sent');
}

/** Text that a request line can carry. */
const segment = fc.oneof(
  fc.constantFrom('v1', 'services', 'greeter', 'logs', '..', '%2e%2e', '%00', '%', '__proto__', 'constructor', ''),
  fc.string({ maxLength: 40 }).map(encodeURI),
);
const queryKey = fc.constantFrom(
  'tail',
  'limit',
  'index',
  'timeout',
  'service',
  '__proto__',
  'filename',
  'x',
  'sha256',
);
const query = fc
  .array(fc.tuple(queryKey, fc.string({ maxLength: 20 }).map(encodeURIComponent)), { maxLength: 4 })
  .map(pairs => (pairs.length === 0 ? '' : `?${pairs.map(pair => pair.join('=')).join('&')}`));

const hostileJson = fc.oneof(
  fc.json(),
  fc.constantFrom(
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"index":0,"__proto__":null}',
    '{"index":1e999}',
    '{"index":-0}',
    '{"instances":1e309}',
    '{"instances":2,"instances":-2}',
    '{"path":"/etc/passwd\\u0000.yaml"}',
    '{"package":"relative"}',
    '{"package":{"url":"file:///etc/passwd","sha256":"0"}}',
    '[]',
    'null',
    '"',
    '{',
    `${'['.repeat(100_000)}`,
    `{"index":${'9'.repeat(100_000)}}`,
  ),
  fc.string(),
);

test('no target makes the API fail', async t => {
  const { socketPath, errors } = await startApi(t);
  const target = fc
    .tuple(fc.array(segment, { maxLength: 6 }), query)
    .map(([path, search]) => `/${path.join('/')}${search}`);
  const method = fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE');
  await fc.assert(
    fc.asyncProperty(method, target, async (verb, path) => {
      const answer = await rawRequest(socketPath, verb, path);
      if (verb !== 'HEAD') assertClean(answer);
    }),
    { numRuns: 400 },
  );
  assert.deepEqual(errors, []);
});

test('no body makes the API fail, nor changes what it must not', async t => {
  const { socketPath, errors } = await startApi(t);
  const writes = operations.filter(operation => operation.startsWith('POST'));
  const type = fc.constantFrom(
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    '',
    '/',
    'application/json\t',
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...writes), type, hostileJson, async (operation, mediaType, bytes) => {
      const path = (operation.split(' ')[1] ?? '').replace(':name', 'greeter');
      assertClean(await rawRequest(socketPath, 'POST', path, { type: mediaType, bytes }));
    }),
    { numRuns: 400 },
  );
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  assert.deepEqual(errors, []);
});

test('unknown fields are refused wherever fields are taken', async t => {
  const { socketPath } = await startApi(t);
  for (const operation of operations) {
    if (operation.startsWith('ANY')) continue;
    const [method = '', template = ''] = operation.split(' ');
    const path = template.replace(':name', 'greeter');
    const answers = [await rawRequest(socketPath, method, `${path}?unexpected=1`)];
    if (method === 'POST') {
      const bytes = JSON.stringify({ unexpected: 1 });
      answers.push(await rawRequest(socketPath, method, path, { type: 'application/json', bytes }));
    }
    for (const answer of answers) {
      assert.equal(answer.status, 400, operation);
      assert.equal(JSON.parse(answer.body).code, 'SLIP_REQUEST_INVALID');
    }
  }
});

test('bytes that are no HTTP get an answer or a closed connection', async t => {
  const { socketPath, client, errors } = await startApi(t);
  const noise = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 200 }).map(bytes => Buffer.from(bytes)),
    fc.constantFrom(
      'GET /v1/host\r\n\r\n',
      'GET  /v1/host HTTP/1.1\r\n\r\n',
      'GET /v1/host HTTP/1.1\r\nhost\r\n\r\n',
      'POST /v1/down HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}',
      'POST /v1/down HTTP/1.1\r\ncontent-length: -1\r\n\r\n{}',
      'POST /v1/down HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n',
      `GET /v1/events?limit=${'1'.repeat(70_000)} HTTP/1.1\r\n\r\n`,
    ),
  );
  await fc.assert(
    fc.asyncProperty(noise, async bytes => {
      // The blank lines end whatever head the noise began.
      const whole = Buffer.concat([Buffer.from(bytes), Buffer.from('\r\n\r\n\r\n\r\n')]);
      const answer = await rawExchange(socketPath, whole, { halfClose: true });
      if (answer.body !== '') assertClean(answer);
    }),
    { numRuns: 150 },
  );
  assert.equal((await client.call('GET /v1/host', {})).pid, process.pid);
  assert.deepEqual(errors, []);
});

test('what is too long or of the wrong kind has a code of its own', async t => {
  const { socketPath } = await startApi(t);
  const stop = (type: string, bytes: string | Buffer) =>
    rawRequest(socketPath, 'POST', '/v1/services/greeter/stop', { type, bytes });
  const codeOf = (answer: RawAnswer) => [answer.status, JSON.parse(answer.body).code];
  assert.deepEqual(codeOf(await stop('text/yaml', '{}')), [415, 'SLIP_MEDIA_TYPE']);
  assert.deepEqual(codeOf(await stop('application/octet-stream', '{}')), [415, 'SLIP_MEDIA_TYPE']);
  assert.deepEqual(codeOf(await stop('application/json', ' '.repeat(1024 * 1024 + 1))), [
    413,
    'SLIP_REQUEST_TOO_LARGE',
  ]);
  assert.deepEqual(codeOf(await stop('application/json', Buffer.from([0x22, 0xff, 0x22]))), [
    400,
    'SLIP_REQUEST_INVALID',
  ]);
  const long = await rawRequest(socketPath, 'GET', `/v1/events?limit=${'1'.repeat(70_000)}`);
  assert.deepEqual(codeOf(long), [413, 'SLIP_REQUEST_TOO_LARGE']);
  for (const bytes of [
    'GET /v1/host HTTPS/1.1\r\n\r\n',
    'POST /v1/down HTTP/1.1\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}',
  ]) {
    assert.deepEqual(codeOf(await rawExchange(socketPath, bytes)), [400, 'SLIP_REQUEST_INVALID']);
  }
  const unknown = await rawRequest(socketPath, 'DELETE', '/v1/services/greeter');
  assert.deepEqual([...codeOf(unknown), unknown.headers['allow']], [405, 'SLIP_METHOD_UNKNOWN', 'GET, HEAD']);
});
