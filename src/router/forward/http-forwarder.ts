/** The forwarder on top of Node's own HTTP server and client. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import { bound, boundAddress, descriptorOf, type ListenAddress } from '../../router-link/listen.ts';
import type { Upstream } from '../balancer.ts';
import { Exchange } from './exchange.ts';
import type { DataPlane, Forwarder, Listener } from './forwarder.ts';
import { onlyValue } from './headers.ts';
import { Pools } from './pools.ts';
import { sendProblem } from './problem.ts';
import { readTarget } from './target.ts';
import { canTunnel, Tunnel, withoutUpgrade } from './tunnel.ts';

const saneRequestId = /^[\w.:+/=@-]{1,128}$/;

/** How often clients are looked for that take too long over a request's head. */
const checkInterval: Milliseconds = 5_000;

/** How often connections without a request are looked for, once they are to end. */
const idleSweep: Milliseconds = 100;

export class HttpForwarder implements Forwarder {
  readonly #plane: DataPlane;
  readonly #pools: Pools;
  /** Those that accept no more too, as long as there may be connections of theirs. */
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #retiring = false;
  #emptied: (() => void) | undefined;

  constructor(plane: DataPlane) {
    this.#plane = plane;
    this.#pools = new Pools(plane.limits.poolIdle);
  }

  async listen(address: string, at: ListenAddress | { readonly fd: number }): Promise<Listener> {
    const server = this.#server();
    await bound(server, at, address);
    server.on('error', error => this.#plane.log.error({ address, cause: error.message }, 'cannot accept'));
    this.#servers.push(server);
    return {
      address,
      bound: boundAddress(server),
      fd: descriptorOf(server),
      // Not the HTTP server's own `close`, which also ends connections between two requests.
      close: () => void NetServer.prototype.close.call(server),
    };
  }

  connections(): number {
    return this.#sockets.size;
  }

  left(upstream: Upstream): void {
    this.#pools.remove(upstream);
  }

  async retire(linger: Milliseconds): Promise<void> {
    this.#retiring = true;
    if (this.#sockets.size === 0) return;
    const emptied = new Promise<void>(resolve => {
      this.#emptied = resolve;
    });
    let sweep: NodeJS.Timeout | undefined;
    const closeIdle = () => {
      for (const server of this.#servers) server.closeIdleConnections();
    };
    const timer = setTimeout(() => {
      closeIdle();
      sweep = setInterval(closeIdle, idleSweep);
    }, linger);
    await emptied;
    clearTimeout(timer);
    clearInterval(sweep);
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #server(): Server {
    const { limits } = this.#plane;
    const server = createServer({
      insecureHTTPParser: false,
      maxHeaderSize: limits.maxHead,
      headersTimeout: limits.clientHeadTimeout,
      connectionsCheckingInterval: Math.min(checkInterval, limits.clientHeadTimeout),
      // A body may take as long as it moves: the exchange's own idle limits hold.
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAlive,
      // So that a client that vanished without a word is noticed on an upgraded connection.
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    });
    server.maxHeadersCount = 0; // The size is limited; a limit on the number would drop fields silently.
    server.on('connection', socket => this.#track(socket));
    server.on('request', (request, response) => this.#serve(request, response, false));
    server.on('checkContinue', (request, response) => this.#serve(request, response, true));
    server.on('upgrade', (request, socket, head) => this.#upgrade(server, request, socket as Socket, head));
    return server;
  }

  #track(socket: Socket): void {
    if (this.#sockets.has(socket)) return;
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#emptied?.();
    });
  }

  #upgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (canTunnel(request)) {
      const tunnel = new Tunnel(request, socket, head);
      this.#serve(request, tunnel.response, false, tunnel);
    } else {
      socket.unshift(withoutUpgrade(request, head));
      server.emit('connection', socket);
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse, awaitsContinue: boolean, tunnel?: Tunnel): void {
    const sent = onlyValue(request.rawHeaders, 'x-request-id');
    const requestId = sent && saneRequestId.test(sent) ? sent : randomUUID();
    const target = readTarget(request);
    if ('status' in target) {
      response.shouldKeepAlive = false;
      sendProblem(response, target.status, target.detail, requestId);
      this.#plane.traffic.unrouted();
      return;
    }
    const match = this.#plane.routes().match(target.routedHost, target.path);
    if (!match) {
      if (this.#retiring || awaitsContinue) response.shouldKeepAlive = false;
      sendProblem(response, 404, 'no route leads from this host and path to a service', requestId);
      this.#plane.traffic.unrouted();
      return;
    }
    new Exchange(this.#plane, this.#pools, {
      request,
      response,
      target,
      match,
      requestId,
      awaitsContinue,
      tunnel,
      lastOfConnection: () => this.#retiring || tunnel !== undefined,
    }).start();
  }
}
