import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import type { Socket } from 'node:net';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, echo } from '../helpers/ask.ts';
import { eventually } from '../helpers/eventually.ts';
import { deadPort, httpInstance, RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

test('requests go round robin to the instances of the service whose route matches', async t => {
  const ports = await Promise.all(['a', 'b', 'c'].map(name => httpInstance(t, echo(name))));
  const [a = 0, b = 0, c = 0] = ports;
  const router = await TestForwarder.create(t, [
    { ...anyRoute('ab', { id: 'a', port: a }, { id: 'b', port: b }), routes: [{ path: '/ab', stripPrefix: true }] },
    { ...anyRoute('c', { id: 'c', port: c }), routes: [{ host: '*.c.example', path: '/', stripPrefix: false }] },
  ]);
  const names = [];
  for (let round = 0; round < 6; round++)
    names.push(JSON.parse((await ask(router.port, { path: '/ab/x?y' })).body).name);
  assert.deepEqual(names, ['a', 'b', 'a', 'b', 'a', 'b']);
  const stripped = JSON.parse((await ask(router.port, { path: '/ab?q=1' })).body);
  assert.equal(stripped.url, '/?q=1');
  assert.equal(stripped.headers['x-forwarded-prefix'], '/ab');
  assert.equal(JSON.parse((await ask(router.port, { headers: { host: 'X.C.Example.:80' } })).body).name, 'c');
});

test('connections are kept on both sides', async t => {
  let connections = 0;
  const port = await httpInstance(t, (incoming, response) => {
    if (!('counted' in incoming.socket)) connections += 1;
    Object.assign(incoming.socket, { counted: true });
    response.end('ok');
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (let round = 0; round < 20; round++) await ask(router.port, { agent });
  assert.equal(connections, 1);
  assert.equal(router.stats().openConnections, 1);
});

test('where a request comes from is told by the router, whatever the client says', async t => {
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port: await httpInstance(t, echo('a')) })]);
  const { body, headers } = await ask(router.port, {
    headers: {
      Host: 'shop.example:8080',
      'X-Forwarded-For': '6.6.6.6',
      'X-Forwarded-Proto': 'https',
      X_Forwarded_For: '6.6.6.6',
      'X-Real-IP': '6.6.6.6',
      Forwarded: 'for=6.6.6.6',
      'X-Request-Id': 'mine-1',
      Connection: 'X-Secret, close',
      'X-Secret': 'only for the first hop',
      'Proxy-Authorization': 'Basic eA==',
      TE: 'trailers',
      'X-Kept': 'yes',
    },
  });
  const seen = JSON.parse(body);
  assert.equal(seen.headers.host, 'shop.example:8080');
  assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(seen.headers['x-forwarded-proto'], 'http');
  assert.equal(seen.headers['x-forwarded-host'], 'shop.example:8080');
  assert.equal(seen.headers['x-request-id'], 'mine-1');
  assert.equal(seen.headers['x-kept'], 'yes');
  assert.equal(headers['x-request-id'], 'mine-1');
  for (const gone of ['x_forwarded_for', 'x-real-ip', 'forwarded', 'x-secret', 'proxy-authorization', 'te']) {
    assert.equal(seen.headers[gone], undefined, gone);
  }
});

test('a request id that is not sane is replaced, and the answer has the one that the instance got', async t => {
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port: await httpInstance(t, echo('a')) })]);
  const { body, headers } = await ask(router.port, { headers: { 'X-Request-Id': 'a b "c"' } });
  assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/);
  assert.equal(JSON.parse(body).headers['x-request-id'], headers['x-request-id']);
});

test('no route, no ready instance: problem details with a code', async t => {
  const router = await TestForwarder.create(t, [{ ...anyRoute('a'), routes: [{ path: '/a', stripPrefix: false }] }]);
  const unrouted = await ask(router.port, { path: '/b', headers: { 'X-Request-Id': 'r1' } });
  assert.equal(unrouted.status, 404);
  assert.equal(unrouted.headers['content-type'], 'application/problem+json');
  assert.equal(unrouted.headers['x-request-id'], 'r1');
  assert.equal(JSON.parse(unrouted.body).code, 'SLIP_NO_ROUTE');
  const unready = await ask(router.port, { path: '/a', method: 'POST', body: 'x'.repeat(100_000) });
  assert.equal(unready.status, 503);
  assert.equal(unready.headers['retry-after'], '1');
  assert.equal(JSON.parse(unready.body).code, 'SLIP_NO_READY_INSTANCE');
  assert.ok(unready.headers.date);
  assert.equal(router.stats().unrouted, 1);
  assert.deepEqual(router.stats().services['a']?.responses, { '5xx': 1 });
});

