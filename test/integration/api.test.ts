import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { Client } from '../../src/api/client.ts';
import { contract } from '../../src/api/contract.ts';
import { serveMetrics } from '../../src/api/metrics-server.ts';
import { serveApi } from '../../src/api/server.ts';
import { SlipwayError } from '../../src/domain/errors.ts';
import { startApi } from '../helpers/api-fixture.ts';
import { eventually } from '../helpers/eventually.ts';
import { rawExchange, rawRequest } from '../helpers/raw-request.ts';

const all = <T>(items: AsyncIterable<T>): Promise<T[]> => Readable.from(items).toArray();
const code = (expected: string) => (error: unknown) => error instanceof SlipwayError && error.code === expected;

test('answers hold exactly what their schemas say', async t => {
  const { client, control } = await startApi(t, { greeter: 2, ledger: 1 });
  control.set('greeter', 1, { state: 'backoff', reason: 'exited 1 twice in 3 s' });
  await control.deploy('ledger', { source: { kind: 'url', url: 'http://x/y.tgz', sha256: 'a'.repeat(64) } }, 'test');

  const host = await client.call('GET /v1/host', {});
  assert.deepEqual(contract['GET /v1/host'].response.schema.parse(host), control.host());
  const list = await client.call('GET /v1/services', {});
  assert.deepEqual(contract['GET /v1/services'].response.schema.parse(list), { services: await control.services() });
  const one = await client.call('GET /v1/services/:name', { params: { name: 'ledger' } });
  assert.deepEqual(contract['GET /v1/services/:name'].response.schema.parse(one), await control.service('ledger'));
  const { revisions } = await client.call('GET /v1/services/:name/history', { params: { name: 'ledger' } });
  assert.deepEqual(revisions, await control.history('ledger'));
});

test('writes reach the control plane with their actor and answer with what became of it', async t => {
  const { client, control } = await startApi(t);
  const params = { name: 'greeter' };
  const stopped = await client.call('POST /v1/services/:name/stop', { params, body: { index: 1 } });
  assert.deepEqual(
    stopped.instances.map(instance => instance.state),
    ['ready', 'stopped'],
  );
  const started = await client.call('POST /v1/services/:name/start', { params, body: {} });
  assert.deepEqual(
    started.instances.map(instance => instance.state),
    ['ready', 'ready'],
  );
  const scaled = await client.call('POST /v1/services/:name/scale', { params, body: { instances: 3 } });
  assert.equal(scaled.instances.length, 3);
  const restarted = await client.call('POST /v1/services/:name/restart', { params, body: {} });
  assert.equal(restarted.instances[0]?.pid, 5100);
  const events = await control.events(10);
  assert.deepEqual(
    events.map(event => event.kind),
    ['stop', 'start', 'scale', 'restart'],
  );
  assert.ok(events.every(event => event.actor === 'test'));

  await client.call('POST /v1/down', { body: { hurry: true } });
  assert.deepEqual(control.downCalls, [{ hurry: true }]);
});

