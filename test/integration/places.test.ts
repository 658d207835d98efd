/** Services that are reached in other ways than by HTTP to a port: as bare TCP, and on Unix sockets. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { socketPath } from '../../src/router-link/socket-path.ts';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';
import { RawClient } from '../helpers/forwarder.ts';
import { rawRequest } from '../helpers/raw-request.ts';

const stop = { grace: '2s', drain: '2s' };
const quick = { initial: '20ms', max: '200ms' };

/** Says which instance it is, then everything twice. */
const echo = `require('net').createServer({ allowHalfOpen: true }, socket => {
  socket.write(process.env.SLIPWAY_INSTANCE + ' ' + process.env.SLIPWAY_REVISION + ' ');
  socket.on('data', data => socket.write(data + data)).on('end', () => socket.end('bye')).on('error', () => {});
}).listen(process.env.SOCKET ?? process.env.PORT, ...(process.env.SOCKET ? [] : ['127.0.0.1']))`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise(resolve => server.close(resolve));
  return port;
}

describe('places', { concurrency: 1 }, () => {
  it('passes connections on to a service that has no route, over changes of it, until it is gone', async t => {
    const host = await TestHost.create(t);
    const port = await freePort();
    await host.start();
    const service = {
      package: appPackage,
      command: ['node', '-e', echo],
      tcp: [`127.0.0.1:${port}`],
      instances: 2,
      stop,
    };
    await host.apply({ echo: service });
    assert.deepEqual((await host.ready('echo')).tcp, [`127.0.0.1:${port}`]);
    const said: string[] = [];
    for (let count = 0; count < 4; count++) {
      const client = new RawClient(port).send('x');
      await eventually('the echo', () => client.received.endsWith('xx'));
      said.push(client.received);
      client.socket.end();
      await eventually('the end', () => client.ended && client.received.endsWith('bye'));
    }
    assert.deepEqual(said.toSorted(), ['0 1 xx', '0 1 xx', '1 1 xx', '1 1 xx']);

    // A rollout waits for what is passed on.
    const held = new RawClient(port).send('a');
    await eventually('the echo', () => held.received.endsWith('aa'));
    await host.apply({ echo: { ...service, env: { NEW: '1' }, instances: 1, stop: { grace: '2s', drain: '20s' } } });
    await host.until('echo', 'the old one to drain', ({ instances }) =>
      instances.some(one => one.state === 'draining'),
    );
    await eventually('the new one', async () => {
      const fresh = new RawClient(port);
      await eventually('a greeting', () => fresh.received !== '');
      fresh.socket.end();
      return fresh.received === '0 2 ';
    });
    held.send('b');
    await eventually('the echo', () => held.received.endsWith('bb'));
    held.socket.end();
    await host.until('echo', 'one instance', ({ instances }) => instances.length === 1);

    await host.apply({});
    await eventually('nobody to listen there', async () => {
      const client = new RawClient(port);
      let code: string | undefined;
      client.socket.on('error', (error: NodeJS.ErrnoException) => {
        code = error.code;
      });
      await eventually('an end', () => client.socket.closed);
      return code === 'ECONNREFUSED';
    });
  });

  it('routes to instances on Unix sockets, and probes them there', async t => {
    const host = await TestHost.create(t);
    await host.start();
    const app = {
      package: appPackage,
      socket: {},
      instances: 2,
      route: '/',
      env: { START_DELAY: 100 },
      probes: {
        startup: { tcp: true, period: '50ms', failureThreshold: 200 },
        liveness: { http: '/healthz', period: '50ms', failureThreshold: 1 },
      },
      restart: { backoff: quick },
      stop,
    };
    await host.apply({ app });
    const { instances } = await host.ready('app');
    const paths = instances.map(one => one.socket ?? '');
    assert.deepEqual(
      paths,
      [0, 1].map(index => join(host.home, 'run', 'sockets', `app.${index}.r1`, 'socket')),
    );
    assert.ok(instances.every(one => one.port === undefined));
    const answers = [await host.ask('/'), await host.ask('/')];
    assert.deepEqual(answers.map(one => one.instance).toSorted(), [0, 1]);

    const { body } = await rawRequest(
      socketPath(host.home, 'slipway.sock'),
      'GET',
      '/v1/services/app/instances/1/proxy/',
    );
    assert.match(body, /"instance":1,/, 'the API leads there, too');

    // What crashes comes back on its socket, though it left the old one there.
    await host.request('/exit?code=3');
    const again = await host.until('app', 'restarted', service => {
      return service.state === 'ready' && service.instances.some(one => one.restarts === 1);
    });
    assert.deepEqual(
      again.instances.map(one => one.socket),
      paths,
    );

    // A liveness probe sees what is wrong behind it.
    await host.request('/sick');
    await host.until('app', 'restarted by its probe', service => {
      return service.state === 'ready' && service.instances.reduce((sum, one) => sum + one.restarts, 0) === 2;
    });

    // The next daemon finds all of it as it was.
    const pids = (await host.service('app')).instances.map(one => one.pid);
    await host.kill();
    assert.equal((await host.request('/')).status, 200);
    await host.start();
    const adopted = await host.ready('app');
    assert.deepEqual(
      adopted.instances.map(one => one.pid),
      pids,
    );
    assert.deepEqual(
      adopted.instances.map(one => one.socket),
      paths,
    );
    assert.equal((await host.ask('/')).service, 'app');

    await host.apply({ app: { ...app, instances: 0 } });
    await host.until('app', 'nothing to be left', ({ instances: left }) => left.length === 0);
    assert.deepEqual(readdirSync(join(host.home, 'run', 'sockets')), []);
  });

  it('gives a socket to a service whose connections are passed on, and its path to its command line', async t => {
    const host = await TestHost.create(t);
    const port = await freePort();
    await host.start();
    const command = ['node', '-e', echo.replaceAll('process.env.SOCKET', 'process.argv[1]'), '${SOCKET}'];
    await host.apply({ echo: { package: appPackage, command, socket: { env: 'LISTEN' }, tcp: [port], stop } });
    const service = await host.ready('echo');
    const path = service.instances[0]?.socket ?? '';
    assert.ok(existsSync(path));
    const client = new RawClient(port).send('x'.repeat(100_000));
    await eventually('the echo', () => client.received.length === 200_004);
    const socket: Socket = client.socket.end();
    await eventually('the end', () => socket.closed);

    // To a port and back: a change of what a process is made of.
    await host.apply({ echo: { package: appPackage, command: ['node', '-e', echo], tcp: [port], stop } });
    await host.until(
      'echo',
      'on a port',
      ({ instances }) => instances.length === 1 && instances[0]?.port !== undefined,
    );
    await host.ready('echo');
    assert.equal(existsSync(path), false);
    const other = new RawClient(port);
    await eventually('the other', () => other.received === '0 2 ');
    other.socket.destroy();
  });
});