test('an instance that refuses is passed over: the request goes to another, with its whole body', async t => {
  const alive = await httpInstance(t, echo('alive'));
  const router = await TestForwarder.create(t, [
    anyRoute('a', { id: 'dead', port: await deadPort() }, { id: 'alive', port: alive }),
  ]);
  const body = 'x'.repeat(300_000);
  for (let round = 0; round < 5; round++) {
    const answer = await ask(router.port, { method: 'POST', body });
    assert.equal(answer.status, 200);
    assert.equal(JSON.parse(answer.body).body, body);
  }
  assert.equal(router.stats().services['a']?.retries, 1, 'after the first refusal it is not asked again at once');
  assert.match(String(router.logged[0]?.['cause']), /refused/);
});

test('all instances refuse: 502, and the cause is in the log', async t => {
  const router = await TestForwarder.create(t, [
    anyRoute('a', { id: 'one', port: await deadPort() }, { id: 'two', port: await deadPort() }),
  ]);
  const answer = await ask(router.port, { path: '/x?token=secret' });
  assert.equal(answer.status, 502);
  assert.equal(JSON.parse(answer.body).code, 'SLIP_INSTANCE_UNREACHABLE');
  assert.deepEqual(
    router.logged.map(({ endpoint, path }) => [endpoint, path]),
    [
      ['one', '/x'],
      ['two', '/x'],
    ],
  );
  // They are tried in spite of it: there is no other.
  assert.equal((await ask(router.port)).status, 502);
});

test('a kept connection that the instance has closed is not taken for a failure of a request without effect', async t => {
  let served = 0;
  const port = await rawInstance(t, socket => {
    // Takes one request on each connection, and resets it when another one comes.
    let requests = 0;
    socket.on('data', () => {
      requests += 1;
      if (requests > 1) socket.resetAndDestroy();
      else {
        served += 1;
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  for (let round = 0; round < 5; round++) assert.equal((await ask(router.port)).status, 200);
  assert.equal(served, 5);
  assert.equal((await ask(router.port, { method: 'POST', body: 'x' })).status, 502, 'a POST may have had its effect');
});

test('a kept connection is replaced by one to another instance, while one that dies still takes connections', async t => {
  const held: Socket[] = [];
  let isDying = false;
  const dying = await rawInstance(t, socket => {
    let requests = 0;
    socket.on('data', () => {
      requests += 1;
      if (isDying) socket.destroy();
      else if (requests > 1) held.push(socket);
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ndying');
    });
  });
  const other = await httpInstance(t, (_, response) => response.end('other'));
  const router = await TestForwarder.create(t, [
    anyRoute('a', { id: 'dying', port: dying }, { id: 'other', port: other }),
  ]);
  const [first, second] = [await ask(router.port), await ask(router.port)];
  assert.deepEqual([first.body, second.body], ['dying', 'other']);
  const third = ask(router.port);
  await eventually('it to come on the kept connection', () => held.length === 1);
  assert.equal((await ask(router.port)).body, 'other', 'so that it would be the turn of the first one again');
  isDying = true;
  held[0]?.destroy();
  const { status, body } = await third;
  assert.deepEqual([status, body], [200, 'other']);
});

test('a request that an instance breaks off is not repeated', async t => {
  let asked = 0;
  const port = await rawInstance(t, socket =>
    socket.on('data', () => {
      asked += 1;
      socket.destroy();
    }),
  );
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port }, { id: 'b', port })]);
  assert.equal((await ask(router.port)).status, 502);
  assert.equal(asked, 1);
  assert.match(String(router.logged[0]?.['cause']), /without an answer/);
});

test('an instance that says nothing: 504', async t => {
  const port = await rawInstance(t, () => {});
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], { headTimeout: 100 });
  const answer = await ask(router.port);
  assert.equal(answer.status, 504);
  assert.equal(JSON.parse(answer.body).code, 'SLIP_INSTANCE_TIMEOUT');
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('a client that stops in the middle of its request: 408', async t => {
  const port = await httpInstance(t, echo('a'));
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], { bodyTimeout: 100 });
  const client = new RawClient(router.port);
  client.head('POST / HTTP/1.1', 'Host: x', 'Content-Length: 10').send('half');
  await eventually('the answer', () => client.ended);
  assert.equal(client.status, 408);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('time without any connection does not count as time without an answer', async t => {
  const headTimeout = 600;
  const port = await httpInstance(t, (_request, response) => void setTimeout(() => response.end('late'), 300));
  const began = performance.now();
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], { headTimeout });
  await eventually('more time than an answer may take', () => performance.now() - began > headTimeout);
  const response = await fetch(`http://127.0.0.1:${router.port}/`);
  assert.equal(response.status, 200);
});

