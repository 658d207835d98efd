import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { defaultTraffic } from '../../src/domain/traffic-spec.ts';
import type { ForwardLimits } from '../../src/router/plane/forwarder.ts';
import type { RoutedService } from '../../src/router-link/protocol.ts';
import { eventually } from '../helpers/eventually.ts';
import { deadPort, RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { portOf } from '../helpers/router.ts';

const address = '127.0.0.1:0';

function database(...ports: readonly number[]): RoutedService {
  const endpoints = ports.map((port, index) => ({ id: `db/${index}@1`, index, host: '127.0.0.1', port }));
  return { name: 'db', routes: [], tcp: [address], endpoints };
}

/** A router that passes connections on to the instances at these ports, or does as the services say. */
async function passing(t: TestContext, services: readonly RoutedService[], limits: Partial<ForwardLimits> = {}) {
  const router = await TestForwarder.create(t, services, limits);
  const listener = await router.forwarder.listen(`tcp://${address}`, { host: '127.0.0.1', port: 0 });
  t.after(() => listener.close());
  const counts = () => router.stats().services['db']?.connections;
  return { router, port: portOf(listener.bound), counts };
}

function client(t: TestContext, port: number): RawClient {
  const made = new RawClient(port);
  t.after(() => made.socket.destroy());
  return made;
}

/** How a connection ended. */
async function endOf(socket: Socket): Promise<string> {
  let error = 'closed';
  socket.on('error', (one: NodeJS.ErrnoException) => {
    error = one.code ?? one.message;
  });
  socket.resume();
  if (!socket.closed) await once(socket, 'close').catch(() => {});
  return error;
}

test('octets go both ways, whoever speaks first, and are counted', async t => {
  const instance = await rawInstance(t, socket => {
    socket.write('hello\0\xff', 'latin1');
    socket.on('data', data => socket.write(data));
    socket.on('end', () => socket.end('bye'));
  });
  const { router, port, counts } = await passing(t, [database(instance)]);
  const one = client(t, port);
  await eventually('the greeting', () => one.received === 'hello\0\xff');
  one.send('\x00\x01\r\n');
  await eventually('the echo', () => one.received.endsWith('\x00\x01\r\n'));
  assert.deepEqual(counts(), { open: 1, opened: 1, refused: 0, received: 4, sent: 11 });
  assert.equal(router.forwarder.connections(), 1);
  one.socket.end();
  await eventually('what is said after the client ended', () => one.received.endsWith('bye') && one.ended);
  await eventually('nothing to be open', () => counts()?.open === 0 && router.forwarder.connections() === 0);
  assert.deepEqual(counts(), { open: 0, opened: 1, refused: 0, received: 4, sent: 14 });
});

test('an instance that has ended still hears the client', async t => {
  let heard = '';
  const instance = await rawInstance(t, socket => {
    socket.end('last word');
    socket.setEncoding('latin1').on('data', data => {
      heard += data;
    });
  });
  const { port, counts } = await passing(t, [database(instance)]);
  const one = client(t, port);
  await eventually('the instance to end', () => one.ended);
  assert.equal(one.received, 'last word');
  one.send('and one more');
  await eventually('it to be heard', () => heard === 'and one more');
  one.socket.end();
  await eventually('nothing to be open', () => counts()?.open === 0);
});

test('connections are spread over the instances, and the next one is tried where one refuses', async t => {
  const names = ['a', 'b'];
  const ports = await Promise.all(names.map(name => rawInstance(t, socket => socket.end(name))));
  const { router, port, counts } = await passing(t, [database(ports[0] ?? 0, await deadPort(), ports[1] ?? 0)]);
  const answers: string[] = [];
  for (let count = 0; count < 4; count++) {
    const one = client(t, port);
    await eventually('an answer', () => one.ended);
    one.socket.end();
    answers.push(one.received);
  }
  assert.deepEqual(answers.toSorted(), ['a', 'a', 'b', 'b']);
  assert.equal(counts()?.refused, 0);
  assert.ok(router.logged.some(({ service, endpoint }) => service === 'db' && endpoint === 'db/1@1'));
});

test('where no instance accepts, or there is none, the client gets a reset, and it is counted', async t => {
  const { router, port, counts } = await passing(t, [database(await deadPort(), await deadPort())]);
  assert.equal(await endOf(connect(port, '127.0.0.1')), 'ECONNRESET');
  router.apply([database()]);
  assert.equal(await endOf(connect(port, '127.0.0.1')), 'ECONNRESET');
  await eventually('nothing to be open', () => router.forwarder.connections() === 0);
  assert.deepEqual(counts(), { open: 0, opened: 2, refused: 2, received: 0, sent: 0 });
  router.apply([]);
  assert.equal(await endOf(connect(port, '127.0.0.1')), 'ECONNRESET');
  assert.deepEqual(router.stats().rejected, { 'tcp-unrouted': 1 });
});

test('a reset is passed on, in both directions', async t => {
  const accepted: Socket[] = [];
  const instance = await rawInstance(t, socket => void accepted.push(socket));
  const { port, counts } = await passing(t, [database(instance)]);
  const one = client(t, port);
  await eventually('the connection', () => accepted.length === 1);
  const gone = endOf(accepted[0] as Socket);
  one.socket.resetAndDestroy();
  assert.equal(await gone, 'ECONNRESET');

  const other = client(t, port);
  await eventually('the connection', () => accepted.length === 2);
  const cut = endOf(other.socket);
  accepted[1]?.resetAndDestroy();
  assert.equal(await cut, 'ECONNRESET');
  await eventually('nothing to be open', () => counts()?.open === 0);
});

for (const [from, to] of [
  ['client', 'instance'],
  ['instance', 'client'],
] as const) {
  test(`the ${to}, if it doesn’t read, holds the ${from} back, and gets all in the end`, async t => {
    const accepted: Socket[] = [];
    const instance = await rawInstance(t, socket => void accepted.push(socket.pause()));
    const { router, port } = await passing(t, [database(instance)]);
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).pause();
    t.after(() => socket.destroy());
    await eventually('the connection', () => accepted.length === 1);
    const peer = accepted[0] as Socket;
    const [sender, reader] = from === 'client' ? [socket, peer] : [peer, socket];
    const piece = Buffer.alloc(1024 * 1024, 'x');
    let written = 0;
    const write = () => {
      written += piece.length;
      if (written < 64 * piece.length) sender.write(piece, write);
      else sender.end(piece);
    };
    write();
    let before = -1;
    await eventually('the writing to stall', () => {
      const stalled = written === before;
      before = written;
      return stalled;
    });
    assert.ok(written < 64 * piece.length, 'it is held back');
    let received = 0;
    reader.on('data', data => {
      received += data.length;
    });
    reader.resume();
    await once(reader, 'end');
    assert.equal(received, written);
    reader.end();
    await eventually('nothing to be open', () => router.forwarder.connections() === 0);
  });
}

