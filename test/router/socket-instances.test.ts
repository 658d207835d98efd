/** Instances on Unix sockets: all that is done to others is done to them. */
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { defaultTraffic } from '../../src/domain/traffic-spec.ts';
import { tableCheck } from '../../src/router-link/table-check.ts';
import { eventually } from '../helpers/eventually.ts';
import { RawClient, TestForwarder } from '../helpers/forwarder.ts';
import { tempDir } from '../helpers/temp-dir.ts';

async function instance(t: TestContext, socket: string, name: string) {
  const server = createHttpServer((request, response) => {
    let length = 0;
    request.on('data', data => {
      length += data.length;
    });
    request.on('end', () => response.end(request.url === '/large' ? 'y'.repeat(5_000_000) : `${name} ${length}`));
  }).listen(socket);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return server;
}

for (const byDocument of [false, true]) {
  test(`requests of any size are forwarded${byDocument ? ', by what Node documents alone' : ''}`, async t => {
    const folder = await tempDir(t);
    const socket = join(folder, 'a');
    const server = await instance(t, socket, 'a');
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    const routes = [{ path: '/', stripPrefix: false }];
    const missing = { id: 'b', socket: join(folder, 'b') };
    const service = { name: 'a', routes, endpoints: [{ id: 'a', socket }, missing] };
    const router = await TestForwarder.create(t, [service], {}, { byDocument });
    const client = new RawClient(router.port);
    t.after(() => client.socket.destroy());
    for (const length of [0, 10, 3_000_000]) {
      client.received = '';
      client.head('POST / HTTP/1.1', 'Host: x', `Content-Length: ${length}`).send('x'.repeat(length));
      await eventually('the answer', () => client.received.endsWith(`a ${length}`));
    }
    client.received = '';
    client.head('GET /large HTTP/1.1', 'Host: x');
    await eventually('the answer', () => client.received.length > 5_000_000);
    assert.equal(connections, 1, 'the connection is kept');
    assert.equal(router.stats().services['a']?.retries, 1, 'the one that is not there was tried once');
  });
}

test('an instance on a socket may speak HTTP/2', async t => {
  const socket = join(await tempDir(t), 'a');
  const server = createHttp2Server((request, response) => response.end(`${request.httpVersion} ${request.url}`));
  await new Promise<void>(resolve => server.listen(socket, resolve));
  t.after(() => server.close());
  const routes = [{ path: '/', stripPrefix: false }];
  const traffic = { ...defaultTraffic, protocol: 'h2c' } as const;
  const router = await TestForwarder.create(t, [{ name: 'a', routes, traffic, endpoints: [{ id: 'a', socket }] }]);
  const client = new RawClient(router.port).head('GET /x HTTP/1.1', 'Host: x');
  t.after(() => client.socket.destroy());
  await eventually('the answer', () => client.received.includes('2.0 /x'));
});

test('an endpoint in a table has an address or a socket', () => {
  const table = (endpoint: object) => ({ version: 1, services: [{ name: 'a', routes: [], endpoints: [endpoint] }] });
  for (const endpoint of [
    { id: 'a', socket: '/run/a' },
    { id: 'a', index: 1, host: '127.0.0.1', port: 1 },
  ]) {
    assert.deepEqual(tableCheck(table(endpoint), ''), table(endpoint));
  }
  for (const endpoint of [
    { id: 'a' },
    { id: 'a', socket: 'run/a' },
    { id: 'a', socket: `/${'a'.repeat(107)}` },
    { id: 'a', host: '127.0.0.1' },
    { id: 'a', host: '127.0.0.1', port: 0 },
  ]) {
    assert.throws(() => tableCheck(table(endpoint), ''), /endpoints\[0\]/);
  }
});
