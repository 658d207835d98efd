/** What connections cost that wait for their next request. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { rssMb } from './memory.ts';
import type { Running } from './proxy.ts';
import type { Scenario } from './scenarios.ts';

const atOnce = 100;
const rest = 1_000;

/**
 * @param proxy fresh, or what it has freed already would hide what they take
 * @returns KB (10^3) of the process that forwards for each, after one request on it
 * @throws Error where the proxy doesn't keep that many
 */
export async function idleConnectionKb(proxy: Running, scenario: Scenario, count: number): Promise<number> {
  const warm = await open(proxy.port, scenario, atOnce);
  await delay(rest);
  const before = rssMb(proxy.worker);
  const sockets: Socket[] = [...warm];
  try {
    while (sockets.length < count + atOnce) sockets.push(...(await open(proxy.port, scenario, atOnce)));
    await delay(rest);
    const kept = sockets.filter(socket => !socket.destroyed && !socket.readableEnded).length - atOnce;
    if (kept < count) throw new Error(`only ${kept} of ${count} idle connections were kept`);
    return ((rssMb(proxy.worker) - before) * 1000) / count;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

async function open(port: number, { path }: Scenario, count: number): Promise<readonly Socket[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(`GET /${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
      await once(socket, 'data');
      return socket.resume();
    }),
  );
}
