/**
 * The API on its unix socket. It keeps:
 * - every answer that is not a success is a problem (RFC 9457), whatever was sent;
 * - nothing of an unexpected error reaches the client; it is in the log;
 * - what a request set in motion learns when its client goes away;
 * - closing cuts followers off, so that they can tell it from the end of what they read.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type * as z from 'zod';
import type { Actor } from '../control/contract.ts';
import { SlipwayError } from '../domain/errors.ts';
import type { Log } from '../logger.ts';
import { readBody } from './body.ts';
import { contract, type Endpoint, type Input, type InstanceAddress, type Operation } from './contract.ts';
import { type Call, createHandlers, type Services } from './handlers.ts';
import { closeServer, type Listening, listenOnSocket } from './listen.ts';
import { match } from './match.ts';
import { invalidRequest } from './problem.ts';
import { refuseConnection, send, sendProblem } from './respond.ts';
import { requireNoBody, type Upgrade, Upgrades } from './upgrades.ts';

export interface ApiOptions extends Services {
  /** The caller holds the lock of this home, so a socket that is there already is a stale one. */
  readonly socketPath: string;
  readonly log: Log;
}

/** A request with its whole body, however long the upload, must be there within this; in ms. */
const requestTimeout = 3_600_000;

/** @throws SlipwayError SLIP_LISTEN_FAILED */
export async function serveApi({ socketPath, log, ...services }: ApiOptions): Promise<Listening> {
  const handlers = createHandlers(services);
  const reads = new Set<AbortController>();
  let closing: Promise<void> | undefined;

  async function answer(request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): Promise<void> {
    const call = new AbortController();
    response.on('close', () => {
      reads.delete(call);
      if (!response.writableFinished) call.abort(new Error('the client is gone'));
    });
    try {
      if (closing) throw stopping();
      if (upgrade) requireNoBody(request);
      const { operation, params, query, rest } = match(request.method ?? '', request.url ?? '');
      const endpoint: Endpoint = contract[operation];
      if (endpoint.access === 'read') reads.add(call);
      const input = {
        params: check('path', endpoint.params, params),
        query: check('query', endpoint.query, query),
        body: await bodyOf(request, endpoint),
      };
      const actor = actorOf(request);
      if (endpoint.access === 'write') log.info({ actor, operation, ...params }, 'request');
      // `match` pairs an operation with its own schemas, which the compiler can't follow through the table.
      const handle = handlers[operation] as (input: Input<Operation>, call: Call) => Promise<unknown>;
      const output = await handle(input as Input<Operation>, { actor, signal: call.signal });
      if (endpoint.response.kind !== 'instance') return await send(response, endpoint, output, call.signal);
      // Loads a library that few daemons ever need.
      const { forwardToInstance } = await import('./instance-proxy.ts');
      call.signal.throwIfAborted();
      forwardToInstance(request, response, upgrade, output as InstanceAddress, rest, problem => {
        sendProblem(response, problem, log);
      });
    } catch (error) {
      sendProblem(response, call.signal.aborted ? call.signal.reason : error, log);
    }
  }

  const server = createServer({ requireHostHeader: false, requestTimeout }, (request, response) => {
    void answer(request, response);
  });
  const upgrades = new Upgrades(server, (request, response, upgrade) => void answer(request, response, upgrade));
  server.on('clientError', refuseConnection);
  const removeSocket = await listenOnSocket(server, socketPath);

  async function close(): Promise<void> {
    const closed = closeServer(server);
    for (const call of reads) call.abort(stopping());
    upgrades.close();
    await Promise.all([closed, removeSocket()]);
  }
  return {
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function check(part: string, schema: z.ZodType | undefined, given: Readonly<Record<string, unknown>>): unknown {
  if (schema) {
    const { success, data, error } = schema.safeParse(given);
    if (success) return data;
    throw invalidRequest(part, error.issues);
  }
  if (Object.keys(given).length === 0) return {};
  throw new SlipwayError('SLIP_REQUEST_INVALID', `cannot take a ${part} here: this endpoint has none`);
}

async function bodyOf(request: IncomingMessage, { body: schema, upload }: Endpoint): Promise<unknown> {
  if (!schema) return { kind: 'json', value: {} };
  const body = await readBody(request, upload ?? false);
  if (body.kind === 'upload') return body;
  const { success, data, error } = schema.safeParse(body.value);
  if (!success) throw invalidRequest('body', error.issues);
  return { kind: 'json', value: data };
}

/** A unix socket doesn't tell Node who is at its other end; the client says it, for the record only. */
function actorOf(request: IncomingMessage): Actor {
  const said = request.headers['x-slipway-actor'];
  return typeof said === 'string' && /^[\x20-\x7e]{1,80}$/.test(said) ? said : 'api';
}

function stopping(): SlipwayError {
  return new SlipwayError('SLIP_STOPPING', 'cannot go on: the daemon is stopping');
}
