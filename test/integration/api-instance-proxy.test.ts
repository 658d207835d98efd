/** What is known to go wrong in proxies, between raw clients on the API's socket and instances that the test scripts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { startApi } from '../helpers/api-fixture.ts';
import { eventually } from '../helpers/eventually.ts';
import { deadPort } from '../helpers/forwarder.ts';
import { asked, base, codeOf, httpInstance, noneOpen, rawInstance, upgrading } from '../helpers/instance-proxy.ts';
import { rawExchange, rawRequest } from '../helpers/raw-request.ts';
import { tcpServer } from '../helpers/tcp-server.ts';
import { Wire } from '../helpers/wire.ts';

// Deprecated, and what the library would call: in this whole file nobody does.
const util: { _extend: unknown } = createRequire(import.meta.url)('node:util');
const deprecated = () => assert.fail('util._extend is called');
util._extend = deprecated;

async function bodyOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message.setEncoding('latin1')) text += chunk;
  return text;
}

test('method, path, query and body reach that one instance as they were sent', async t => {
  const seen: unknown[] = [];
  const { socketPath } = await httpInstance(t, async (message, response) => {
    seen.push([message.method, message.url, await bodyOf(message)]);
    response
      .writeHead(207, 'Of a kind', { 'X-Answer': 'mine', 'Set-Cookie': ['a=1', 'b=2'], 'Content-Length': 4 })
      .end('done');
  });
  const targets = ['', '/', '/a//b/../c/%2e%2e%2F?x=//y&x=2', '?q', '/v1/down', '/http://x//y', "/\\'[]|{}^`"];
  for (const target of targets) {
    const answer = await rawRequest(socketPath, 'PATCH', base + target, { bytes: 'some body' });
    assert.deepEqual([answer.status, answer.body, answer.headers['x-answer']], [207, 'done', 'mine'], target);
    assert.deepEqual(seen.pop(), ['PATCH', target.startsWith('/') ? target : `/${target}`, 'some body']);
  }
  for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PURGE']) {
    const answer = await rawRequest(socketPath, method, `http://slipway${base}/x`);
    assert.deepEqual([answer.status, answer.body], [207, method === 'HEAD' ? '' : 'done'], method);
    assert.deepEqual(seen.pop(), [method, '/x', '']);
  }
  const raw = await Wire.connect({ path: socketPath });
  raw.head(`GET ${base} HTTP/1.1`, 'host: x', 'connection: close');
  await raw.ended();
  assert.match(raw.received, /^HTTP\/1\.1 207 Of a kind\r\n/);
  assert.match(raw.received, /Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
  raw.socket.destroy();
});

test('fields of one connection end there, and the instance is told the truth about the origin', async t => {
  const { connect, instance } = await rawInstance(t, wire => {
    return wire.until(/\r\n\r\n/).then(() => {
      wire.head(
        'HTTP/1.1 200 OK',
        'Connection: x-secret, content-length',
        'X-Secret: 1',
        'Keep-Alive: 3',
        'X-Kept: 2',
        'Content-Length: 2',
      );
      wire.send('ok');
    });
  });
  const client = await connect();
  client.head(
    `GET ${base} HTTP/1.1`,
    'Host: shop.example:1',
    'Connection: close, X-Mine, host',
    'X-Mine: 1',
    'X-Other: 2',
    'Keep-Alive: 5',
    'Proxy-Authorization: basic x',
    'TE: trailers',
    'X-Forwarded-For: 6.6.6.6',
    'X_Forwarded_Host: evil.example',
    'X-Real-IP: 6.6.6.6',
    'Forwarded: for=6.6.6.6',
    'X-Slipway-Actor: me',
  );
  await client.ended();
  const lines = instance.received().split('\r\n').filter(Boolean).sort();
  assert.deepEqual(lines, [
    'Connection: close',
    'GET / HTTP/1.1',
    'host: shop.example:1',
    'x-forwarded-for: 127.0.0.1',
    'x-forwarded-host: shop.example:1',
    'x-forwarded-proto: http',
    'x-other: 2',
  ]);
  assert.doesNotMatch(client.received, /secret|keep-alive/i);
  assert.match(client.received, /X-Kept: 2\r\nContent-Length: 2\r\n[\s\S]*\r\n\r\nok$/);
});

test('no body becomes the next request, whatever the method and whatever Connection names', async t => {
  const seen: string[] = [];
  const { connect, server } = await httpInstance(t, async (message, response) => {
    seen.push(`${message.method} ${message.url} ${await bodyOf(message)}`);
    response.end('.');
  });
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
  const chunked = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
  for (const method of ['DELETE', 'OPTIONS', 'GET', 'POST', 'PATCH']) {
    for (const connection of ['close', 'close, transfer-encoding', 'close, content-length']) {
      for (const [framing, body] of [
        ['Transfer-Encoding: chunked', chunked],
        [`Content-Length: ${smuggled.length}`, smuggled],
      ] as const) {
        const client = await connect();
        client.head(`${method} ${base}/x HTTP/1.1`, 'Host: x', `Connection: ${connection}`, framing).send(body);
        await client.ended();
        assert.match(client.received, /^HTTP\/1\.1 200 /);
        assert.deepEqual(seen.splice(0), [`${method} /x ${smuggled}`]);
      }
    }
  }
  assert.equal(connections, 30);
});

test('a body in a coding that would get lost is refused', async t => {
  const { socketPath, instance } = await rawInstance(t);
  const head = `POST ${base} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`;
  assert.deepEqual(codeOf(await rawExchange(socketPath, head)), [400, 'SLIP_REQUEST_INVALID']);
  assert.equal(instance.received(), '');
});

test('bodies stream both ways, at the pace of the slower end', async t => {
  const { socketPath } = await httpInstance(t, (message, response) => void message.pipe(response));
  const sent = request({ socketPath, path: base, method: 'POST', headers: { expect: '100-continue' } });
  sent.flushHeaders();
  await once(sent, 'continue');
  sent.write('first');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  assert.equal(String((await once(response, 'data'))[0]), 'first');
  let written = 0;
  let before = -1;
  response.pause();
  await eventually('the sender to be held back', async () => {
    while (written < 1e9 && sent.write(Buffer.alloc(65_536))) written += 65_536;
    const stalled = written === before;
    before = written;
    await new Promise(resolve => setTimeout(resolve, 50));
    return stalled;
  });
  assert.ok(written < 50e6, `${written} bytes are held`);
  response.resume();
  sent.end();
  await once(response, 'end');
});

test('the head of an answer does not wait for its body', async t => {
  const { connect, instance } = await rawInstance(t, wire => {
    wire.head('HTTP/1.1 200 OK', 'Content-Type: text/event-stream');
  });
  const client = await connect();
  await client.head(`GET ${base} HTTP/1.1`, 'Host: x').until(/text\/event-stream\r\n[\s\S]*\r\n\r\n$/);
  for (const socket of instance.open) socket.end('data: 1\n\n');
  await client.until(/data: 1/);
});

test('a client that goes takes the connection to the instance along', async t => {
  const { connect, instance } = await rawInstance(t);
  const asking = await connect();
  asking.head(`GET ${base} HTTP/1.1`, 'Host: x');
  await asked(instance);
  asking.socket.destroy();
  await noneOpen(instance);

  const answering = await rawInstance(t, wire =>
    wire.head('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked').send('1\r\nx\r\n'),
  );
  const reading = await answering.connect();
  await reading.head(`GET ${base} HTTP/1.1`, 'Host: x').until(/\r\nx\r\n/);
  reading.socket.destroy();
  await noneOpen(answering.instance);
  assert.deepEqual(answering.errors, []);
});

test('an answer cut short never looks whole', async t => {
  for (const answer of [
    'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n',
  ]) {
    const { connect, instance } = await rawInstance(t, wire => {
      return wire.until(/\r\n\r\n/).then(() => wire.socket.end(answer));
    });
    const client = await connect();
    client.head(`GET ${base} HTTP/1.1`, 'Host: x');
    await client.ended();
    assert.match(client.received, /short/);
    assert.doesNotMatch(client.received, /\r\n0\r\n/);
    await noneOpen(instance);
  }
});

test('an early answer ends an upload, and the client’s connection can be used again', async t => {
  const { connect, instance } = await rawInstance(t, wire => {
    return wire.until(/begun/).then(() => wire.socket.end('HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno'));
  });
  const client = await connect();
  client.head(`POST ${base} HTTP/1.1`, 'Host: x', 'Content-Length: 1000000').send('begun');
  await client.until(/413 No[\s\S]*\r\n\r\nno/);
  await noneOpen(instance);
  client.received = '';
  client.send('.'.repeat(1_000_000 - 'begun'.length)).head('GET /v1/host HTTP/1.1', 'Host: x');
  await client.until(/^HTTP\/1\.1 200 OK/);
});

test('one that does not answer as HTTP says is a 502', async t => {
  const answers = [
    '',
    'SSH-2.0-OpenSSH_9.2\r\n',
    'HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    'HTTP/1.1 200 OK\r\nX: a\x01b\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ];
  for (const answer of answers) {
    const { socketPath, instance, errors } = await rawInstance(t, wire => {
      return wire.until(/\r\n\r\n/).then(() => wire.socket.end(answer, 'latin1'));
    });
    assert.deepEqual(codeOf(await rawRequest(socketPath, 'GET', base)), [502, 'SLIP_INSTANCE_UNREACHABLE'], answer);
    const upgrade = await rawExchange(socketPath, `GET ${base} HTTP/1.1\r\n${upgrading.join('\r\n')}\r\n\r\n`);
    if (!answer.includes('Upgrade: chat'))
      assert.deepEqual(codeOf(upgrade), [502, 'SLIP_INSTANCE_UNREACHABLE'], answer);
    await noneOpen(instance);
    assert.deepEqual(errors, []);
  }
  const { socketPath, control } = await startApi(t);
  control.set('greeter', 1, { port: await deadPort() });
  const refused = await rawRequest(socketPath, 'GET', base);
  assert.deepEqual(codeOf(refused), [502, 'SLIP_INSTANCE_UNREACHABLE']);
  assert.match(refused.body, /cannot reach greeter\/1: nobody listens on its port/);
});

test('one that there isn’t, that does not run or has no port is told apart', async t => {
  const { socketPath, control, client } = await startApi(t);
  const ask = async (path: string) => codeOf(await rawRequest(socketPath, 'DELETE', path));
  assert.deepEqual(await ask('/v1/services/nobody/instances/0/proxy/'), [404, 'SLIP_SERVICE_UNKNOWN']);
  assert.deepEqual(await ask('/v1/services/greeter/instances/2/proxy/'), [404, 'SLIP_INSTANCE_UNKNOWN']);
  assert.deepEqual(await ask('/v1/services/greeter/instances/x/proxy/'), [400, 'SLIP_REQUEST_INVALID']);
  assert.deepEqual(await ask('/v1/services/greeter%2Finstances/instances/1/proxy/'), [400, 'SLIP_REQUEST_INVALID']);
  assert.deepEqual(await ask(`${base}ed/`), [404, 'SLIP_NOT_FOUND']);
  await client.call('POST /v1/services/:name/stop', { params: { name: 'greeter' }, body: { index: 1 } });
  assert.deepEqual(await ask(base), [503, 'SLIP_INSTANCE_NOT_RUNNING']);
  const [first] = (await control.service('greeter')).instances;
  assert.ok(first);
  const { port: _, ...portless } = first;
  control.setService('greeter', { instances: [portless] });
  assert.deepEqual(await ask('/v1/services/greeter/instances/0/proxy/'), [409, 'SLIP_INSTANCE_NO_PORT']);
});

test('during a rollout the newer revision’s instance answers, or the one that runs', async t => {
  const named = (name: string) => tcpServer(t, socket => void socket.end(`HTTP/1.1 200 OK\r\n\r\n${name}`));
  const [older, newer] = [await named('older'), await named('newer')];
  const { socketPath, control } = await startApi(t);
  const [first] = (await control.service('greeter')).instances;
  assert.ok(first);
  const { pid: _, ...dead } = { ...first, revision: 2, port: newer.port };
  const instances = [{ ...first, port: older.port }, dead];
  const ask = async () => (await rawRequest(socketPath, 'GET', '/v1/services/greeter/instances/0/proxy')).body;
  control.setService('greeter', { instances });
  assert.match(await ask(), /older/);
  control.setService('greeter', { instances: instances.map(one => ({ ...one, state: 'unready', pid: 1 })) });
  assert.match(await ask(), /newer/);
});

test('no connection to an instance is left after many requests', async t => {
  const { socketPath, server } = await httpInstance(t, (_, response) => void response.end('x'));
  await Promise.all(Array.from({ length: 100 }, () => rawRequest(socketPath, 'GET', base)));
  await eventually('all connections to be closed', async () => {
    return (await new Promise(resolve => server.getConnections((_, count) => resolve(count)))) === 0;
  });
});

test('what the library calls that is deprecated is kept from it', async t => {
  const { socketPath } = await httpInstance(t, (_, response) => void response.end('x'));
  assert.equal((await rawRequest(socketPath, 'GET', base)).status, 200);
  assert.equal(util._extend, deprecated, 'and only from it');
});

test('who does nothing before an answer is given up, but not for a client that takes its time', async t => {
  const { forward } = await import('../../src/api/forward.ts');
  const instance = await tcpServer(t, socket => {
    socket.on('data', data => data.includes('whole') && socket.end('HTTP/1.1 200 OK\r\n\r\nthanks'));
  });
  const failures: unknown[] = [];
  let left = 0;
  const server = createServer(async (message, response) => {
    if (message.url === '/left') {
      await once(response, 'close');
      left += 1;
    }
    forward(message, response, undefined, {
      connect() {
        assert.notEqual(message.url, '/left', 'nothing is begun for a client that has left');
        return connect(instance.port, '127.0.0.1');
      },
      path: '/',
      fields: message.headers,
      timeout: 100,
      fail(error) {
        failures.push((error as NodeJS.ErrnoException).code);
        response.writeHead(504).end();
      },
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const silent = await Wire.connect({ port });
  await silent.head('GET / HTTP/1.1', 'Host: x', 'Connection: close').until(/^HTTP\/1\.1 504 /);
  assert.deepEqual(failures.splice(0), ['ETIMEDOUT']);
  await noneOpen(instance);

  const slow = await Wire.connect({ port });
  slow.head('POST / HTTP/1.1', 'Host: x', 'Connection: close', 'Content-Length: 12').send('not yet');
  await new Promise(resolve => setTimeout(resolve, 400));
  await slow.send('whole').until(/thanks/);
  assert.deepEqual(failures, []);
  const leaving = await Wire.connect({ port });
  leaving.head('GET /left HTTP/1.1', 'Host: x').socket.end();
  await eventually('it to have left', () => left === 1);
  await leaving.ended();
  for (const { socket } of [silent, slow, leaving]) socket.destroy();
});

test('no path reaches more than the instance, nor anything but as it was sent', async t => {
  const seen: string[] = [];
  const { socketPath, errors, control } = await httpInstance(t, (message, response) => {
    seen.push(message.url ?? '');
    response.end('from the instance');
  });
  const part = fc.oneof(
    fc.constantFrom(
      '..',
      '.',
      '%2e%2e',
      '%2E%2e%2f',
      '..%2f..',
      '',
      '%00',
      '%',
      '\\..\\',
      ';x=..',
      '#',
      '@',
      'v1',
      'down',
    ),
    fc.string({ maxLength: 20 }).map(encodeURI),
  );
  const path = fc
    .tuple(fc.array(part, { maxLength: 12 }), fc.constantFrom('', '?', '?a=1&a=2', '?%zz', '??//'))
    .map(([parts, query]) => `/${parts.join('/')}${query}`);
  const method = fc.constantFrom('GET', 'POST', 'DELETE', 'OPTIONS');
  await fc.assert(
    fc.asyncProperty(method, path, async (verb, rest) => {
      const answer = await rawRequest(socketPath, verb, base + rest);
      assert.deepEqual([answer.status, answer.body, seen.pop()], [200, 'from the instance', rest]);
    }),
    { numRuns: 300 },
  );
  assert.deepEqual([errors, control.downCalls], [[], []]);
});
