/**
 * The API from the other end of the socket, typed by the contract and loading none of it. Every failure is a
 * {@link SlipwayError}: the daemon's own, or SLIP_DAEMON_UNREACHABLE.
 */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCatalog, SlipwayError } from '../domain/errors.ts';
import { withSocketPath } from '../router-link/socket-path.ts';
import type { Arguments, Item, JsonOperation, Operation, Output, StreamOperation } from './contract.ts';

export interface ClientOptions {
  readonly socketPath: string;
  /** Who asks, for the audit record. */
  readonly actor: string;
}

interface AnyArguments {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | boolean>>;
  readonly body?: unknown;
}

export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  get actor(): string {
    return this.#options.actor;
  }

  /** A connection of its own, for what is no operation of the contract. {@link explain} its errors. */
  connect(): Socket {
    return withSocketPath(this.#options.socketPath, fitting => connect(fitting));
  }

  async call<K extends JsonOperation>(operation: K, args: Arguments<K>, signal?: AbortSignal): Promise<Output<K>> {
    return JSON.parse(await this.#text(operation, args as AnyArguments, signal));
  }

  /** Ends when the daemon has no more, or when the signal aborts. */
  async *stream<K extends StreamOperation>(
    operation: K,
    args: Arguments<K>,
    signal: AbortSignal,
  ): AsyncGenerator<Item<K>> {
    try {
      const response = await this.#send(operation, args as AnyArguments, signal);
      for await (const line of lines(response)) yield JSON.parse(line);
    } catch (error) {
      if (!signal.aborted) throw this.explain(error);
    }
  }

  /** Hands a package over as a stream. */
  async upload(
    name: string,
    query: NonNullable<Arguments<'POST /v1/services/:name/deploy'>['query']>,
    package_: Readable,
    signal?: AbortSignal,
  ): Promise<Output<'POST /v1/services/:name/deploy'>> {
    const args = { params: { name }, query, body: package_ };
    return JSON.parse(await this.#text('POST /v1/services/:name/deploy', args, signal));
  }

  async #text(operation: Operation, args: AnyArguments, signal: AbortSignal | undefined): Promise<string> {
    try {
      return await textOf(await this.#send(operation, args, signal));
    } catch (error) {
      signal?.throwIfAborted();
      throw this.explain(error);
    }
  }

  /** @returns the response, if it is a success */
  async #send(
    operation: Operation,
    { params = {}, query = {}, body }: AnyArguments,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const [method = '', template = ''] = operation.split(' ');
    const path = template.replaceAll(/:(\w+)/g, (_, key: string) => encodeURIComponent(params[key] ?? ''));
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) search.set(key, String(value));
    const sent = request({
      createConnection: () => this.connect(),
      method,
      path: search.size > 0 ? `${path}?${search}` : path,
      headers: {
        host: 'slipway',
        'x-slipway-actor': this.#options.actor,
        ...(body !== undefined && {
          'content-type': body instanceof Readable ? 'application/octet-stream' : 'application/json',
        }),
      },
      ...(signal && { signal }),
    });
    const responded = once(sent, 'response') as Promise<[IncomingMessage]>;
    if (body instanceof Readable) {
      // An early refusal ends the upload: the response is what counts then.
      pipeline(body, sent).catch(error => body.errored && sent.destroy(error));
    } else {
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    }
    const [response] = await responded;
    if ((response.statusCode ?? 500) < 300) return response;
    throw refusal(await textOf(response));
  }

  /** @returns SLIP_DAEMON_UNREACHABLE, or the error itself where it doesn't come from the connection */
  explain(error: unknown): unknown {
    if (error instanceof SlipwayError || !(error instanceof Error)) return error;
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === undefined ? undefined : reasons[code];
    if (why === undefined) return error;
    const message = `cannot reach the daemon at ${this.#options.socketPath}: ${why}`;
    const details = ['If one runs with another home, name that by --home or SLIPWAY_HOME.'];
    return new SlipwayError('SLIP_DAEMON_UNREACHABLE', message, { details, cause: error });
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no socket',
  ENOTDIR: 'there is no socket',
  ECONNREFUSED: 'the socket is there, but nobody listens',
  EACCES: 'permission denied; run this as its owner, or as one of the group that may write to the socket',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
};

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}

/** The error behind a problem. A code that this version doesn't know came from a newer daemon. */
function refusal(text: string): SlipwayError {
  const { code, detail, details } = readProblem(text);
  if (code in errorCatalog) return new SlipwayError(code as keyof typeof errorCatalog, detail, { details });
  return new SlipwayError('SLIP_INTERNAL', `${detail} (${code})`, { details });
}

function readProblem(text: string): { code: string; detail: string; details: string[] } {
  try {
    const { code, detail, details } = JSON.parse(text);
    return { code: String(code), detail: String(detail), details: Array.from(details ?? [], String) };
  } catch {
    return { code: 'SLIP_INTERNAL', detail: 'cannot understand the answer: it is no problem document', details: [] };
  }
}
