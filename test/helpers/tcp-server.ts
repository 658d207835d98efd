import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface TcpServer {
  readonly port: number;
  /** Connections that are open now. */
  readonly open: ReadonlySet<Socket>;
  /** Everything received, over all connections. */
  received(): string;
}

/** A server on loopback that does with each connection what the test says; it and they are gone when the test ends. */
export async function tcpServer(
  t: Pick<TestContext, 'after'>,
  serve: (socket: Socket) => void = () => {},
): Promise<TcpServer> {
  const open = new Set<Socket>();
  let received = '';
  const server = createServer(socket => {
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
    socket.on('data', chunk => {
      received += chunk.toString('latin1');
    });
    serve(socket);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  return { port: address.port, open, received: () => received };
}
