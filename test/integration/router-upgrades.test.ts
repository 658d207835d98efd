import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../helpers/eventually.ts';
import { deadPort, httpInstance, RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

const upgradeHead = ['GET /chat HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: chat'];

/** Sends back what it gets. @returns its port */
async function webSocketInstance(t: TestContext): Promise<number> {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    socket.send(JSON.stringify(request.headers));
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('a WebSocket passes, is in flight as long as it is open, and is tried on another instance when one refuses', async t => {
  const port = await webSocketInstance(t);
  const router = await TestForwarder.create(t, [
    anyRoute('a', { id: 'dead', port: await deadPort() }, { id: 'a', port }),
  ]);
  const socket = new WebSocket(`ws://127.0.0.1:${router.port}/chat`);
  const [hello] = await once(socket, 'message');
  assert.equal(JSON.parse(String(hello))['x-forwarded-for'], '127.0.0.1');
  socket.send('ping');
  assert.equal(String((await once(socket, 'message'))[0]), 'ping');
  const large = Buffer.alloc(5_000_000, 7);
  socket.send(large);
  assert.deepEqual((await once(socket, 'message'))[0], large);
  assert.equal(router.stats().services['a']?.inFlight, 1);
  assert.deepEqual(router.stats().services['a']?.responses, { '1xx': 1 });
  router.apply([anyRoute('a')]);
  assert.deepEqual([...router.balancer.leaving()], [['a', 1]]);
  socket.close();
  await eventually('it is not in flight any more', () => router.stats().services['a']?.inFlight === 0);
  assert.equal(router.balancer.leaving().size, 0);
});

test('an upgrade that the instance refuses is answered as any request', async t => {
  const port = await httpInstance(t, (_request, response) => {
    response.writeHead(403, { 'X-Why': 'no' }).end('x'.repeat(2_000_000));
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port).head(...upgradeHead);
  await eventually('the whole answer', () => client.ended);
  assert.equal(client.status, 403);
  assert.match(client.received, /X-Why: no\r\n/);
  assert.match(client.received, /Connection: close\r\n/);
  assert.equal(client.received.replace(/[^x]/g, '').length >= 2_000_000, true);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('no instance for an upgrade: 503, and the connection ends', async t => {
  const router = await TestForwarder.create(t, [anyRoute('a')]);
  const client = new RawClient(router.port).head(...upgradeHead);
  await eventually('the answer', () => client.ended);
  assert.equal(client.status, 503);
  await eventually('no connection is left', () => router.forwarder.connections() === 0);
});

for (const [how, leave] of [
  ['resets', (client: RawClient) => client.socket.resetAndDestroy()],
  ['ends', (client: RawClient) => client.socket.end()],
] as const) {
  test(`a client that ${how} while its upgrade is pending takes the request along`, async t => {
    let gone = false;
    let arrived = false;
    const port = await rawInstance(t, socket => {
      arrived = true;
      socket.resume();
      socket.on('close', () => {
        gone = true;
      });
      socket.on('end', () => socket.end());
    });
    const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
    const client = new RawClient(router.port).head(...upgradeHead);
    await eventually('the request arrived', () => arrived);
    await eventually('it is in flight', () => router.stats().services['a']?.inFlight === 1);
    leave(client);
    await eventually('the instance hears of it', () => gone);
    await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
    assert.equal(router.forwarder.connections(), 0);
  });
}

test('what is sent too early, and with the head, arrives; either side can end first', async t => {
  const port = await rawInstance(t, socket => {
    socket.once('data', async () => {
      await sleep(50);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nwelcome ');
      socket.on('data', chunk => socket.write(`<${chunk}>`));
      socket.on('end', () => socket.end('bye'));
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port).head(...upgradeHead).send('early');
  await eventually('the echo', () => client.received.endsWith('welcome <early>'));
  assert.match(client.received, /^HTTP\/1.1 101 Switching Protocols\r\n/);
  assert.match(client.received, /Upgrade: chat\r\n/);
  client.socket.end();
  await eventually(
    'what the instance says after the client ended',
    () => client.received.endsWith('bye') && client.ended,
  );
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('an instance that dies takes the upgraded connection along', async t => {
  const port = await rawInstance(t, socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
      setTimeout(() => socket.resetAndDestroy(), 50);
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port).head(...upgradeHead);
  await eventually('the end', () => client.ended);
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('a slow reader holds the instance back', async t => {
  let sent = 0;
  const port = await rawInstance(t, socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) sent += 65_536;
      };
      socket.on('drain', more);
      more();
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port).head(...upgradeHead);
  client.socket.pause();
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

for (const [what, fields, body] of [
  ['to HTTP/2', ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA', 'Content-Length: 4'], 'body'],
  ['with a body', ['Upgrade: chat', 'Transfer-Encoding: chunked'], '4\r\nbody\r\n0\r\n\r\n'],
] as const) {
  test(`the wish for an upgrade ${what} is ignored, and the request served`, async t => {
    const port = await httpInstance(t, (request, response) => {
      let text = '';
      request.on('data', chunk => {
        text += chunk;
      });
      request.on('end', () => response.end(`<${request.headers.upgrade} ${request.url} ${text}>`));
    });
    const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
    const client = new RawClient(router.port);
    client.head('POST /1 HTTP/1.1', 'Host: x', 'Connection: Upgrade, HTTP2-Settings', ...fields).send(body);
    await eventually('the answer', () => client.received.includes('<undefined /1 body>'));
    client.head('GET /2 HTTP/1.1', 'Host: x', 'Connection: close');
    await eventually('the next one', () => client.ended);
    assert.match(client.received, /<undefined \/2 >/);
  });
}
