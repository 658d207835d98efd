import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/control/clock.ts';
import type { ProbeAction } from '../../src/domain/spec.ts';
import type { ProbeResult } from '../../src/probes/contract.ts';
import { httpAttempt } from '../../src/probes/http.ts';
import { eventually } from '../helpers/eventually.ts';
import { tcpServer } from '../helpers/tcp-server.ts';

type HttpAction = Extract<ProbeAction, { kind: 'http' }>;

const plain: HttpAction = { kind: 'http', path: '/healthz', headers: {}, status: [200, 399] };

function probe(port: number, action: Partial<HttpAction> = {}, timeout = 20_000): Promise<ProbeResult> {
  return new Promise(resolve =>
    httpAttempt({ ...plain, ...action }, { port }, { clock: systemClock, timeout })(resolve),
  );
}

/** Says this once it was asked something, and closes. */
function answering(says: string): (socket: Socket) => void {
  return socket => {
    socket.once('data', () => socket.end(says, 'latin1'));
  };
}

/** What a probe makes of a server that says this, and then closes the connection or not. */
async function answer(t: TestContext, says: string | ((socket: Socket) => void), timeout?: number): Promise<string> {
  const server = await tcpServer(t, typeof says === 'function' ? says : answering(says));
  const { passed, detail } = await probe(server.port, {}, timeout);
  await eventually('a closed connection', () => server.open.size === 0);
  return `${passed ? 'passed' : 'failed'}: ${detail}`.replaceAll(String(server.port), 'PORT');
}

test('the status decides', async t => {
  for (const [status, expected] of [
    [199, 'failed'],
    [200, 'passed'],
    [204, 'passed'],
    [302, 'passed'],
    [399, 'passed'],
    [400, 'failed'],
    [503, 'failed'],
  ] as const) {
    // 199 is an interim answer: the server closes without a final one.
    const detail = status === 199 ? 'connection closed without an answer on port PORT' : `HTTP ${status}`;
    assert.equal(await answer(t, `HTTP/1.1 ${status} Some\r\n\r\n`), `${expected}: ${detail}`);
  }
  const teapot = await tcpServer(t, answering('HTTP/1.1 418 I am\r\n\r\n'));
  assert.equal((await probe(teapot.port, { status: [418, 418] })).passed, true);
});

test('it asks for the path with the headers given, once, and keeps no connection', async t => {
  const server = await tcpServer(t, answering('HTTP/1.1 301 Gone\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n'));
  await probe(server.port, { path: '/live?full=1', host: 'shop.example', headers: { 'X-Probe': 'yes' } });
  const [head = ''] = server.received().split('\r\n\r\n');
  assert.deepEqual(head.split('\r\n').sort(), [
    'Accept: */*',
    'Connection: close',
    'GET /live?full=1 HTTP/1.1',
    'Host: shop.example',
    'User-Agent: slipway-probe',
    'X-Probe: yes',
  ]);
  await eventually('a closed connection', () => server.open.size === 0);
  assert.equal(server.received().match(/GET/g)?.length, 1, 'the redirect is not followed');
});

test('without a host it is asked for by address', async t => {
  const server = await tcpServer(t, answering('HTTP/1.1 200 OK\r\n\r\n'));
  await probe(server.port);
  assert.match(server.received(), new RegExp(`\r\nHost: 127\\.0\\.0\\.1:${server.port}\r\n`));
  const named = await tcpServer(t, answering('HTTP/1.1 200 OK\r\n\r\n'));
  await probe(named.port, { headers: { host: 'own.example' } });
  assert.equal(
    named
      .received()
      .match(/^host: .*$/gim)
      ?.join(),
    'host: own.example',
  );
});

test('servers that misbehave fail the probe, and nothing else', async t => {
  assert.equal(
    await answer(t, socket => socket.once('data', () => socket.resetAndDestroy())),
    'failed: connection reset on port PORT',
  );
  assert.equal(await answer(t, socket => socket.end()), 'failed: connection closed without an answer on port PORT');
  assert.match(await answer(t, 'SSH-2.0-OpenSSH_9.2\r\n'), /^failed: the answer on port PORT is not HTTP: Parse Error/);
  assert.match(await answer(t, '\0\xff'.repeat(5_000)), /^failed: the answer on port PORT is not HTTP/);
  assert.match(await answer(t, `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`), /^failed: .*Header overflow/);
  assert.equal(
    await answer(t, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort'),
    'failed: HTTP 200, but its body was cut short',
  );
});

test('the time limit is for the whole answer, however slowly it comes', async t => {
  const trickle = (text: string) => (socket: Socket) => {
    let sent = 0;
    const timer = setInterval(() => socket.write(text[sent++ % text.length] ?? ''), 5);
    socket.on('close', () => clearInterval(timer));
  };
  const slowHead = `HTTP/1.1 200 OK\r\nX-Padding: ${'x'.repeat(10_000)}\r\n\r\n`;
  assert.equal(await answer(t, trickle(slowHead), 300), 'failed: no answer within 300 ms');
  const slowBody = (socket: Socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    trickle('x')(socket);
  };
  assert.equal(await answer(t, slowBody, 300), 'failed: HTTP 200, but no end of its body within 300 ms');
  const interim = (socket: Socket) => {
    const timer = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 5);
    socket.on('close', () => clearInterval(timer));
  };
  assert.equal(await answer(t, interim, 300), 'failed: no answer within 300 ms');
});

test('a body that never ends is read no further than it must', async t => {
  let sent = 0;
  const endless = (socket: Socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
    const pump = () => {
      while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
    };
    socket.on('drain', pump);
    pump();
  };
  assert.equal(await answer(t, endless), 'passed: HTTP 200');
  assert.ok(sent < 20_000_000, `${sent} bytes`);
});

test('an action that makes no request is a failed probe, not a crash', async t => {
  const server = await tcpServer(t);
  assert.match((await probe(server.port, { path: '/a b' })).detail, /^cannot probe: .*unescaped/);
  assert.match((await probe(server.port, { headers: { 'X-Bad': 'a\r\nb: c' } })).detail, /^cannot probe: .*Invalid/);
  assert.match((await probe(server.port, { headers: { 'a b': 'c' } })).detail, /^cannot probe: /);
  assert.equal(server.received(), '');
});
