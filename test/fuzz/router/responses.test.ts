/**
 * Almost-valid responses from an instance through the router: a client by Node's parser, strict or lenient, and one of
 * HTTP/1.0 see what the router decided, or that it failed; and the answer to the next request is that of the next request.
 */
import assert from 'node:assert/strict';
import { Agent, type IncomingMessage, request } from 'node:http';
import test from 'node:test';
import fc from 'fast-check';
import { RawClient, rawInstance, TestForwarder } from '../../helpers/forwarder.ts';
import { anyRoute } from '../../helpers/router.ts';
import { campaign, inPieces } from './campaign.ts';
import { type DecidedResponse, decidedResponse } from './decided.ts';
import { type Message, responses } from './grammar.ts';

type Seen = Omit<DecidedResponse, 'kind'>;

interface Ask {
  readonly port: number;
  readonly method: string;
  readonly agent: Agent | false;
  readonly isLenient: boolean;
}

/** What Node's client understands; a status of 0 for nothing at all. */
function seenByNode(ask: Ask): Promise<Seen> {
  return new Promise(resolve => {
    const { port, method, agent, isLenient } = ask;
    const interim: number[] = [];
    let response: IncomingMessage | undefined;
    let content = '';
    const outgoing = request({ port, host: '127.0.0.1', method, path: '/', agent, insecureHTTPParser: isLenient });
    outgoing.on('information', ({ statusCode }) => interim.push(statusCode));
    outgoing.on('response', incoming => {
      response = incoming;
      incoming.setEncoding('latin1');
      incoming.on('data', chunk => {
        content += chunk;
      });
      incoming.on('error', () => {});
    });
    outgoing.on('error', () => {});
    outgoing.on('close', () =>
      resolve({ interim, status: response?.statusCode ?? 0, content, isWhole: response?.complete === true }),
    );
    outgoing.end();
  });
}

/** What a client of HTTP/1.0 understands, which knows no interim responses. */
async function seenByOld(port: number, method: string): Promise<Seen> {
  const client = new RawClient(port);
  let isReset = false;
  client.socket.on('error', () => {
    isReset = true;
  });
  client.send(`${method} / HTTP/1.0\r\n\r\n`);
  await client.until(() => client.socket.destroyed || client.ended);
  client.socket.destroy();
  const end = client.received.indexOf('\r\n\r\n') + 4;
  const content = client.received.slice(end);
  const length = /^content-length: (\d+)/im.exec(client.received.slice(0, end))?.[1];
  const isShort = method !== 'HEAD' && client.status !== 304 && length !== undefined && content.length < Number(length);
  return { interim: [], status: client.status, content, isWhole: !isReset && !isShort };
}

const next = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext';

test('a client sees the response that the router decided on, or that it failed', async t => {
  let message: Message = { octets: '', pieces: [] };
  let endsAfter = false;
  let asked = 0;
  const port = await rawInstance(t, socket => {
    socket.setNoDelay(true);
    socket.on('end', () => socket.end());
    socket.on('data', async () => {
      if (asked++ > 0) {
        socket.write(next);
        return;
      }
      for (const piece of inPieces(message.octets, message.pieces)) {
        socket.write(piece, 'latin1');
        await new Promise(resolve => setImmediate(resolve));
      }
      if (endsAfter) socket.end();
    });
  });
  const router = await TestForwarder.create(t, [anyRoute('a', { id: 'a', port })]);
  const scenario = fc.record({
    message: responses,
    method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD'),
    by: fc.constantFrom('strict', 'lenient', 'old'),
    staysOpen: fc.boolean(),
  });

  await campaign(t, 'router-responses', scenario, async one => {
    const { method, by } = one;
    message = one.message;
    const decided = decidedResponse(message.octets, method === 'HEAD');
    endsAfter = !one.staysOpen || !decided.isWhole || decided.kind === 'eof';
    asked = 0;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = { port: router.port, agent, isLenient: by === 'lenient' };
    const seen = by === 'old' ? await seenByOld(router.port, method) : await seenByNode({ ...ask, method });
    const found = () => JSON.stringify({ ...one, decided, seen });
    assertSame(seen, decided, by === 'old', found);

    asked = 1;
    const second = await seenByNode({ ...ask, method: 'GET' });
    assert.deepEqual(second, { interim: [], status: 200, content: 'next', isWhole: true }, found());
    agent.destroy();
    await router.idle();

    // And it is what the client would have made of the same octets itself, where both take them for whole.
    asked = 0;
    endsAfter = true;
    const direct = await seenByNode({ port, method, agent: false, isLenient: false });
    if (!direct.isWhole || !decided.isWhole) return;
    const { interim, status, content } = decided;
    assert.deepEqual(direct, { interim, status, content, isWhole: true }, found());
  });
});

function assertSame(seen: Seen, decided: DecidedResponse, isOld: boolean, found: () => string): void {
  const interim = isOld ? [] : decided.interim;
  if (decided.isWhole) {
    const { status, content } = decided;
    assert.deepEqual(seen, { interim, status, content, isWhole: true }, found());
  } else if (decided.kind === 'none-at-all') {
    assert.deepEqual([seen.interim, seen.status, seen.isWhole], [interim, 502, true], found());
  } else {
    assert.ok(!seen.isWhole || seen.status === 502, found());
  }
}
