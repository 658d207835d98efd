/** Probes of instances that listen on a Unix socket. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { systemClock } from '../../src/control/clock.ts';
import type { Attempt } from '../../src/probes/attempt.ts';
import type { ProbeResult } from '../../src/probes/contract.ts';
import { httpAttempt } from '../../src/probes/http.ts';
import { tcpAttempt } from '../../src/probes/tcp.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const limit = { clock: systemClock, timeout: 20_000 };
const get = { kind: 'http', path: '/h', headers: {}, status: [200, 399] } as const;

function run(attempt: Attempt): Promise<ProbeResult> {
  return new Promise(resolve => attempt(resolve));
}

test('a socket passes as a port does', async t => {
  const socket = join(await tempDir(t), 's');
  const server = createHttpServer((request, response) => response.end(request.url)).listen(socket);
  t.after(() => server.close());
  assert.deepEqual(await run(tcpAttempt({ socket }, limit)), { passed: true, detail: `connected to socket ${socket}` });
  assert.deepEqual(await run(httpAttempt(get, { socket }, limit)), { passed: true, detail: 'HTTP 200' });
});

test('a socket that is not there, that nobody listens on, or that says nothing fails, and it is told why', async t => {
  const socket = join(await tempDir(t), 's');
  const place = { socket };
  const details = async () => {
    const results = [await run(tcpAttempt(place, limit)), await run(httpAttempt(get, place, limit))];
    assert.ok(results.every(result => !result.passed));
    return [...new Set(results.map(result => result.detail))];
  };
  assert.deepEqual(await details(), [`no socket ${socket} yet`]);
  const left = `require('net').createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', left]);
  assert.deepEqual(await details(), [`connection refused on socket ${socket}`]);
  const mute = join(socket, '..', 'mute');
  const server = createServer(one => one.destroy()).listen(mute);
  t.after(() => server.close());
  const { detail } = await run(httpAttempt(get, { socket: mute }, limit));
  assert.equal(detail, `connection closed without an answer on socket ${mute}`);
});
