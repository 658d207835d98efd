/** Instances that misbehave: what a client sees of it, and that the next request is none the worse for it. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import test from 'node:test';
import { eventually } from '../helpers/eventually.ts';
import { RawClient, rawInstance, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';

const get = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const good = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('a reset after each octet of a head: 502, and the next request is answered', async t => {
  let octets = 0;
  let isGood = false;
  const port = await rawInstance(t, socket => {
    socket.on('data', () => {
      if (isGood) socket.write(good);
      else socket.write(good.slice(0, octets), () => setTimeout(() => socket.resetAndDestroy(), 2));
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port);
  for (octets = 0; octets < good.indexOf('\r\n\r\n') + 4; octets++) {
    client.received = '';
    client.send(get);
    await eventually('the answer', () => client.received.endsWith('}\n'));
    assert.equal(client.status, 502, `after ${octets} octets`);
  }
  isGood = true;
  client.received = '';
  client.send(get);
  await eventually('the answer', () => client.received.endsWith('ok'));
  client.socket.destroy();
});

const cutShort: Readonly<Record<string, string>> = {
  'in a body with a length': 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc',
  'in a chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc',
  'before the last chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
  'in the trailers': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: 1\r\n',
  'by chunks that are none': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n',
};

for (const [where, response] of Object.entries(cutShort)) {
  test(`a response that breaks off ${where} has no end for the client either`, async t => {
    const head = response.slice(0, response.indexOf('\r\n\r\n') + 4);
    const port = await rawInstance(t, socket => {
      socket.on('data', () => {
        socket.write(head);
        setTimeout(() => socket.end(response.slice(head.length)), 20);
      });
    });
    const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
    const client = new RawClient(router.port).send(get);
    await eventually('the end', () => client.ended);
    const body = client.received.slice(client.received.indexOf('\r\n\r\n') + 4);
    assert.ok(body.length < 5 || !body.endsWith('0\r\n\r\n'), body);
    assert.equal(client.received.split('HTTP/1.1').length, 2, 'no second response follows');
    await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
    client.socket.destroy();
  });
}

test('a response without a length that is reset is not taken for whole', async t => {
  for (const version of ['1.0', '1.1']) {
    const port = await rawInstance(t, socket => {
      socket.on('data', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\nabc');
        setTimeout(() => socket.resetAndDestroy(), 30);
      });
    });
    const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
    const client = new RawClient(router.port);
    let error: Error | undefined;
    client.socket.on('error', caught => {
      error = caught;
    });
    client.send(`GET / HTTP/${version}\r\nHost: x\r\n\r\n`);
    await eventually('the end', () => client.ended);
    if (version === '1.0') assert.match(String(error), /ECONNRESET/);
    else assert.doesNotMatch(client.received, /0\r\n\r\n$/);
  }
});

test('octets that nobody asked for are no answer to the next request', async t => {
  let connections = 0;
  const port = await rawInstance(t, socket => {
    connections += 1;
    socket.on('data', () => socket.write(`${good}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong`));
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port);
  for (let round = 1; round <= 3; round++) {
    client.send(get);
    await eventually('the answer', () => client.received.split('\r\n\r\nok').length === round + 1);
  }
  assert.doesNotMatch(client.received, /wrong/);
  assert.equal(connections, 3);
  client.socket.destroy();
});

test('an answer before the request is over, then more of the request: the connection goes on', async t => {
  let seen = '';
  const port = await rawInstance(t, socket => {
    socket.setEncoding('latin1');
    socket.on('data', chunk => {
      seen += `${chunk}\n`;
      if (chunk.includes('HTTP/1.1')) socket.write(good);
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port).send('POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nGET /in');
  await eventually('the answer', () => client.received.endsWith('ok'));
  client.send(`${'x'.repeat(43)}GET /2 HTTP/1.1\r\nHost: x\r\n\r\n`);
  await eventually('the second', () => client.received.split('\r\n\r\nok').length === 3);
  assert.deepEqual(seen.match(/^\w+ \S+ HTTP\/1.1/gm), ['POST /1 HTTP/1.1', 'GET /2 HTTP/1.1']);
  client.socket.destroy();
});

test('both bodies at the same time: neither waits for the other', async t => {
  const port = await rawInstance(t, socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      socket.on('data', chunk => socket.write(chunk));
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const client = new RawClient(router.port).head('POST / HTTP/1.1', 'Host: x', 'Transfer-Encoding: chunked');
  for (let round = 0; round < 3; round++) {
    await eventually(
      'the head or the echo',
      () => client.status === 200 && client.received.split('abc').length === round + 1,
    );
    client.send('3\r\nabc\r\n');
  }
  client.send('0\r\n\r\n');
  await eventually('the end', () => client.received.endsWith('0\r\n\r\n'));
  client.socket.destroy();
});

test('a client that only stops sending is answered; one that is gone takes its request along', async t => {
  let sockets: Socket[] = [];
  const port = await rawInstance(t, socket => {
    sockets.push(socket);
    socket.resume();
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const half = new RawClient(router.port).send(get);
  half.socket.end();
  await eventually('the request', () => sockets.length === 1);
  sockets[0]?.write(good);
  await eventually('the answer', () => half.received.endsWith('ok') && half.ended);
  sockets = [];
  const gone = new RawClient(router.port).send(get);
  await eventually('the request', () => router.stats().services['a']?.inFlight === 1);
  gone.socket.destroy();
  await eventually('nothing in flight', () => router.stats().services['a']?.inFlight === 0);
});

test('many requests on few connections: none is lost, and nothing is left', async t => {
  const port = await rawInstance(t, socket => {
    socket.on('data', chunk => socket.write(good.repeat(String(chunk).split('GET /').length - 1)));
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const rounds = 200;
  const pipelined = 50;
  const client = new RawClient(router.port);
  for (let round = 0; round < rounds; round++) {
    client.received = '';
    client.send(get.repeat(pipelined));
    await eventually('all answers', () => client.received.split('\r\n\r\nok').length === pipelined + 1);
  }
  assert.deepEqual(router.stats().services['a']?.responses, { '2xx': rounds * pipelined });
  assert.equal(router.stats().services['a']?.inFlight, 0);
  client.socket.destroy();
  await eventually('no connection is left', () => router.forwarder.connections() === 0);
});