test('an actor that could break a line of the record is not taken over', async t => {
  const { socketPath, control } = await startApi(t);
  const body = '{}';
  for (const said of ['cli uid 7', `x${'y'.repeat(200)}`, 'caf\u00e9\u0085']) {
    const head = `POST /v1/services/greeter/start HTTP/1.1\r\nconnection: close\r\nx-slipway-actor: ${said}\r\n`;
    const type = `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    assert.equal((await rawExchange(socketPath, Buffer.from(head + type, 'latin1'))).status, 202);
  }
  assert.deepEqual(
    (await control.events(3)).map(event => event.actor),
    ['cli uid 7', 'api', 'api'],
  );
});

test('a configuration is applied, and a dry run only says what it would do', async t => {
  const { client, control, home } = await startApi(t);
  const path = join(home, 'slipway.yaml');
  await writeFile(path, 'services:\n  greeter: { instances: 3 }\n  ledger: {}\n');
  const expected = [
    { service: 'greeter', action: 'change', details: ['instances: 2 → 3'] },
    { service: 'ledger', action: 'add', details: [] },
  ];
  const dry = await client.call('POST /v1/config', { body: { path, dryRun: true } });
  assert.deepEqual(dry, { changes: expected, dryRun: true });
  assert.equal((await control.services()).length, 1);
  assert.deepEqual(await client.call('POST /v1/config', { body: { path } }), { changes: expected, dryRun: false });
  assert.equal((await control.services()).length, 2);
});

test('a refusal of the control plane arrives whole', async t => {
  const { client, home } = await startApi(t);
  const path = join(home, 'slipway.yaml');
  await writeFile(path, '{}');
  await assert.rejects(client.call('POST /v1/config', { body: { path } }), (error: SlipwayError) => {
    assert.equal(error.code, 'SLIP_CONFIG_INVALID');
    assert.equal(error.message, `cannot apply ${path}`);
    assert.deepEqual(error.details, [`${path}:1:1: no services`]);
    return true;
  });
});

test('an unexpected error shows nothing of itself and is logged', async t => {
  const { socketPath, control, errors } = await startApi(t);
  control.failure = new TypeError('the secret is hunter2');
  const answer = await rawRequest(socketPath, 'GET', '/v1/services');
  assert.equal(answer.status, 500);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(JSON.parse(answer.body).code, 'SLIP_INTERNAL');
  assert.doesNotMatch(answer.body, /hunter2|TypeError/);
  assert.match(String((errors[0] as [{ err: Error }])[0].err), /hunter2/);
});

test('deploys from a path and from a URL', async t => {
  const { client, home, control } = await startApi(t);
  const path = join(home, 'greeter-2.0.0.tgz');
  await writeFile(path, 'package');
  const params = { name: 'greeter' };
  const first = await client.call('POST /v1/services/:name/deploy', { params, body: { package: path, instances: 1 } });
  assert.deepEqual([first.number, first.package], [2, 'greeter-2.0.0.tgz']);
  assert.equal((await control.service('greeter')).wanted, 1);
  const from = { url: 'http://127.0.0.1/greeter-3.0.0.tgz', sha256: 'b'.repeat(64) };
  const second = await client.call('POST /v1/services/:name/deploy', { params, body: { package: from } });
  assert.deepEqual([second.number, second.package], [3, 'greeter-3.0.0.tgz']);
  const back = await client.call('POST /v1/services/:name/rollback', { params, body: { to: 2 } });
  assert.deepEqual([back.number, back.package], [4, 'greeter-2.0.0.tgz']);
});

test('an upload is streamed in, deployed under its own name, and discarded', async t => {
  const { client, uploads, control } = await startApi(t);
  const bytes = Buffer.alloc(3 * 1024 * 1024, 'x');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const query = { filename: 'greeter-2.0.0.tgz', sha256, instances: 4 };
  const revision = await client.upload('greeter', query, Readable.from([bytes]));
  assert.equal(revision.package, 'greeter-2.0.0.tgz');
  assert.equal((await control.service('greeter')).wanted, 4);
  assert.deepEqual(await readdir(uploads), []);
});

test('an upload of other bytes than the digest says is refused and discarded', async t => {
  const { client, uploads, control } = await startApi(t);
  const query = { filename: 'g.tgz', sha256: 'c'.repeat(64) };
  await assert.rejects(client.upload('greeter', query, Readable.from(['x'])), code('SLIP_PACKAGE_DIGEST'));
  assert.equal((await control.service('greeter')).revision, 1);
  assert.deepEqual(await readdir(uploads), []);
});

test('an upload for an unknown service is refused before it is taken in', async t => {
  const { client, uploads } = await startApi(t);
  const endless = Readable.from(
    (function* () {
      for (let i = 0; i < 200; i++) yield Buffer.alloc(64 * 1024);
    })(),
  );
  await assert.rejects(client.upload('nobody', { filename: 'g.tgz' }, endless), code('SLIP_SERVICE_UNKNOWN'));
  assert.deepEqual(await readdir(uploads), []);
});

test('an upload that breaks off leaves nothing behind', async t => {
  const { client, uploads, control, errors } = await startApi(t);
  const abort = new AbortController();
  const body = new Readable({ read() {} });
  body.push(Buffer.alloc(100_000));
  const upload = client.upload('greeter', { filename: 'g.tgz' }, body, abort.signal);
  await eventually('the upload to be under way', async () => (await readdir(uploads)).length > 0);
  abort.abort();
  await assert.rejects(upload, { name: 'AbortError' });
  await eventually('the upload to be discarded', async () => (await readdir(uploads)).length === 0);
  assert.deepEqual(errors, [], 'a client that leaves is no error of the daemon');
  assert.equal((await control.service('greeter')).revision, 1);
});

test('settled waits, answers when it is so, and times out with a code of its own', async t => {
  const { client, control } = await startApi(t);
  assert.equal((await client.call('GET /v1/settled', { query: {} })).services.length, 1);
  const release = control.unsettle();
  const query = { service: 'greeter', timeout: 50 };
  await assert.rejects(client.call('GET /v1/settled', { query }), code('SLIP_WAIT_TIMEOUT'));
  const waiting = client.call('GET /v1/settled', { query: { service: 'greeter' } });
  release();
  assert.equal((await waiting).services[0]?.name, 'greeter');
  await assert.rejects(client.call('GET /v1/settled', { query: { service: 'x' } }), code('SLIP_SERVICE_UNKNOWN'));
});

test('logs are read, and followed until the client leaves', async t => {
  const { client, logs, errors } = await startApi(t);
  for (let n = 0; n < 5; n++) logs.write({ service: 'greeter', index: n % 2, text: `line ${n}` });
  const params = { name: 'greeter' };
  const read = client.stream('GET /v1/services/:name/logs', { params, query: { tail: 2 } }, AbortSignal.timeout(9000));
  assert.deepEqual(
    (await all(read)).map(line => line.text),
    ['line 3', 'line 4'],
  );

  const leave = new AbortController();
  const seen: string[] = [];
  const query = { index: 1, follow: true };
  const following = (async () => {
    for await (const line of client.stream('GET /v1/services/:name/logs', { params, query }, leave.signal)) {
      seen.push(line.text);
    }
  })();
  await eventually('the past lines', () => seen.length === 2);
  logs.write({ service: 'greeter', index: 0, text: 'not asked for' });
  logs.write({ service: 'greeter', index: 1, text: 'new\u2028 line' });
  await eventually('the new line', () => seen.length === 3);
  assert.deepEqual(seen, ['line 1', 'line 3', 'new\u2028 line']);
  leave.abort();
  await following;
  await eventually('the reader to end', () => logs.followers.size === 0);
  assert.deepEqual(errors, []);
});

test('logs of what there isn’t are refused', async t => {
  const { client } = await startApi(t);
  const read = (name: string, query: object) =>
    all(client.stream('GET /v1/services/:name/logs', { params: { name }, query }, AbortSignal.timeout(9000)));
  await assert.rejects(read('nobody', {}), code('SLIP_SERVICE_UNKNOWN'));
  await assert.rejects(read('greeter', { index: 2 }), code('SLIP_INSTANCE_UNKNOWN'));
});

test('a slow reader holds the lines back instead of filling the daemon’s memory', async t => {
  const { client, logs } = await startApi(t);
  let given = 0;
  logs.read = async function* () {
    for (; given < 100_000; given++) yield { service: 'greeter', index: 0, text: 'x'.repeat(1000) };
  };
  const args = { params: { name: 'greeter' } };
  const lines = client.stream('GET /v1/services/:name/logs', args, AbortSignal.timeout(20_000));
  await lines.next();
  let before = -1;
  await eventually('the writer to be held back', async () => {
    const stalled = given === before;
    before = given;
    await new Promise(resolve => setTimeout(resolve, 50));
    return stalled && given > 0;
  });
  assert.ok(given < 20_000, `${given} lines were read ahead`);
  await lines.return(undefined);
});

test('events are replayed and followed, none twice and none missed', async t => {
  const { client, control } = await startApi(t);
  for (let n = 0; n < 4; n++) control.emit({ kind: 'test', message: `event ${n}` });
  const past = client.stream('GET /v1/events', { query: { limit: 2 } }, AbortSignal.timeout(9000));
  assert.deepEqual(
    (await all(past)).map(event => event.message),
    ['event 2', 'event 3'],
  );

  const read = control.events.bind(control);
  control.events = async limit => {
    const before = await read(limit);
    control.emit({ kind: 'test', message: 'while the past was read' });
    return [...before.slice(0, -1), ...(await read(2)).slice(0, 1)];
  };
  const leave = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    for await (const event of client.stream('GET /v1/events', { query: { follow: true } }, leave.signal)) {
      seen.push(event.message);
    }
  })();
  await eventually('the past', () => seen.length === 5);
  control.emit({ kind: 'test', message: 'new' });
  await eventually('the new event', () => seen.length === 6);
  assert.deepEqual(seen.slice(3), ['event 3', 'while the past was read', 'new']);
  leave.abort();
  await following;
  await eventually('the listener to be gone', () => control.listeners === 0);
});

test('closing answers what waits, cuts followers off, and removes the socket', async t => {
  const { client, control, api, socketPath } = await startApi(t);
  control.unsettle();
  const waiting = client.call('GET /v1/settled', { query: {} });
  const following = all(client.stream('GET /v1/events', { query: { follow: true } }, AbortSignal.timeout(20_000)));
  const outcomes = Promise.allSettled([waiting, following]);
  await eventually('both to be under way', () => control.listeners === 1);
  await Promise.all([api.close(), api.close()]);
  const [first, second] = await outcomes;
  assert.ok(first.status === 'rejected' && code('SLIP_STOPPING')(first.reason), String(first.status));
  assert.ok(second.status === 'rejected' && code('SLIP_DAEMON_UNREACHABLE')(second.reason));
  await assert.rejects(client.call('GET /v1/host', {}), code('SLIP_DAEMON_UNREACHABLE'));
  await assert.rejects(stat(socketPath), { code: 'ENOENT' });
});

test('the socket is for owner and group, replaces a stale one, and spares what is no socket', async t => {
  const first = await startApi(t);
  assert.equal((await stat(first.socketPath)).mode & 0o7777, 0o660);
  assert.deepEqual(await readdir(join(first.home, 'run')), ['slipway.sock']);

  // The socket of a daemon that was killed: bound, and nobody there.
  const options = { control: first.control, logs: first.logs, metrics: first.metrics, log: first.log };
  const serve = (socketPath: string) =>
    serveApi({
      ...options,
      socketPath,
      store: { receive: () => Promise.reject(new Error('unused')) },
      unpackLimits: () => ({ totalSize: 1, entries: 1, ratio: 1 }),
    });
  const second = await serve(first.socketPath);
  await first.api.close();
  const client = new Client({ socketPath: first.socketPath, actor: 'test' });
  assert.equal((await client.call('GET /v1/host', {})).version, '0.1.0', 'the old one leaves the new one’s socket');
  await second.close();

  const file = join(first.home, 'file');
  await writeFile(file, 'precious');
  await assert.rejects(serve(file), code('SLIP_LISTEN_FAILED'));
  assert.equal((await stat(file)).size, 8);
});

test('a home deeper than a socket path may be is served all the same', async t => {
  const { home, control, logs, metrics, log } = await startApi(t);
  const socketPath = join(home, ...Array.from({ length: 12 }, (_, n) => `a-deep-folder-${n}`), 'slipway.sock');
  const store = { receive: () => Promise.reject(new Error('unused')) };
  const unpackLimits = () => ({ totalSize: 1, entries: 1, ratio: 1 });
  const api = await serveApi({ control, logs, metrics, log, store, unpackLimits, socketPath });
  t.after(() => api.close());
  assert.equal((await new Client({ socketPath, actor: 'test' }).call('GET /v1/host', {})).pid, process.pid);
});

test('who may not write to the socket is told so', async t => {
  const { client, socketPath } = await startApi(t);
  await chmod(socketPath, 0o400);
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await assert.rejects(client.call('GET /v1/host', {}), /permission denied/);
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

test('metrics are on the socket, and alone on a TCP address', async t => {
  const { socketPath, counters, metrics, log } = await startApi(t);
  counters.restarted('greeter', 'exit');
  const answer = await rawRequest(socketPath, 'GET', '/metrics');
  assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(answer.body, /^slipway_restarts_total\{service="greeter",reason="exit"\} 1$/m);

  const server = await serveMetrics('127.0.0.1:0', metrics, log);
  t.after(() => server.close());
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  assert.match(await (await get('/metrics?x=1')).text(), /slipway_router_up 1/);
  assert.equal((await get('/v1/services')).status, 404);
  const posted = await get('/metrics', 'POST');
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD']);
  await assert.rejects(serveMetrics(`127.0.0.1:${server.port}`, metrics, log), code('SLIP_LISTEN_FAILED'));
  await assert.rejects(serveMetrics('nonsense', metrics, log), code('SLIP_LISTEN_FAILED'));
});

test('a server that isn’t Slipway’s is not believed', async t => {
  const { home } = await startApi(t);
  await mkdir(join(home, 'other'));
  const socketPath = join(home, 'other', 's');
  const server = createServer(socket => socket.end('HTTP/1.1 500 Oops\r\ncontent-length: 5\r\n\r\n<p>?!'));
  await new Promise<void>(resolve => server.listen(socketPath, resolve));
  t.after(() => server.close());
  const client = new Client({ socketPath, actor: 'test' });
  await assert.rejects(client.call('GET /v1/host', {}), code('SLIP_INTERNAL'));
});
