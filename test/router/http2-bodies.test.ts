/**
 * Bodies of many sizes, written and read at many paces, on many streams at once, some of which are reset half-way: what
 * comes back of the others is what was sent.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import test, { type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { defaultTraffic } from '../../src/domain/traffic-spec.ts';
import { errorCode } from '../../src/router/http2/codes.ts';
import { httpInstance, TestForwarder } from '../helpers/forwarder.ts';
import { http2Client, http2Instance } from '../helpers/http2.ts';
import { anyRoute } from '../helpers/router.ts';

const sizes = [0, 1, 100, 9_000, 16_384, 70_000, 300_000];
const sessions = 3;
const rounds = 10;
const streams = 20;

/** What is sent comes back. @returns its port */
async function echo(t: TestContext, protocol: 'http1' | 'h2c'): Promise<number> {
  if (protocol === 'http1') return httpInstance(t, (request, response) => void request.pipe(response));
  const { port } = await http2Instance(t, stream => {
    stream.respond();
    stream.pipe(stream);
  });
  return port;
}

function digest(octets: Buffer): string {
  return createHash('sha256').update(octets).digest('hex');
}

/** In pieces of different lengths. @param isCut the stream is reset half-way */
async function send(stream: ClientHttp2Stream, body: Buffer, nth: number, isCut: boolean): Promise<void> {
  for (let at = 0; at < body.length && !stream.destroyed; ) {
    if (isCut && at >= body.length / 2) break;
    const length = 1 + ((nth * 7_919 + at) % 20_000);
    stream.write(body.subarray(at, at + length));
    at += length;
    if (nth % 3 === 0) await turn();
  }
  if (isCut) stream.close(errorCode.CANCEL);
  else stream.end();
}

/** With pauses. */
async function receive(stream: ClientHttp2Stream, nth: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', async chunk => {
    chunks.push(chunk);
    if (nth % 4 !== 0) return;
    stream.pause();
    await turn();
    stream.resume();
  });
  if (!stream.destroyed) await once(stream, 'close');
  return Buffer.concat(chunks);
}

async function exchange(session: ClientHttp2Session, nth: number): Promise<void> {
  const body = randomBytes(sizes[nth % sizes.length] ?? 0);
  const isCut = nth % 11 === 0;
  const length = nth % 2 === 0 ? { 'content-length': body.length } : {};
  const stream = session.request({ ':method': 'POST', ':path': '/', ...length });
  stream.on('error', () => {});
  const [received] = await Promise.all([receive(stream, nth), send(stream, body, nth, isCut)]);
  if (!isCut) assert.equal(digest(received), digest(body), `${body.length} octets, ${received.length} came back`);
}

for (const protocol of ['http1', 'h2c'] as const) {
  test(`bodies come back as they were sent (${protocol})`, async t => {
    const service = anyRoute('a', { id: 'a', port: await echo(t, protocol) });
    const router = await TestForwarder.create(t, [{ ...service, traffic: { ...defaultTraffic, protocol } }]);
    const all = Array.from({ length: sessions }, async (_, which) => {
      const session = await http2Client(t, `http://127.0.0.1:${router.port}`);
      for (let round = 0; round < rounds; round++) {
        const first = (which * rounds + round) * streams;
        await Promise.all(Array.from({ length: streams }, (_unused, index) => exchange(session, first + index)));
      }
    });
    await Promise.all(all);
  });
}