test('a drain waits for what is passed on, and ends with it', async t => {
  const accepted: Socket[] = [];
  const instance = await rawInstance(t, socket => {
    accepted.push(socket.resume().on('end', () => socket.end()));
  });
  const { router, port } = await passing(t, [database(instance)]);
  const one = client(t, port);
  await eventually('the connection', () => accepted.length === 1);
  router.apply([database()]);
  assert.deepEqual([...router.balancer.leaving()], [['db/0@1', 1]]);
  one.socket.end();
  await eventually('the drain', () => router.balancer.leaving().size === 0);
});

test('what goes on when its instance is to stop is ended after the grace, and what was sent still arrives', async t => {
  const accepted: Socket[] = [];
  const instance = await rawInstance(t, socket => void accepted.push(socket.resume()));
  const service = { ...database(instance), traffic: { ...defaultTraffic, upgradeGrace: 300 } };
  const { router, port } = await passing(t, [service]);
  const one = client(t, port);
  await eventually('the connection', () => accepted.length === 1);
  router.apply([{ ...service, endpoints: [] }]);
  accepted[0]?.write('last words');
  await eventually('the end', () => one.ended);
  assert.equal(one.received, 'last words');
  await eventually('the drain', () => router.balancer.leaving().size === 0);
});

test('who finds all instances busy waits for one, for so long, and not too many', async t => {
  const instance = await rawInstance(t, socket => {
    socket.write('hi');
    socket.on('data', () => {}).on('end', () => socket.end());
  });
  const traffic = { ...defaultTraffic, maxConnections: 1, queue: { size: 1, timeout: 60_000 } };
  const { router, port, counts } = await passing(t, [{ ...database(instance), traffic }]);
  const first = client(t, port);
  await eventually('the first', () => first.received === 'hi');
  const second = client(t, port);
  await eventually('the second to wait', () => counts()?.open === 2);
  assert.equal(await endOf(connect(port, '127.0.0.1')), 'ECONNRESET');
  assert.equal(second.received, '');
  first.socket.end();
  await eventually('the second', () => second.received === 'hi');
  router.apply([{ ...database(instance), traffic: { ...traffic, queue: { size: 1, timeout: 100 } } }]);
  assert.equal(await endOf(connect(port, '127.0.0.1')), 'ECONNRESET');
  assert.equal(counts()?.refused, 2);
});

test('one caller comes to the same instance where that is asked for', async t => {
  const names = ['a', 'b', 'c'];
  const ports = await Promise.all(names.map(name => rawInstance(t, socket => socket.end(name))));
  const traffic = { ...defaultTraffic, balance: { policy: 'hash', by: { kind: 'source' } } } as const;
  const { port } = await passing(t, [{ ...database(...ports), traffic }]);
  const answers = new Set<string>();
  for (let count = 0; count < 6; count++) {
    const one = client(t, port);
    await eventually('an answer', () => one.ended);
    one.socket.end();
    answers.add(one.received);
  }
  assert.equal(answers.size, 1);
});

test('a client that goes while an instance is being connected leaves nothing behind', async t => {
  const instance = await rawInstance(t, socket => void socket.resume().on('end', () => socket.end()));
  const { router, port, counts } = await passing(t, [database(instance)]);
  for (let count = 0; count < 20; count++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    socket.resetAndDestroy();
  }
  const last = client(t, port);
  await eventually('the last one to be passed on', () => (counts()?.open ?? 0) > 0);
  last.socket.destroy();
  await eventually('nothing to be open', () => counts()?.open === 0 && router.forwarder.connections() === 0);
  router.apply([]);
  await eventually('nothing to be in flight', () => router.balancer.leaving().size === 0);
});

test('once one side has ended, the other may be silent only for so long', async t => {
  const accepted: Socket[] = [];
  const instance = await rawInstance(t, socket => void accepted.push(socket));
  const { port, counts } = await passing(t, [database(instance)], { idleTimeout: 200 });
  const silent = client(t, port);
  const halfClosed = client(t, port);
  await eventually('the connections', () => accepted.length === 2);
  const cut = endOf(halfClosed.socket);
  halfClosed.socket.end();
  assert.equal(await cut, 'ECONNRESET');
  await eventually('only the one that has not ended to be open', () => counts()?.open === 1);
  assert.equal(silent.ended, false);
});
