/** Plays a row on sockets: a raw client, the router's data plane, and an instance that does what the row says. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { PlaneOptions } from '../../../src/router/plane/plane.ts';
import { RawClient, rawInstance, type Scope, TestForwarder } from '../../helpers/forwarder.ts';
import { anyRoute } from '../../helpers/router.ts';
import { get, ok, type Row } from './row.ts';

/** How octets are sent: all at once, or each on its own. */
export type Splits = 'whole' | 'octets';

/** Longer messages are sent in pieces of this size, instead of octet by octet. */
const mostAlone = 2_000;

export async function playRow(row: Row, scope: Scope, plane: PlaneOptions, splits: Splits): Promise<void> {
  let seen = '';
  const responses = typeof row.response === 'string' ? [row.response] : (row.response ?? [ok]);
  let requests = 0;
  const port = await rawInstance(scope, socket => {
    socket.setEncoding('latin1').setNoDelay(true);
    let asked = '';
    socket.on('end', () => socket.end());
    socket.on('data', async chunk => {
      seen += chunk;
      asked += chunk;
      if (!(row.early ? asked.includes('\r\n\r\n') : isWhole(asked))) return;
      asked = '';
      await send(socket, responses[Math.min(requests++, responses.length - 1)] ?? '', splits);
      if (row.ends === 'fin') socket.end();
      if (row.ends === 'reset') socket.resetAndDestroy();
    });
  });
  const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], row.limits, plane);
  const client = new RawClient(router.port);
  await send(client.socket, row.request ?? get, splits);

  const { answer = /^HTTP\/1.1 \d/ } = row;
  await client.until(() => matches(client.received, answer) || client.ended);
  assertMatches(client.received, answer, 'the answer');
  if (row.seen !== undefined) assertMatches(seen, row.seen, 'what the instance got');
  if (row.closes) await client.until(() => client.ended);
  else if (row.closes === false) {
    const before = client.received.length;
    client.send(get);
    await client.until(() => /HTTP\/1.1 \d/.test(client.received.slice(before)));
  }
  client.socket.destroy();
  await router.idle();
}

async function send(socket: Socket, octets: string, splits: Splits): Promise<void> {
  if (splits === 'whole') {
    socket.write(octets, 'latin1');
    return;
  }
  socket.setNoDelay(true);
  const size = octets.length > mostAlone ? 999 : 1;
  for (let at = 0; at < octets.length && !socket.destroyed; at += size) {
    socket.write(octets.slice(at, at + size), 'latin1');
    await new Promise(resolve => setImmediate(resolve));
  }
}

/** Whether the request is complete, where the router has framed it. */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n') + 4;
  if (end < 4) return false;
  const head = text.slice(0, end);
  if (/^transfer-encoding:/im.test(head)) return chunksAreWhole(text.slice(end));
  return text.length >= end + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
}

function chunksAreWhole(text: string): boolean {
  for (let rest = text; ; ) {
    const [line, digits = ''] = /^([\da-f]+)[^\r]*\r\n/i.exec(rest) ?? [];
    if (line === undefined) return false;
    const size = Number.parseInt(digits, 16);
    rest = rest.slice(line.length);
    if (size === 0) return rest.startsWith('\r\n') || rest.includes('\r\n\r\n');
    rest = rest.slice(size + 2);
  }
}

/** Without what the router adds to each. */
function withoutOwn(text: string): string {
  return text.replace(/^(?:X-Forwarded-(?:For|Proto|Host)|X-Request-Id|Traceparent|Via|Date): [^\r]*\r\n/gm, '');
}

function matches(actual: string, expected: string | RegExp): boolean {
  return typeof expected === 'string' ? withoutOwn(actual) === expected : expected.test(actual);
}

function assertMatches(actual: string, expected: string | RegExp, what: string): void {
  if (typeof expected === 'string') assert.equal(withoutOwn(actual), expected, what);
  else assert.match(actual, expected, what);
}
