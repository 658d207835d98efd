/** What a client gets that keeps to nothing: bytes in, one parsed answer out. */
import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Sends `bytes` as they are and reads until the server closes: ask it to with `connection: close`, or close this end
 * after them with `halfClose`.
 */
export function rawExchange(
  socketPath: string,
  bytes: string | Buffer,
  { halfClose = false } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ path: socketPath, allowHalfOpen: halfClose });
    socket.on('end', () => socket.end());
    socket.on('data', chunk => chunks.push(chunk));
    // A server that refuses early may close while we are still writing.
    socket.on('error', error => chunks.length === 0 && reject(error));
    socket.on('close', () => resolve(parseAnswer(Buffer.concat(chunks).toString('utf8'))));
    if (halfClose) socket.end(bytes);
    else socket.write(bytes);
  });
}

export function rawRequest(
  socketPath: string,
  method: string,
  target: string,
  body?: { readonly type?: string; readonly bytes: string | Buffer },
): Promise<RawAnswer> {
  const head = [`${method} ${target} HTTP/1.1`, 'host: slipway', 'connection: close'];
  if (body) head.push(`content-length: ${Buffer.byteLength(body.bytes)}`);
  if (body?.type !== undefined) head.push(`content-type: ${body.type}`);
  const bytes = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body?.bytes ?? '')]);
  return rawExchange(socketPath, bytes);
}

function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  return { status: Number(statusLine.split(' ')[1]), headers, body: text.slice(end + 4) };
}
