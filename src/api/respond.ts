/** Writing answers: whole, line by line as far as the client keeps up, or a problem. */
import { once } from 'node:events';
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { SlipwayError } from '../domain/errors.ts';
import type { Log } from '../logger.ts';
import type { Endpoint } from './contract.ts';
import { MethodUnknown, problemType, toProblem } from './problem.ts';

/** Writes what the handler gave, in the way that the endpoint's response says. */
export async function send(
  response: ServerResponse,
  { status, response: { kind, ...rest } }: Pick<Endpoint, 'status' | 'response'>,
  output: unknown,
  signal: AbortSignal,
): Promise<void> {
  if (kind === 'ndjson') return sendLines(response, status, output as AsyncIterable<unknown>, signal);
  const [type, body] =
    'contentType' in rest ? [rest.contentType, String(output)] : ['application/json', JSON.stringify(output)];
  write(response, status, type, body);
}

function write(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

async function sendLines(
  response: ServerResponse,
  status: number,
  items: AsyncIterable<unknown>,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(status, { 'content-type': 'application/x-ndjson' });
  if (response.req.method !== 'HEAD') {
    // A follower may have to wait long for the first line, but not to learn that it was accepted.
    response.flushHeaders();
    for await (const item of items) {
      if (!response.write(`${JSON.stringify(item)}\n`)) await once(response, 'drain', { signal });
    }
    signal.throwIfAborted();
  }
  response.end();
}

export function sendProblem(response: ServerResponse, error: unknown, log: Pick<Log, 'error'>): void {
  if (response.destroyed) return;
  if (!(error instanceof SlipwayError)) log.error({ err: error }, 'cannot answer a request');
  if (response.headersSent) {
    // The answer has begun: cutting it off is the only way left to say that it isn't whole.
    response.destroy();
    return;
  }
  if (error instanceof MethodUnknown) response.setHeader('allow', error.allow);
  const problem = toProblem(error);
  write(response, problem.status, problemType, JSON.stringify(problem));
}

/** What the HTTP parser itself refuses has no response object yet. */
export function refuseConnection(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = toProblem(
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new SlipwayError('SLIP_REQUEST_TOO_LARGE', 'cannot take a request with so long a head')
      : new SlipwayError(
          'SLIP_REQUEST_INVALID',
          'cannot read the request: it is not HTTP/1.1, or did not come in time',
        ),
  );
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
