/** A program that listens on one port: started, waited for, ended. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { childrenOf, isAlive } from '../support/processes.ts';
import { until } from '../support/waiting.ts';
import type { Running } from './proxy.ts';

const patience = 5_000;

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly port: number;
  /** Where what it writes goes, to `output`. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** @throws Error with what the program wrote, where it doesn't answer */
export async function startServer({ command, args, port, folder, env }: Program): Promise<Running> {
  const output = join(folder, 'output');
  const log = openSync(output, 'a');
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', log, log], env: { ...process.env, ...env } });
  closeSync(log);
  const [pid] = await Promise.race([once(child, 'spawn').then(() => [child.pid]), once(child, 'error')]);
  if (typeof pid !== 'number') throw pid;
  const running = () => [pid, ...childrenOf(pid)];
  const end = async () => {
    const all = isAlive(pid) ? running() : [];
    child.kill('SIGTERM');
    await until(`${command} to end`, () => !all.some(isAlive), patience).catch(() => {
      for (const one of all.filter(isAlive)) process.kill(one, 'SIGKILL');
    });
  };
  try {
    await until(`${command} to answer`, async () => !isAlive(pid) || (await answers(port)));
    if (!isAlive(pid)) throw new Error(`${command} ended at once`);
  } catch (cause) {
    await end();
    throw new Error(`cannot start ${command}: ${readFileSync(output, 'utf8')}`, { cause });
  }
  const pids = running();
  return { port, worker: pids.at(-1) ?? pid, pids, end };
}

/** One that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** One that accepts may not have made its workers yet. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
    let answered = false;
    for await (const octets of socket) answered ||= octets.length > 0;
    return answered;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
