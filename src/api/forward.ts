/**
 * Passing one request on over a connection of its own, by the library http-proxy. What it is known to get wrong is
 * kept from it:
 * - it gives a DELETE or OPTIONS with a chunked body a length of 0, so that the body is read as the next request:
 *   that pass of it is left out; so is the one that knows no upgrade but WebSocket's;
 * - it writes an answer's hop-by-hop fields on, and an answer to an upgrade that was refused with its chunks decoded
 *   and its length unknown: answers are written here;
 * - it leaves the connection onward open when the client goes, and the client's when that one breaks: each end goes
 *   with the other here;
 * - it normalizes the path: it is given none, and the path is set on what it is about to send;
 * - it calls `util._extend`, whose deprecation would be written to standard error.
 * Trailers and interim answers end here.
 */
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { SlipwayError } from '../domain/errors.ts';
import { responseFields, switchFields } from './end-to-end.ts';
import type { Upgrade } from './upgrades.ts';

const { createProxyServer } = loadQuietly();

export interface Onward {
  /** A new connection to where the request goes. */
  readonly connect: () => Socket;
  /** And query, as it is sent. */
  readonly path: string;
  /** In place of the request's own. */
  readonly fields: OutgoingHttpHeaders;
  /** How long the other end may do nothing before it answers, in ms; absent: for ever. */
  readonly timeout?: number;
  /**
   * Nothing has been answered yet, and nothing will be from there: `ETIMEDOUT` is the code where that is for the
   * timeout. Called once at the most; answers before it returns.
   */
  readonly fail: (error: Error) => void;
}

/** @throws SlipwayError SLIP_REQUEST_INVALID */
export function forward(
  request: IncomingMessage,
  response: ServerResponse,
  upgrade: Upgrade | undefined,
  { connect, path, fields, timeout, fail }: Onward,
): void {
  requireKnownCoding(request);
  if (response.destroyed) return;
  let outgoing: ClientRequest | undefined;
  let answered = false;

  const refuse = (error: Error) => {
    if (answered) return;
    answered = true;
    fail(error);
  };

  function open(): Socket {
    const socket = connect();
    if (timeout !== undefined) {
      socket.setTimeout(timeout, () => {
        const waitsForClient = !socket.connecting && !request.complete && !outgoing?.writableNeedDrain;
        if (answered || waitsForClient) return;
        refuse(Object.assign(new Error(`no answer within ${timeout} ms`), { code: 'ETIMEDOUT' }));
        socket.destroy();
      });
    }
    return socket;
  }

  function begin(sent: ClientRequest): void {
    outgoing = sent;
    sent.path = path;
    response.once('close', () => sent.destroy());
    sent.once('close', () => {
      // What is left of the body is nobody's, but the client's next request comes after it.
      request.unpipe(sent);
      request.resume();
      refuse(new Error('the connection was closed without an answer'));
    });
  }

  function answer(incoming: IncomingMessage): void {
    const { statusCode = 0, statusMessage } = incoming;
    try {
      if (answered || statusCode < 200) throw new Error(`an answer of status ${statusCode}`);
      response.writeHead(statusCode, statusMessage, responseFields(incoming));
    } catch (error) {
      incoming.destroy();
      refuse(error as Error);
      return;
    }
    answered = true;
    response.flushHeaders();
    // Where either end breaks off, so does the other: an answer cut short must not look whole.
    pipeline(incoming, response, () => {});
  }

  const proxy = createProxyServer({
    target: { host: 'onward', port: 80 },
    agent: new OneConnection(open),
    toProxy: true,
    ignorePath: true,
    selfHandleResponse: true,
  });
  leaveOutPasses(proxy);
  proxy.on('proxyReq', begin);
  proxy.on('proxyRes', answer);
  proxy.on('proxyReqWs', sent => {
    begin(sent);
    // Before the library's own listener, which writes the answer.
    sent.once('upgrade', (incoming, upstream) => {
      answered = true;
      join(upgrade as Upgrade, upstream, response);
      incoming.headers = switchFields(incoming);
    });
  });
  request.headers = fields as IncomingMessage['headers'];
  if (upgrade) {
    proxy.ws(request, upgrade.socket, upgrade.head, {}, refuse);
    outgoing?.removeAllListeners('response').once('response', answer);
  } else {
    proxy.web(request, response, {}, refuse);
  }
}

/** An agent that pools nothing: a connection a request, closed after it. */
class OneConnection extends Agent {
  readonly #open: () => Socket;

  constructor(open: () => Socket) {
    super();
    this.#open = open;
  }

  override createConnection(): Socket {
    return this.#open();
  }
}

/** From now on the response is out of it, and two sockets live and die together. The library copies between them. */
function join({ socket }: Upgrade, upstream: Socket, response: ServerResponse): void {
  response.detachSocket(socket);
  socket.once('close', () => upstream.destroy());
  upstream.once('close', () => socket.destroySoon());
}

/** Its body would arrive in that coding still, and nothing would say so. */
function requireKnownCoding({ headers }: IncomingMessage): void {
  const coding = headers['transfer-encoding'];
  if (coding === undefined || coding.toLowerCase() === 'chunked') return;
  throw new SlipwayError('SLIP_REQUEST_INVALID', 'cannot pass on a body in a transfer coding other than `chunked`');
}

type Library = typeof import('http-proxy');

function leaveOutPasses(proxy: InstanceType<Library>): void {
  type Pass = (...args: readonly unknown[]) => unknown;
  const passes = proxy as unknown as { webPasses: readonly Pass[]; wsPasses: readonly Pass[] };
  passes.webPasses = passes.webPasses.filter(({ name }) => name !== 'deleteLength');
  passes.wsPasses = passes.wsPasses.filter(({ name }) => name !== 'checkMethodAndHeader');
}

function loadQuietly(): Library {
  const require = createRequire(import.meta.url);
  const util = require('node:util') as { _extend: unknown };
  const extend = util._extend;
  util._extend = Object.assign;
  try {
    return require('http-proxy') as Library;
  } finally {
    util._extend = extend;
  }
}
