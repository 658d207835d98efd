/** What routes ask to be done to requests and responses, on real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { RouteSpec } from '../../src/domain/route-spec.ts';
import { ask, echo } from '../helpers/ask.ts';
import { eventually } from '../helpers/eventually.ts';
import { httpInstance, RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

const place = { path: '/', stripPrefix: false };
const none = { set: {}, add: {}, remove: [] };

const withRoute = (port: number, route: Partial<RouteSpec>) => [
  { ...anyRoute('a', { id: 'a', port }), routes: [{ ...place, ...route }] },
];

async function routed(t: TestContext, route: Partial<RouteSpec>, instance = echo('a')): Promise<TestForwarder> {
  return TestForwarder.create(t, withRoute(await httpInstance(t, instance), route));
}

test('headers of a request are set, added and removed, those that the router itself adds too', async t => {
  const router = await routed(t, {
    requestHeaders: {
      set: { 'X-Forwarded-Proto': 'https', 'X-New': 'n' },
      add: { 'x-a': '2' },
      remove: ['X-Request-ID', 'X-Secret', 'Traceparent'],
    },
  });
  const headers = ['Host', 'x', 'X-A', '1', 'x-secret', 's', 'X-SECRET', 't', 'X-New', 'old'];
  const { body } = await ask(router.port, { method: 'POST', headers, body: 'body' });
  const seen = JSON.parse(body);
  assert.equal(seen.body, 'body');
  assert.equal(seen.headers['x-forwarded-proto'], 'https');
  assert.equal(seen.headers['x-new'], 'n');
  assert.equal(seen.headers['x-a'], '1, 2');
  assert.equal(seen.headers.host, 'x');
  for (const gone of ['x-request-id', 'x-secret', 'traceparent']) assert.equal(seen.headers[gone], undefined, gone);
});

test('headers of a response are set, added and removed; the router’s own errors are not touched', async t => {
  const rules = { set: { Server: 'b', 'X-Frame-Options': 'DENY' }, add: { Vary: 'Origin' }, remove: ['X-Powered-By'] };
  const router = await routed(t, { responseHeaders: rules, maxBody: 1 }, (_incoming, response) => {
    response.writeHead(200, { Server: 'a', 'X-Powered-By': 'x', Vary: 'Accept' }).end('ok');
  });
  const { headers, body } = await ask(router.port);
  assert.equal(body, 'ok');
  assert.equal(headers.server, 'b');
  assert.equal(headers['x-frame-options'], 'DENY');
  assert.equal(headers.vary, 'Accept, Origin');
  assert.equal(headers['x-powered-by'], undefined);
  const refused = await ask(router.port, { method: 'POST', body: 'ab' });
  assert.deepEqual([refused.status, refused.headers['x-frame-options']], [413, undefined]);
});

test('rules hold for a switch of protocols too, and what tells of it stays', async t => {
  const port = await rawInstance(t, socket =>
    socket
      .on('end', () => socket.end())
      .on('data', data => {
        if (!data.includes('GET')) socket.write(data);
        if (data.includes('Upgrade: x')) {
          socket.write('HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello');
        }
      }),
  );
  const route = { responseHeaders: { ...none, set: { 'X-Set': '1' } }, timeout: 50 };
  const router = await TestForwarder.create(t, withRoute(port, route));
  const client = new RawClient(router.port);
  client.head('GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: x');
  await eventually('the tunnel', () => client.received.endsWith('hello'));
  assert.match(client.received, /\r\nUpgrade: x\r\n/);
  assert.match(client.received, /\r\nX-Set: 1\r\n/);
  assert.equal((await ask(router.port)).status, 504, 'the route’s time is up for what came later');
  client.send('still open');
  await eventually('an echo', () => client.received.endsWith('still open'));
  client.socket.destroy();
  await eventually('it to be over', () => router.stats().services['a']?.inFlight === 0);
  assert.ok((router.stats().services['a']?.bytesOut ?? 0) > 100);
});

test('a body within the limit of its route passes, though the router’s own is lower', async t => {
  const port = await httpInstance(t, echo('a'));
  const router = await TestForwarder.create(t, withRoute(port, { maxBody: 10 }), { maxBody: 5 });
  assert.equal((await ask(router.port, { method: 'POST', body: '0123456789' })).status, 200);
  assert.equal((await ask(router.port, { method: 'POST', body: '0123456789a' })).status, 413);
});

test('a body that is too large comes to no instance, and is not asked for', async t => {
  let requests = 0;
  const router = await routed(t, { maxBody: 10 }, (incoming, response) => {
    requests++;
    incoming.resume().on('end', () => response.end());
  });
  const client = new RawClient(router.port);
  client.head('POST / HTTP/1.1', 'Host: x', 'Content-Length: 11', 'Expect: 100-continue');
  await eventually('the refusal', () => client.ended);
  assert.equal(client.status, 413, 'and no 100 before');
  assert.equal(requests, 0);
  assert.equal(JSON.parse(client.received.split('\r\n\r\n')[1] ?? '').code, 'SLIP_REQUEST_INVALID');
});

test('a body in chunks is cut off when it is more than its route allows: the instance never has all of it', async t => {
  let whole = false;
  let aborted = false;
  const router = await routed(t, { maxBody: 10 }, incoming => {
    incoming.on('error', () => {});
    incoming.on('close', () => {
      whole = incoming.complete;
      aborted = !incoming.complete;
    });
    incoming.resume();
  });
  const client = new RawClient(router.port);
  client.head('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked').send('6\r\nabcdef\r\n');
  await eventually('it to be forwarded', () => router.stats().services['a']?.inFlight === 1);
  client.send('5\r\nabcde\r\n0\r\n\r\n');
  await eventually('the refusal', () => client.ended);
  assert.equal(client.status, 413);
  await eventually('the instance to know', () => aborted);
  assert.equal(whole, false);
});

test('a route’s time: 504 where no answer began, else it is cut off', async t => {
  const router = await routed(t, { timeout: 100 }, (incoming, response) => {
    if (incoming.url === '/begun') response.write('half');
  });
  const { status, body } = await ask(router.port);
  assert.equal(status, 504);
  assert.equal(JSON.parse(body).code, 'SLIP_INSTANCE_TIMEOUT');
  await assert.rejects(ask(router.port, { path: '/begun' }), /aborted|ECONNRESET/);
  assert.equal(router.stats().rejected['timeout'], 2);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('a client that is still sending when its route’s time is up: 408', async t => {
  const router = await routed(t, { timeout: 100 });
  const client = new RawClient(router.port);
  client.head('POST / HTTP/1.1', 'Host: x', 'Content-Length: 10').send('half');
  await eventually('the refusal', () => client.ended);
  assert.equal(client.status, 408);
});

test('redirects: of the router itself, and of a service', async t => {
  const redirect = { to: 'https://{host}{uri}', status: 308 } as const;
  const router = await TestForwarder.create(
    t,
    [{ ...anyRoute('a'), routes: [{ path: '/old', stripPrefix: true, redirect: { to: '/new{path}', status: 301 } }] }],
    { routes: [{ path: '/', host: '*.example', stripPrefix: false, redirect }] },
  );
  const headers = { host: 'A.Example:8080' };
  const moved = await ask(router.port, { path: '/x?y=1', headers, method: 'POST', body: 'b' });
  assert.deepEqual([moved.status, moved.headers.location, moved.body], [308, 'https://a.example/x?y=1', '']);
  assert.ok(moved.headers.date && moved.headers['x-request-id']);
  const own = await ask(router.port, { path: '/old/a' });
  assert.deepEqual([own.status, own.headers.location], [301, '/new/old/a']);
  assert.deepEqual(router.stats().services['a']?.responses, { '3xx': 1 });
  assert.equal((await ask(router.port, { headers: { host: 'other' } })).status, 404);
});

test('a redirect to a host that can not be shown: 400', async t => {
  const redirect = { to: 'https://{host}/', status: 302 } as const;
  const router = await TestForwarder.create(t, [], { routes: [{ ...place, redirect }] });
  for (const host of ["a'b", 'a%0d', '']) {
    const client = new RawClient(router.port).head('GET / HTTP/1.1', `Host: ${host}`);
    await eventually('the refusal', () => client.ended);
    assert.equal(client.status, 400);
    assert.doesNotMatch(client.received, /Location/i);
  }
});

test('a fixed response: status, fields and text, on a connection that goes on', async t => {
  const respond = {
    status: 503,
    headers: { 'Retry-After': '60', 'content-TYPE': 'text/html' },
    body: { text: 'später' },
  };
  const router = await routed(t, { respond, responseHeaders: { ...none, set: { 'X-Set': '1' } } });
  const client = new RawClient(router.port);
  client.head('HEAD / HTTP/1.1', 'Host: x').head('POST / HTTP/1.1', 'Host: x', 'Content-Length: 1').send('b');
  client.head('GET / HTTP/1.1', 'Host: x');
  await eventually('all', () => client.received.split('HTTP/1.1 503').length === 4 && /p.+ter$/.test(client.received));
  const [, head = '', post = ''] = client.received.split('HTTP/1.1 ');
  assert.match(head, /^503 Service Unavailable\r\n/);
  assert.match(head, /\r\nContent-Length: 7\r\n/);
  assert.match(head, /\r\n\r\n$/);
  assert.match(post, /\r\nRetry-After: 60\r\ncontent-TYPE: text\/html\r\nX-Set: 1\r\n\r\nsp..ter$/);
  assert.doesNotMatch(post, /Content-Type: text\/plain/);
  assert.deepEqual(router.stats().services['a']?.responses, { '5xx': 3 });
  assert.equal(router.stats().services['a']?.inFlight, 0);
});

test('statuses without a body say none', async t => {
  for (const [status, length] of [
    [204, undefined],
    [304, undefined],
    [205, '0'],
  ] as const) {
    const router = await routed(t, { respond: { status, headers: {}, body: { text: 'x' } } });
    const { headers, body } = await ask(router.port);
    assert.deepEqual([headers['content-length'], body], [length, '']);
  }
});

test('a file: its type, tag and length; a change shows within a second or so', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'down.HTML');
  await writeFile(file, '<p>one');
  const respond = { status: 200, headers: {}, body: { file } };
  const router = await TestForwarder.create(t, [], { routes: [{ ...place, respond }] });
  const first = await ask(router.port);
  assert.deepEqual(
    [first.status, first.headers['content-type'], first.body],
    [200, 'text/html; charset=utf-8', '<p>one'],
  );
  const tag = String(first.headers.etag);
  const known = await ask(router.port, { headers: { 'If-None-Match': `"x", W/${tag}` } });
  assert.deepEqual([known.status, known.headers.etag, known.body], [304, tag, '']);
  assert.equal((await ask(router.port, { headers: { 'If-None-Match': '"x"' } })).status, 200);
  await writeFile(file, `<p>${'two'.repeat(32 * 1024 - 1)}`); // As long as memory that is lent for messages.
  const second = await eventually('the change', async () => {
    const answer = await ask(router.port);
    return answer.body !== '<p>one' && answer;
  });
  assert.equal(second.body, `<p>${'two'.repeat(32 * 1024 - 1)}`);
  assert.notEqual(second.headers.etag, tag);
  await rm(file);
  await utimes(folder, 0, 0);
  assert.equal((await ask(router.port)).status, 200, 'what was last read is kept');
});

test('a large file goes out whole to clients that are slow, and stays as it is', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'large.bin');
  const size = 8 * 1024 * 1024;
  const content = Buffer.alloc(size, 'abcdefghijk');
  await writeFile(file, content);
  const router = await TestForwarder.create(t, [], {
    routes: [{ ...place, respond: { status: 200, headers: {}, body: { file } } }],
  });
  const slow = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x');
  slow.socket.pause();
  const { bytes, headers } = await ask(router.port);
  assert.equal(headers['content-type'], 'application/octet-stream');
  assert.ok(bytes.equals(content));
  slow.socket.resume();
  await eventually('all', () => slow.received.length > size);
  assert.ok(Buffer.from(slow.received.slice(-size), 'latin1').equals(content));
});

test('a file that can not be read: 500, and the log says why', async t => {
  for (const file of ['/nonexistent/slipway', tmpdir(), '/dev/zero']) {
    const router = await TestForwarder.create(t, [], {
      routes: [{ ...place, respond: { status: 200, headers: {}, body: { file } } }],
    });
    const { status, body } = await ask(router.port);
    assert.deepEqual([status, JSON.parse(body).code], [500, 'SLIP_RESPONSE_UNREADABLE']);
    assert.equal(router.logged[0]?.['path'], file);
  }
});

test('requests above the rate: 429, how long to wait, and no request to the instance', async t => {
  let requests = 0;
  const rateLimit = { requests: 2, per: 60_000, burst: 2 };
  const router = await routed(t, { rateLimit }, (_incoming, response) => {
    requests++;
    response.end();
  });
  const statuses = [];
  for (let round = 0; round < 3; round++) statuses.push((await ask(router.port)).status);
  assert.deepEqual(statuses, [200, 200, 429]);
  const { headers, body } = await ask(router.port);
  assert.equal(JSON.parse(body).code, 'SLIP_RATE_LIMITED');
  const wait = Number(headers['retry-after']);
  assert.ok(Number.isInteger(wait) && wait > 20 && wait <= 30, headers['retry-after']);
  assert.equal(requests, 2);
  assert.equal(router.stats().rejected['rate-limited'], 2);
  router.apply(withRoute(1, { rateLimit }));
  assert.equal((await ask(router.port)).status, 429, 'a new table with the same rule forgets nothing');
  router.apply(withRoute(1, { rateLimit: { ...rateLimit, burst: 3 } }));
  assert.notEqual((await ask(router.port)).status, 429, 'another rule begins anew');
});

test('a rate by header; without the header it goes by address', async t => {
  const router = await routed(t, { rateLimit: { requests: 1, per: 60_000, burst: 1, header: 'X-Key' } });
  const statusFor = async (headers: Record<string, string>) => (await ask(router.port, { headers })).status;
  assert.equal(await statusFor({ 'x-key': 'one' }), 200);
  assert.equal(await statusFor({ 'X-KEY': 'one' }), 429);
  assert.equal(await statusFor({ 'x-key': 'two' }), 200);
  assert.equal(await statusFor({}), 200);
  assert.equal(await statusFor({}), 429);
});

const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';

test('a trace that came is passed on; one that is not valid is begun anew, and its state is dropped', async t => {
  const router = await routed(t, {});
  const seenFor = async (...headers: string[]) => {
    const { headers: seen, rawHeaders } = JSON.parse(
      (await ask(router.port, { headers: ['Host', 'x', ...headers] })).body,
    );
    const lines = rawHeaders.filter((name: string) => name.toLowerCase() === 'traceparent').length;
    return [seen.traceparent, seen.tracestate, lines];
  };
  assert.deepEqual(await seenFor('TraceParent', trace, 'tracestate', 'a=1'), [trace, 'a=1', 1]);
  assert.deepEqual(await seenFor('tracestate', 'a=1', 'traceparent', trace), [trace, 'a=1', 1]);
  const made = /^00-[\da-f]{32}-[\da-f]{16}-01$/;
  for (const headers of [
    [],
    ['tracestate', 'a=1'],
    ['tracestate', 'a=1', 'traceparent', 'nonsense'],
    ['traceparent', trace, 'x', 'y', 'tracestate', 'a=1', 'traceparent', trace],
  ]) {
    const [traceparent, state, lines] = await seenFor(...headers);
    assert.match(traceparent, made);
    assert.deepEqual([state, lines], [undefined, 1]);
  }
});

test('Connection can not take a trace away', async t => {
  const router = await routed(t, {});
  const seen = JSON.parse(
    (await ask(router.port, { headers: { Connection: 'traceparent', traceparent: trace } })).body,
  );
  assert.equal(seen.headers.traceparent, trace);
});

test('octets are counted by service', async t => {
  const server = createServer((incoming, response) =>
    incoming.resume().on('end', () => response.end('x'.repeat(100_000))),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  await ask(router.port, { method: 'POST', body: 'y'.repeat(50_000) });
  const { bytesIn = 0, bytesOut = 0 } = router.stats().services['a'] ?? {};
  assert.ok(bytesIn > 50_000 && bytesIn < 50_500, `${bytesIn}`);
  assert.ok(bytesOut > 100_000 && bytesOut < 100_500, `${bytesOut}`);
  server.closeAllConnections();
});
