/**
 * Requests that ask for another protocol. Node hands their socket over bare; here it gets back what other requests
 * have: a response to write an answer to, an end that is noticed, and a close of the server that reaches it.
 */
import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { SlipwayError } from '../domain/errors.ts';

export interface Upgrade {
  readonly socket: Socket;
  /** What came after the request. */
  readonly head: Buffer;
}

export class Upgrades {
  readonly #sockets = new Set<Socket>();

  /** @param handle answers by the response, or detaches it from the socket and has that for itself */
  constructor(server: Server, handle: (request: IncomingMessage, response: ServerResponse, upgrade: Upgrade) => void) {
    server.on('upgrade', (request, stream, head) => {
      const socket = stream as Socket;
      // A client's reset would end this process: nobody else listens until there is a tunnel.
      socket.on('error', () => {});
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      const response = new ServerResponse(request);
      response.shouldKeepAlive = false;
      try {
        response.assignSocket(socket);
      } catch {
        // An earlier request of this connection still waits for its answer.
        socket.destroy();
        return;
      }
      response.once('finish', () => socket.destroySoon());
      socket.once('end', () => {
        if (response.socket !== null) socket.destroy();
      });
      handle(request, response, { socket, head });
    });
  }

  /** Cuts off all of them. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** @throws SlipwayError SLIP_REQUEST_INVALID: where a body ends and the other protocol begins is no longer known */
export function requireNoBody({ headers }: IncomingMessage): void {
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0) return;
  throw new SlipwayError('SLIP_REQUEST_INVALID', 'cannot take a body with a request that asks for an upgrade');
}
