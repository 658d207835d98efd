/**
 * A client connection whose request asks for an upgrade. The HTTP parser has let go of it: what the client sends is
 * kept until the instance agrees, then bytes go both ways, each side as fast as the other reads.
 */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { responseHeaders } from './headers.ts';

/** Nothing is due from the client before the instance has agreed. */
const mostEarlyBytes = 64 * 1024;

export class Tunnel {
  /** For an answer that is no upgrade; the connection ends after it. */
  readonly response: ServerResponse;
  readonly #socket: Socket;
  readonly #early: Buffer[];
  #earlyBytes: number;

  constructor(request: IncomingMessage, socket: Socket, head: Buffer) {
    this.#socket = socket;
    this.#early = [head];
    this.#earlyBytes = head.length;
    const response = new ServerResponse(request);
    this.response = response;
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.destroySoon());
    socket.on('error', () => {}); // `close` follows.
    socket.on('drain', this.#drained);
    socket.on('data', this.#keep);
    socket.on('end', this.#abandoned);
  }

  /** The instance agreed. */
  open(incoming: IncomingMessage, upstream: Socket, head: Buffer, requestId: string): void {
    const socket = this.#socket;
    socket.off('drain', this.#drained).off('data', this.#keep).off('end', this.#abandoned);
    this.response.detachSocket(socket);
    upstream.on('error', () => {});
    upstream.setTimeout(0);
    if (socket.destroyed) {
      upstream.destroy();
      return;
    }
    socket.write(switching(incoming, requestId), 'latin1');
    if (head.length > 0) socket.write(head);
    if (this.#earlyBytes > 0) upstream.write(Buffer.concat(this.#early));
    socket.pipe(upstream);
    upstream.pipe(socket);
    socket.once('close', failed => end(upstream, failed));
    upstream.once('close', failed => end(socket, failed));
  }

  readonly #drained = () => this.response.emit('drain');
  readonly #abandoned = () => this.#socket.destroy();
  readonly #keep = (chunk: Buffer) => {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > mostEarlyBytes) this.#socket.pause();
  };
}

/**
 * Whether an upgrade can be passed on. HTTP/2 over cleartext can't: its streams could not be balanced, and RFC 9113
 * has withdrawn this way to it. Nor can one with a body, which would have to be framed and tunnelled at once. A
 * server may ignore the wish (RFC 9110, section 7.8).
 */
export function canTunnel(request: IncomingMessage): boolean {
  const { upgrade = '', 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  const protocols = upgrade.toLowerCase().split(',');
  return Number(length) === 0 && coding === undefined && !protocols.some(name => name.trim() === 'h2c');
}

/** The request as it came, but for the wish. It has passed the parser, so it can be written down again as it is. */
export function withoutUpgrade(request: IncomingMessage, head: Buffer): Buffer {
  let text = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`;
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] as string;
    if (name.toLowerCase() !== 'upgrade') text += `${name}: ${request.rawHeaders[index + 1]}\r\n`;
  }
  return Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]);
}

function switching(incoming: IncomingMessage, requestId: string): string {
  const fields = responseHeaders(incoming.rawHeaders, requestId, false);
  fields.push('Connection', 'Upgrade');
  if (incoming.headers.upgrade !== undefined) fields.push('Upgrade', incoming.headers.upgrade);
  let text = `HTTP/1.1 101 ${incoming.statusMessage ?? ''}\r\n`;
  for (let index = 0; index < fields.length; index += 2) text += `${fields[index]}: ${fields[index + 1]}\r\n`;
  return `${text}\r\n`;
}

function end(socket: Socket, failed: boolean): void {
  if (failed) socket.destroy();
  else socket.destroySoon();
}
