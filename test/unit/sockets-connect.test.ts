import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { connectTo } from '../../src/sockets/connect.ts';
import { tempDir } from '../helpers/temp-dir.ts';

async function outcome(path: string): Promise<string> {
  const socket = connectTo({ socket: path });
  const [error] = await Promise.race([
    once(socket, 'connect').then(() => ['connected']),
    new Promise<[NodeJS.ErrnoException]>(resolve => socket.once('error', one => resolve([one]))),
  ]);
  socket.destroy();
  return typeof error === 'string' ? error : ((error as NodeJS.ErrnoException).code ?? '');
}

test('only the socket itself is reached, whatever links lead to it, and no descriptor is left', async t => {
  const folder = await tempDir(t);
  const deep = join(folder, 'd'.repeat(100));
  mkdirSync(deep);
  const path = join(folder, 'socket');
  const server = createServer(socket => socket.on('error', () => {})).listen(path);
  await once(server, 'listening');
  t.after(() => server.close());
  const link = join(folder, 'link');
  symlinkSync(path, link);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  assert.equal(await outcome(path), 'connected');
  const before = readdirSync('/proc/self/fd').length;
  assert.equal(await outcome(link), 'ENOTSOCK');
  assert.equal(await outcome(file), 'ENOTSOCK');
  assert.equal(await outcome(folder), 'ENOTSOCK');
  assert.equal(await outcome(join(folder, 'none')), 'ENOENT');
  assert.equal(readdirSync('/proc/self/fd').length, before);
});
