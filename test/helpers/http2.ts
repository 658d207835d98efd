/** Clients and instances that speak HTTP/2, and clients that write its frames themselves. */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import { type AddressInfo, connect as connectSocket, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  /** 1xx responses, as they came. */
  readonly informed: readonly IncomingHttpHeaders[];
  /** Of RST_STREAM. */
  readonly code: number;
}

/** @param url such as `http://127.0.0.1:8080` */
export async function http2Client(
  t: Pick<TestContext, 'after'>,
  url: string,
  options: SecureClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const session = connect(url, { rejectUnauthorized: false, ...options });
  session.on('error', () => {});
  t.after(() => session.destroy());
  await once(session, 'connect');
  return session;
}

export interface Asked {
  readonly body?: string | Buffer;
  readonly trailers?: OutgoingHttpHeaders;
}

/** Resolves when the stream is closed, however that came. */
export function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders, { body, trailers }: Asked = {}) {
  const endStream = body === undefined && trailers === undefined;
  const stream = session.request(headers, { endStream, waitForTrailers: trailers !== undefined });
  if (trailers) stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  if (!endStream) stream.end(body);
  return answerOf(stream);
}

export function answerOf(stream: ClientHttp2Stream): Promise<Http2Answer> {
  return new Promise(resolve => {
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const informed: IncomingHttpHeaders[] = [];
    const chunks: Buffer[] = [];
    stream.on('headers', fields => informed.push({ ...fields }));
    stream.on('response', fields => {
      headers = { ...fields };
    });
    stream.on('trailers', fields => {
      trailers = { ...fields };
    });
    stream.on('data', chunk => chunks.push(chunk));
    stream.on('error', () => {});
    stream.on('close', () =>
      resolve({
        status: Number(headers[':status'] ?? 0),
        headers,
        body: Buffer.concat(chunks).toString('latin1'),
        trailers,
        informed,
        code: stream.rstCode ?? 0,
      }),
    );
  });
}

export interface Http2Instance {
  readonly port: number;
  /** Those that are open. */
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  /** That were ever made. */
  connections: number;
}

/** An instance that speaks HTTP/2 without TLS. */
export async function http2Instance(
  t: TestContext,
  serve: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) => void,
  options: ServerOptions = {},
): Promise<Http2Instance> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(options);
  const instance = { port: 0, sessions, connections: 0 };
  server.on('session', session => {
    instance.connections += 1;
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
  });
  const onStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
    stream.on('error', () => {});
    serve(stream, headers, raw);
  };
  server.on('stream', onStream as Parameters<typeof server.on>[1]);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  instance.port = (server.address() as AddressInfo).port;
  return instance;
}

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const octets = Buffer.from(payload as string, 'latin1');
  const head = Buffer.alloc(9);
  head.writeUIntBE(octets.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, octets]);
}

/** Fields as HPACK literals without indexing (RFC 7541, section 6.2.2). */
export function block(...fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const octets = Buffer.from(text, 'latin1');
  if (octets.length < 127) return Buffer.concat([Buffer.from([octets.length]), octets]);
  const length = [127];
  let rest = octets.length - 127;
  for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), octets]);
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const pseudo = (method = 'GET', path = '/') =>
  [
    [':method', method],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'x'],
  ] as const;

/** A client that writes frames as the test says. */
export class FrameClient {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  ended = false;
  #rest: Buffer = Buffer.alloc(0);

  /** @param begin whether the preface and empty SETTINGS are sent at once */
  constructor(t: Pick<TestContext, 'after'>, port: number, begin = true) {
    this.socket = connectSocket({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.ended = true;
    });
    this.socket.on('data', chunk => this.#read(chunk));
    t.after(() => this.socket.destroy());
    if (begin) this.send(preface, frame(frameType.settings, 0, 0));
  }

  send(...octets: readonly Buffer[]): this {
    this.socket.write(Buffer.concat(octets));
    return this;
  }

  /** HEADERS with all of the fields. */
  headers(stream: number, fields: readonly (readonly [string, string])[], ended = true): this {
    const flags = flag.endHeaders | (ended ? flag.endStream : 0);
    return this.send(frame(frameType.headers, flags, stream, block(...fields)));
  }

  data(stream: number, payload: string, ended = false): this {
    return this.send(frame(frameType.data, ended ? flag.endStream : 0, stream, payload));
  }

  of(type: number, stream?: number): readonly Frame[] {
    return this.frames.filter(one => one.type === type && (stream === undefined || one.stream === stream));
  }

  /** The code of the first RST_STREAM on the stream; -1 for none. */
  resetCode(stream: number): number {
    return this.of(frameType.reset, stream)[0]?.payload.readUInt32BE(0) ?? -1;
  }

  /** The code of the last GOAWAY; -1 for none. */
  goawayCode(): number {
    return this.of(frameType.goaway).at(-1)?.payload.readUInt32BE(4) ?? -1;
  }

  /** Whether the stream is ended by the other side as it should be. */
  isComplete(stream: number): boolean {
    return this.frames.some(
      one =>
        one.stream === stream &&
        (one.type === frameType.data || one.type === frameType.headers) &&
        (one.flags & 1) === 1,
    );
  }

  #read(chunk: Buffer): void {
    let octets = Buffer.concat([this.#rest, chunk]);
    while (octets.length >= 9) {
      const end = 9 + octets.readUIntBE(0, 3);
      if (octets.length < end) break;
      const payload = Buffer.from(octets.subarray(9, end));
      const one = { type: octets[3] as number, flags: octets[4] as number, stream: octets.readUInt32BE(5), payload };
      this.frames.push(one);
      octets = octets.subarray(end);
    }
    this.#rest = octets;
  }
}
