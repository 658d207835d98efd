/** The access log: what a line tells, and that its file never stands in the way. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import type { AccessLogSpec } from '../../src/domain/router-spec.ts';
import type { LogFields } from '../../src/router/log.ts';
import { type Access, accessLine } from '../../src/router/policy/access-line.ts';
import { AccessLog } from '../../src/router/policy/access-log.ts';
import { ask, echo } from '../helpers/ask.ts';
import { eventually } from '../helpers/eventually.ts';
import { deadPort, httpInstance, RawClient, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

const access: Access = {
  time: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  client: '10.0.0.1',
  method: 'GET',
  host: 'a.example',
  path: '/x?secret=1',
  http: '1.1',
  status: 200,
  bytesIn: 10,
  bytesOut: 20,
  duration: 1.23456,
  retries: 0,
  requestId: 'r-1',
};

test('a line is one JSON object, without the query', () => {
  assert.equal(
    accessLine({
      ...access,
      service: 'a',
      endpoint: 'a/0',
      upstream: 1,
      retries: 2,
      userAgent: 'x "y"',
      tls: undefined,
    }),
    '{"time":"2026-01-02T03:04:05.006Z","client":"10.0.0.1","method":"GET","host":"a.example","path":"/x","status":200,' +
      '"bytesIn":10,"bytesOut":20,"durationMs":1.235,"upstreamMs":1,"service":"a","endpoint":"a/0","requestId":"r-1",' +
      '"http":"1.1","retries":2,"userAgent":"x \\"y\\""}\n',
  );
});

test('whatever a client sends, a line is one line of printable ASCII, and tells what was sent', () => {
  const value = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code)) });
  fc.assert(
    fc.property(value, value, value, (userAgent, host, method) => {
      const line = accessLine({ ...access, userAgent, host, method });
      assert.match(line, /^[\x20-\x7e]*\n$/);
      const { userAgent: told, host: toldHost, method: toldMethod } = JSON.parse(line);
      assert.deepEqual([told, toldHost, toldMethod], [userAgent, host, method]);
    }),
  );
});

async function logTo(t: TestContext, spec: Partial<AccessLogSpec> = {}, random = () => 0) {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-test-'));
  const path = join(folder, 'access.log');
  const warnings: LogFields[] = [];
  const write = (fields: LogFields) => void warnings.push(fields);
  const log = new AccessLog({ path, sample: 1, ...spec }, { log: { info: write, warn: write, error: write }, random });
  t.after(async () => {
    await log.close();
    await rm(folder, { recursive: true });
  });
  const lines = () =>
    existsSync(path)
      ? readFileSync(path, 'utf8')
          .split('\n')
          .filter(line => line !== '')
          .map(line => JSON.parse(line))
      : [];
  return { log, path, lines, warnings };
}

test('what becomes of a request, from its head to its end', async t => {
  const port = await httpInstance(t, echo('a'));
  const { log, lines } = await logTo(t);
  const services = [anyRoute('a', { id: 'gone', port: await deadPort() }, { id: 'a/0', port })];
  const router = await TestForwarder.create(t, services, { accessLog: log });
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  await ask(router.port, {
    path: '/x?secret=1',
    method: 'POST',
    body: 'body',
    headers: {
      host: 'a.example:80',
      'user-agent': 'test "1"',
      referer: 'http://b.example/',
      'x-request-id': 'mine',
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    },
  });
  const [line] = await eventually('a line', () => lines().length > 0 && lines());
  const { time, durationMs, upstreamMs, bytesIn, bytesOut, ...rest } = line;
  assert.deepEqual(rest, {
    client: '127.0.0.1',
    method: 'POST',
    host: 'a.example:80',
    path: '/x',
    status: 200,
    service: 'a',
    endpoint: 'a/0',
    requestId: 'mine',
    traceId,
    http: '1.1',
    retries: 1,
    userAgent: 'test "1"',
    referer: 'http://b.example/',
  });
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.ok(durationMs >= upstreamMs && upstreamMs >= 0);
  assert.ok(bytesIn > 100 && bytesOut > 100);
});

test('requests that the router itself answers or refuses are told too', async t => {
  const { log, lines } = await logTo(t);
  const routes = [{ path: '/own', stripPrefix: false, redirect: { to: '/x', status: 308 as const } }];
  const limited = {
    ...anyRoute('a', { id: 'a', port: await deadPort() }),
    routes: [{ path: '/a', stripPrefix: false, maxBody: 1, rateLimit: { requests: 2, per: 60_000, burst: 2 } }],
  };
  const router = await TestForwarder.create(t, [limited], { accessLog: log, routes });
  await ask(router.port, { path: '/own' });
  await ask(router.port, { path: '/none' });
  await ask(router.port, { path: '/a' });
  await ask(router.port, { path: '/a', method: 'POST', body: 'ab' });
  await ask(router.port, { path: '/a' });
  await ask(router.port, { path: '/a' });
  const broken = new RawClient(router.port).head('NONSENSE');
  await eventually('the refusal', () => broken.ended);
  const all = await eventually('all lines', () => lines().length === 7 && lines());
  assert.deepEqual(
    all.map(({ path, status, reason, service, endpoint }) => [path, status, reason, service, endpoint]),
    [
      ['/own', 308, undefined, undefined, undefined],
      ['/none', 404, undefined, undefined, undefined],
      ['/a', 502, undefined, 'a', 'a'],
      ['/a', 413, 'body-too-large', 'a', undefined],
      ['/a', 502, undefined, 'a', 'a'],
      ['/a', 429, 'rate-limited', 'a', undefined],
      ['', 400, 'method-invalid', undefined, undefined],
    ],
  );
  assert.ok(broken.received.includes(`X-Request-Id: ${all.at(-1)?.requestId}\r\n`));
});

test('a share of the requests is written, and all that went wrong', async t => {
  const values = [0.1, 0.6, 0.4, 0.5];
  const { log, lines } = await logTo(t, { sample: 0.5 }, () => values.shift() ?? 1);
  for (const status of [200, 404, 301, 200, 500, 502]) log.add({ ...access, status });
  await log.close();
  assert.deepEqual(
    lines().map(({ status }) => status),
    [200, 301, 500, 502],
  );
});

test('a file that was moved away gets no more lines, and another is made', async t => {
  const { log, path, lines } = await logTo(t);
  log.add(access);
  await eventually('a line', () => lines().length === 1);
  renameSync(path, `${path}.1`);
  await eventually('the new file', () => {
    log.add(access);
    return lines().length > 0;
  });
  const before = readFileSync(`${path}.1`, 'utf8');
  const count = lines().length;
  log.add(access);
  await eventually('a line', () => lines().length > count);
  assert.equal(readFileSync(`${path}.1`, 'utf8'), before);
  assert.equal(log.dropped, 0);
});

test('where nothing can be written, lines are dropped and counted, and the log says so once', async t => {
  for (const path of ['/dev/full', '/nonexistent/slipway/access.log', tmpdir()]) {
    const { log, warnings } = await logTo(t, { path });
    for (let round = 1; round <= 3; round++) {
      log.add(access);
      await eventually(`a line to be dropped: ${path}`, () => log.dropped === round);
    }
    assert.equal(warnings.length, 1, path);
    assert.equal(warnings[0]?.['path'], path);
  }
});

test('what waits is bounded', async t => {
  const { log, lines } = await logTo(t);
  const count = 40_000;
  for (let index = 0; index < count; index++) log.add({ ...access, userAgent: 'x'.repeat(200) });
  assert.ok(log.dropped > 0);
  await log.close(30_000);
  assert.equal(lines().length + log.dropped, count);
  log.add(access);
  assert.equal(lines().length + log.dropped, count + 1, 'none after the end');
});

test('several processes share a file: all lines are whole', async t => {
  const { path, lines } = await logTo(t);
  const fixture = fileURLToPath(new URL('../fixtures/access-log-writer.ts', import.meta.url));
  const children = ['a', 'b', 'c'].map(name => fork(fixture, [path, name, '5000'], { execArgv: ['--import', 'tsx'] }));
  await Promise.all(children.map(child => once(child, 'exit')));
  const counts = new Map<string, number>();
  for (const { client } of lines()) counts.set(client, (counts.get(client) ?? 0) + 1);
  assert.deepEqual([...counts].sort(), [
    ['a', 5000],
    ['b', 5000],
    ['c', 5000],
  ]);
});
