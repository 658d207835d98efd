/** The instance proxy between raw clients and an instance that the test scripts. */
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { NetConnectOpts } from 'node:net';
import type { TestContext } from 'node:test';
import { startApi } from './api-fixture.ts';
import { eventually } from './eventually.ts';
import { type TcpServer, tcpServer } from './tcp-server.ts';
import { Wire } from './wire.ts';

/** Of the instance, on the API's socket. */
export const base = '/v1/services/greeter/instances/1/proxy';

/** Fields of a request for another protocol. */
export const upgrading = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: chat'];

/** The API in front of an instance that does with each connection as the test says. */
export async function rawInstance(t: TestContext, serve: (instance: Wire) => unknown = () => {}) {
  // Where the other end goes meanwhile, there is nothing left to do.
  const doIts = async (wire: Wire) => serve(wire);
  const instance = await tcpServer(t, socket => void doIts(new Wire(socket)).catch(() => {}));
  return { ...(await before(t, instance.port)), instance };
}

/** The same with one that speaks HTTP. */
export async function httpInstance(t: TestContext, serve: RequestListener) {
  const server = createServer({ keepAliveTimeout: 60_000 }, serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { ...(await before(t, (server.address() as { port: number }).port)), server };
}

async function before(t: TestContext, port: number) {
  const api = await startApi(t);
  api.control.set('greeter', 1, { port });
  const connectTo = async (to: NetConnectOpts) => {
    const wire = await Wire.connect(to);
    t.after(() => wire.socket.destroy());
    return wire;
  };
  const notes: string[] = [];
  return {
    ...api,
    notes,
    connect: () => connectTo({ path: api.socketPath }),
    /** The way in that `slipway proxy greeter/1` opens. */
    async openPort() {
      const { openInstancePort } = await import('../../src/cli/instance-port.ts');
      const cli = { client: api.client, note: (text: string) => void notes.push(text) };
      const opened = await openInstancePort(cli, { name: 'greeter', index: 1 }, '127.0.0.1:0');
      t.after(() => opened.close());
      return { ...opened, connect: () => connectTo({ host: '127.0.0.1', port: opened.port }) };
    },
  };
}

export function codeOf({ status, body }: { readonly status: number; readonly body: string }): [number, string] {
  return [status, JSON.parse(body).code];
}

export function noneOpen(instance: TcpServer): Promise<unknown> {
  return eventually('no connection to be left', () => instance.open.size === 0);
}

export function asked(instance: TcpServer): Promise<unknown> {
  return eventually('the instance to be asked', () => instance.received().includes('\r\n\r\n'));
}
