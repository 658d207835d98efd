import assert from 'node:assert/strict';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { Sockets } from '../../src/control/sockets.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const id = { service: 'a', index: 0, revision: 1 };

test('a socket has a folder of its own, in which nothing is left of an earlier one', async t => {
  const home = await tempDir(t);
  const sockets = new Sockets(home);
  const path = await sockets.prepare(id);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  writeFileSync(path, '');
  assert.equal(await sockets.prepare(id), path);
  assert.equal(existsSync(path), false);
  assert.notEqual(dirname(await sockets.prepare({ ...id, revision: 2 })), dirname(path));
  await sockets.remove(path);
  assert.equal(existsSync(dirname(path)), false);
  await sockets.remove(path);
});

test('a path that the system does not take is refused in words, and nothing is made', async t => {
  const home = join(await tempDir(t), 'h'.repeat(80));
  await assert.rejects(new Sockets(home).prepare(id), { code: 'SLIP_SOCKET_PATH_TOO_LONG' });
  assert.equal(existsSync(home), false);
});
