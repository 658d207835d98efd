/** A request by Node's own client, and an instance that tells what it was asked. */
import { once } from 'node:events';
import { type Agent, type IncomingHttpHeaders, type IncomingMessage, type RequestListener, request } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: NodeJS.Dict<string>;
  readonly bytes: Buffer;
  readonly body: string;
}

export interface Ask {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Record<string, string> | readonly string[];
  readonly body?: string;
  readonly agent?: Agent;
}

export async function ask(
  port: number,
  { path = '/', method = 'GET', headers = {}, body, agent }: Ask = {},
): Promise<HttpAnswer> {
  const outgoing = request({ port, host: '127.0.0.1', path, method, headers, agent: agent ?? false });
  outgoing.on('error', () => {}); // Before the response `once` rejects, after it the response fails.
  outgoing.end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const { statusCode = 0, headers: answered, trailers } = incoming;
  return { status: statusCode, headers: answered, trailers, bytes, body: bytes.toString() };
}

/** Answers with what it was asked, its name among it. */
export function echo(name: string): RequestListener {
  return (incoming, response) => {
    let body = '';
    incoming.on('data', chunk => {
      body += chunk;
    });
    incoming.on('end', () => {
      const { method, url, rawHeaders, headers, rawTrailers } = incoming;
      response.end(JSON.stringify({ name, method, url, rawHeaders, headers, rawTrailers, body }));
    });
  };
}