test('an answer that stops in the middle is cut off', async t => {
  const port = await rawInstance(t, socket =>
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')),
  );
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], { idleTimeout: 100 });
  await assert.rejects(ask(router.port), /aborted|ECONNRESET/);
  assert.match(String(router.logged[0]?.['cause']), /stalled/);
});

test('an answer that is not HTTP, or has too large a head: 502', async t => {
  const answers = ['hello\r\n\r\n', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`];
  const port = await rawInstance(t, socket => socket.on('data', () => socket.write(answers.shift() ?? '')));
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  assert.equal((await ask(router.port)).status, 502);
  assert.equal((await ask(router.port)).status, 502);
  assert.match(String(router.logged[0]?.['cause']), /not valid HTTP/);
  assert.match(String(router.logged[1]?.['cause']), /too large/);
});

test('a switch of protocols that nobody asked for: 502', async t => {
  const port = await rawInstance(t, socket =>
    socket.on('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
    ),
  );
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  assert.equal((await ask(router.port)).status, 502);
});

test('when the client is gone, so is the request to the instance', async t => {
  let gone = false;
  let arrived = false;
  const port = await httpInstance(t, (incoming, response) => {
    arrived = true;
    response.on('close', () => {
      gone = true;
    });
    incoming.resume();
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x');
  await eventually('the request arrived', () => arrived);
  assert.equal(router.stats().services['a']?.inFlight, 1);
  client.socket.destroy();
  await eventually('the instance hears of it', () => gone);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
  assert.deepEqual(router.stats().services['a']?.responses, { '4xx': 1 });
});

for (const [kind, head, part] of [
  ['a length', 'Content-Length: 100', 'partial'],
  ['chunks', 'Transfer-Encoding: chunked', '7\r\npartial\r\n'],
] as const) {
  test(`a response with ${kind} that the instance cuts short stays cut short`, async t => {
    const port = await rawInstance(t, socket =>
      socket.on('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${part}`);
        setTimeout(() => socket.destroy(), 50);
      }),
    );
    const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
    await assert.rejects(ask(router.port), /aborted|ECONNRESET/);
    assert.match(String(router.logged[0]?.['cause']), /cut short/);
  });
}

