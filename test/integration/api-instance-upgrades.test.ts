/** WebSockets and other upgrades to one instance, on the API's socket and on the port that `slipway proxy` opens. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../helpers/eventually.ts';
import { base, codeOf, httpInstance, noneOpen, rawInstance, upgrading } from '../helpers/instance-proxy.ts';
import { rawExchange } from '../helpers/raw-request.ts';

test('a WebSocket goes through, both ways and in full', async t => {
  const { socketPath, server, errors, openPort } = await httpInstance(t, (_, response) => void response.end());
  const { port } = await openPort();
  const sockets = new WebSocketServer({ server });
  const paths: (string | undefined)[] = [];
  sockets.on('connection', (socket, message) => {
    paths.push(message.url);
    socket.send('hello');
    socket.on('message', data => socket.send(data));
  });
  for (const url of [`ws+unix:${socketPath}:${base}//chat?room=1`, `ws://localhost:${port}//chat?room=1`]) {
    const client = new WebSocket(url);
    const [hello] = await once(client, 'message');
    assert.equal(String(hello), 'hello');
    const big = Buffer.alloc(8e6, 'slipway');
    client.send(big);
    const [echo] = await once(client, 'message');
    assert.ok(big.equals(echo as Buffer));
    client.close(1000, 'enough');
    const [code, reason] = await once(client, 'close');
    assert.deepEqual([code, String(reason), paths.pop()], [1000, 'enough', '//chat?room=1']);
  }
  await eventually('the instance’s end to be closed', () => sockets.clients.size === 0);
  assert.deepEqual(errors, []);
});

test('any protocol can be switched to, with what was sent before the answer', async t => {
  const { connect, instance } = await rawInstance(t, wire => {
    return wire.until(/\r\n\r\n/).then(() => {
      wire
        .head('HTTP/1.1 101 Go', 'Connection: upgrade, x-hop', 'Upgrade: chat', 'X-Hop: 1', 'X-More: 2')
        .send('early;');
      wire.socket.on('data', data => wire.socket.write(`<${data}>`));
    });
  });
  const client = await connect();
  client.head(`POST ${base}/talk HTTP/1.1`, ...upgrading, 'Upgrade-Insecure-Requests: 1');
  await client.until(/early;/);
  assert.match(
    client.received,
    /^HTTP\/1\.1 101 [^\r]*\r\nconnection: Upgrade\r\nupgrade: chat\r\nx-more: 2\r\n\r\nearly;$/,
  );
  assert.match(instance.received(), /^POST \/talk HTTP\/1\.1\r\n[\s\S]*connection: Upgrade\r\nupgrade: chat\r\n/);
  client.send('ping');
  await client.until(/<ping>/);
  for (const wire of [...instance.open]) wire.end('last words');
  await client.until(/last words$/);
  await client.ended();
  await noneOpen(instance);
});

test('a client that resets or leaves before the switch hurts nobody', async t => {
  const { connect, openPort, instance, client, errors, notes } = await rawInstance(t);
  const port = await openPort();
  const ways: readonly (readonly [typeof connect, string, (socket: Socket) => void])[] = [
    [connect, base, socket => socket.destroy()],
    [connect, base, socket => socket.end()],
    [port.connect, '/', socket => socket.destroy()],
    [port.connect, '/', socket => socket.end()],
    [port.connect, '/', socket => socket.resetAndDestroy()],
  ];
  for (const [open, path, leave] of ways) {
    const leaving = await open();
    leaving.head(`GET ${path} HTTP/1.1`, ...upgrading);
    await eventually('the instance to be asked', () => instance.open.size === 1);
    leave(leaving.socket);
    await noneOpen(instance);
  }
  // One that comes at once is there before anything was looked up.
  for (let count = 0; count < 20; count += 1) {
    const { socket } = await port.connect();
    socket.write(`GET / HTTP/1.1\r\n${upgrading.join('\r\n')}\r\n\r\n`, () => socket.resetAndDestroy());
  }
  await noneOpen(instance);
  assert.equal((await client.call('GET /v1/host', {})).pid, process.pid);
  assert.deepEqual([errors, notes], [[], []]);
});

test('each end of a tunnel goes with the other', async t => {
  const { connect, openPort, instance, client } = await rawInstance(t, wire => {
    wire.head('HTTP/1.1 101 Go', 'Connection: upgrade', 'Upgrade: chat');
  });
  const port = await openPort();
  for (const leave of ['destroy', 'resetAndDestroy'] as const) {
    const leaving = await port.connect();
    await leaving.head('GET / HTTP/1.1', ...upgrading).until(/101/);
    leaving.socket[leave]();
    await noneOpen(instance);

    for (const [open, path] of [
      [connect, base],
      [port.connect, '/'],
    ] as const) {
      const left = await open();
      await left.head(`GET ${path} HTTP/1.1`, ...upgrading).until(/101/);
      for (const socket of instance.open) socket[leave]();
      await left.ended();
      // Half of a connection that leads nowhere is not kept.
      await eventually('the rest of it to be closed', () => left.send('?').socket.destroyed);
    }
  }
  assert.equal((await client.call('GET /v1/host', {})).pid, process.pid);
});

test('an upgrade that the instance refuses is answered in its words', async t => {
  const { connect } = await httpInstance(t, (_, response) => {
    response.writeHead(403, { 'content-type': 'text/plain' });
    response.write('not ');
    response.end('you');
  });
  const client = await connect();
  client.head(`GET ${base} HTTP/1.1`, ...upgrading);
  await client.ended();
  assert.match(
    client.received,
    /^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*\r\nTransfer-Encoding: chunked\r\n[\s\S]*4\r\nnot \r\n3\r\nyou\r\n0\r\n\r\n$/,
  );
});

test('an upgrade elsewhere is no upgrade, and with a body it is none at all', async t => {
  const { socketPath, connect, client } = await rawInstance(t);
  const upgrade = (line: string, ...more: readonly string[]) =>
    rawExchange(socketPath, `${[line, ...upgrading, ...more].join('\r\n')}\r\n\r\n`);
  const host = await upgrade('GET /v1/host HTTP/1.1');
  assert.deepEqual([host.status, JSON.parse(host.body).pid], [200, process.pid]);
  assert.deepEqual(codeOf(await upgrade('GET /v1/nothing HTTP/1.1')), [404, 'SLIP_NOT_FOUND']);
  for (const length of ['Content-Length: 2', 'Transfer-Encoding: chunked']) {
    assert.deepEqual(codeOf(await upgrade(`POST ${base} HTTP/1.1`, length)), [400, 'SLIP_REQUEST_INVALID']);
    assert.deepEqual(codeOf(await upgrade('POST /v1/down HTTP/1.1', length)), [400, 'SLIP_REQUEST_INVALID']);
  }
  const pipelined = await connect();
  pipelined.head(`GET ${base} HTTP/1.1`, 'Host: x').head(`GET ${base} HTTP/1.1`, ...upgrading);
  await pipelined.ended();
  assert.equal((await client.call('GET /v1/host', {})).pid, process.pid);
});

test('an API that closes ends what goes through it', async t => {
  const { connect, instance, api } = await rawInstance(t, wire => {
    return wire.until(/\r\n\r\n/).then(([head]) => {
      if (wire.received.includes('upgrade')) wire.head('HTTP/1.1 101 Go', 'Connection: upgrade', 'Upgrade: chat');
      else wire.send(head);
    });
  });
  const tunnel = await connect();
  await tunnel.head(`GET ${base} HTTP/1.1`, ...upgrading).until(/101/);
  const waiting = await connect();
  waiting.head(`GET ${base} HTTP/1.1`, 'Host: x');
  await eventually('both to be there', () => instance.open.size === 2);
  await api.close();
  await Promise.all([tunnel.ended(), waiting.ended(), noneOpen(instance)]);
});
