/** As much of gRPC over HTTP/2 as it takes to see whether it passes: message framing, trailers with a status. */
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';

export function framed(text: string): Buffer {
  const message = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Takes messages out of the octets of a stream. */
class Messages {
  readonly all: string[] = [];
  #rest: Buffer = Buffer.alloc(0);
  readonly #told: (text: string) => void;

  constructor(told: (text: string) => void = () => {}) {
    this.#told = told;
  }

  readonly take = (chunk: Buffer): void => {
    let octets = Buffer.concat([this.#rest, chunk]);
    while (octets.length >= 5) {
      const end = 5 + octets.readUInt32BE(1);
      if (octets.length < end) break;
      const text = octets.toString('utf8', 5, end);
      octets = octets.subarray(end);
      this.all.push(text);
      this.#told(text);
    }
    this.#rest = octets;
  };
}

/** Answers `/echo/…`: a message for each; `/sum`: how many there were; `/list`: as many as asked for; `/deny`: no. */
export function serveGrpc(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const path = headers[':path'];
  if (path === '/deny') {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '7' }, { endStream: true });
    stream.resume();
    return;
  }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': 'fine' }));
  const messages = new Messages(text => {
    if (path === '/echo') stream.write(framed(`echo ${text}`));
    if (path === '/list') for (let index = 0; index < Number(text); index++) stream.write(framed(`item ${index}`));
  });
  stream.on('data', messages.take);
  stream.on('end', () => {
    if (path === '/sum') stream.write(framed(`${messages.all.length}`));
    stream.end();
  });
}

export class GrpcCall {
  readonly stream: ClientHttp2Stream;
  readonly messages = new Messages();
  headers: IncomingHttpHeaders = {};
  trailers: IncomingHttpHeaders = {};
  isClosed = false;

  constructor(session: ClientHttp2Session, path: string) {
    this.stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': '10S',
    });
    this.stream.on('response', headers => {
      this.headers = headers;
    });
    this.stream.on('trailers', trailers => {
      this.trailers = trailers;
    });
    this.stream.on('data', this.messages.take);
    this.stream.on('error', () => {});
    this.stream.on('close', () => {
      this.isClosed = true;
    });
  }

  get status(): string {
    return String(this.trailers['grpc-status'] ?? this.headers['grpc-status']);
  }

  send(...texts: readonly string[]): this {
    for (const text of texts) this.stream.write(framed(text));
    return this;
  }
}