test('the head and each part of a response go out as they come', async t => {
  let proceed = () => {};
  const port = await httpInstance(t, (_incoming, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.flushHeaders();
    proceed = () => response.end('data: 1\n\n');
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x');
  await eventually('the head', () => client.received.endsWith('\r\n\r\n') && client.status === 200);
  proceed();
  await eventually('the event', () => client.received.endsWith('0\r\n\r\n'));
  client.socket.destroy();
});

test('HEAD, 204 and 304 have no body, and keep their fields', async t => {
  const port = await httpInstance(t, (incoming, response) => {
    if (incoming.url === '/304') response.writeHead(304, { 'Content-Length': '10', ETag: '"x"' }).end();
    else if (incoming.url === '/204') response.writeHead(204).end();
    else response.writeHead(200, { 'Content-Length': '10' }).end('0123456789');
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port);
  client.head('HEAD / HTTP/1.1', 'Host: x').head('GET /304 HTTP/1.1', 'Host: x').head('GET /204 HTTP/1.1', 'Host: x');
  client.head('GET / HTTP/1.1', 'Host: x', 'Connection: close');
  await eventually('all answers', () => client.ended);
  const answers = client.received.split('HTTP/1.1 ').slice(1);
  assert.deepEqual(
    answers.map(answer => answer.slice(0, 3)),
    ['200', '304', '204', '200'],
  );
  assert.match(answers[0] ?? '', /Content-Length: 10\r\n[\s\S]*\r\n\r\n$/);
  assert.match(answers[1] ?? '', /Content-Length: 10\r\n[\s\S]*\r\n\r\n$/);
  assert.doesNotMatch(answers[2] ?? '', /Content-Length|Transfer-Encoding/i);
  assert.match(answers[3] ?? '', /\r\n\r\n0123456789$/);
});

test('a Trailer field where there can be no trailers is left out', async t => {
  const port = await rawInstance(t, socket =>
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\nok')),
  );
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const { status, headers, body } = await ask(router.port);
  assert.deepEqual([status, headers.trailer, body], [200, undefined, 'ok']);
});

test('trailers pass in both directions', async t => {
  const port = await httpInstance(t, (incoming, response) => {
    incoming.resume();
    incoming.on('end', () => {
      response.writeHead(200, { Trailer: 'X-Sum' });
      response.write('body');
      response.addTrailers({ 'X-Sum': `${incoming.trailers['x-check']}` });
      response.end();
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port);
  client.head('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked', 'Trailer: X-Check', 'Connection: close');
  client.send('3', 'abc', '0', 'X-Check: 42', '', '');
  await eventually('the answer', () => client.ended);
  assert.match(client.received, /0\r\nX-Sum: 42\r\n\r\n$/);
});

test('103 Early Hints is passed on, 100 Continue is the instance’s to say', async t => {
  const port = await httpInstance(t, (incoming, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' });
    incoming.resume();
    incoming.on('end', () => response.end(`expect: ${incoming.headers.expect}`));
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port);
  client.head('POST / HTTP/1.1', 'Host: x', 'Expect: 100-continue', 'Content-Length: 3', 'Connection: close');
  await eventually('100', () => client.received.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
  client.send('abc');
  await eventually('the answer', () => client.ended);
  assert.match(client.received, /HTTP\/1.1 103 Early Hints\r\nLink: <\/a.css>; rel=preload\r\n/);
  assert.match(client.received, /expect: 100-continue/, 'the instance decides');
});

test('a client that waits for 100 gets the refusal instead, and no other request can hide in its body', async t => {
  const router = await TestForwarder.create(t, [anyRoute('a')]);
  const client = new RawClient(router.port);
  client.head('POST / HTTP/1.1', 'Host: x', 'Expect: 100-continue', 'Content-Length: 30');
  await eventually('the answer', () => client.ended);
  assert.equal(client.status, 503);
  assert.equal(client.received.split('HTTP/1.1').length, 2);
});

test('an answer that comes before the body is through reaches the client', async t => {
  const port = await rawInstance(t, socket => {
    socket.once('data', () => socket.write('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig'));
    socket.resume();
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })], { discardTimeout: 300 });
  const client = new RawClient(router.port);
  client.head('POST / HTTP/1.1', 'Host: x', 'Content-Length: 10000000').send('x'.repeat(1000));
  await eventually('the answer', () => client.received.endsWith('big'));
  client.send('x'.repeat(1000));
  await eventually('a client that never ends is cut off', () => client.ended);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('neither side outruns the other: memory stays bounded', async t => {
  let sent = 0;
  const port = await rawInstance(t, socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      socket.on('drain', more);
      more();
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port);
  client.socket.pause();
  client.head('GET / HTTP/1.1', 'Host: x');
  let before = -1;
  await eventually('the instance is held back', async () => {
    if (sent > 0 && sent === before) return true;
    before = sent;
    await sleep(200);
    return false;
  });
  assert.ok(sent < 50_000_000, `${sent} bytes were taken from the instance for a client that reads none`);
  client.socket.destroy();
});

test('requests that come in one packet are answered in order', async t => {
  const port = await httpInstance(t, (incoming, response) => {
    setTimeout(() => response.end(`<${incoming.url}>`), incoming.url === '/1' ? 50 : 0);
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port);
  client.send('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await eventually('both', () => client.ended);
  assert.match(client.received, /<\/1>[\s\S]*<\/2>/);
});

test('an endpoint that leaves the table finishes what it has, and its kept connections are closed', async t => {
  let finish = () => {};
  let closed = 0;
  const port = await httpInstance(t, (incoming, response) => {
    incoming.socket.once('close', () => {
      closed += 1;
    });
    if (incoming.url === '/slow') finish = () => response.end('slow');
    else response.end('fast');
  });
  const other = await httpInstance(t, echo('other'));
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'old', port })], { poolIdle: 60_000 });
  const slow = ask(router.port, { path: '/slow' });
  await eventually('it is in flight', () => router.stats().services['a']?.inFlight === 1);
  await ask(router.port);
  router.apply([anyRoute('a', { id: 'new', port: other })]);
  await eventually('the idle connection is closed', () => closed === 1);
  assert.deepEqual([...router.balancer.leaving()], [['old', 1]]);
  assert.equal(JSON.parse((await ask(router.port)).body).name, 'other');
  finish();
  assert.equal((await slow).body, 'slow');
  await eventually('it is vacated', () => router.balancer.leaving().size === 0);
  await eventually('its connection is closed too', () => closed === 2);
});

test('retiring: answers close their connections, then idle ones are closed, then it is done', async t => {
  const port = await httpInstance(t, echo('a'));
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const busy = new RawClient(router.port).head('GET /1 HTTP/1.1', 'Host: x');
  const idle = new RawClient(router.port).head('GET /2 HTTP/1.1', 'Host: x');
  await eventually('both are answered', () => busy.status === 200 && idle.status === 200);
  const retired = router.forwarder.retire(300);
  busy.received = '';
  busy.head('GET /3 HTTP/1.1', 'Host: x');
  await eventually('the busy one is closed after its answer', () => busy.ended);
  assert.match(busy.received, /Connection: close/i);
  assert.equal(idle.ended, false);
  busy.socket.destroy();
  await eventually('the idle one is closed', () => idle.ended);
  idle.socket.destroy();
  await retired;
  assert.equal(router.forwarder.connections(), 0);
});
