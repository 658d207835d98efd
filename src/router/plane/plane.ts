/**
 * The data plane: HTTP/1.1 between clients and instances, on TCP sockets.
 *
 * - One sweep looks after all limits in time, so no request needs a timer of its own.
 * - There is no sweep while there is nothing to look after.
 */
import { createServer, type Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import type { Listen } from '../../domain/listen.ts';
import { bound, boundText, descriptorOf, type ListenAddress, listenOf } from '../../router-link/listen.ts';
import type { Upstream } from '../balancer.ts';
import { Client, type ClientHost } from './client.ts';
import type { DataPlane, Forwarder, Listener } from './forwarder.ts';
import { Pools } from './pools.ts';

const tick: Milliseconds = 100;
/** A client that vanished without a word is noticed by this also on an upgraded connection. */
const keepAliveProbe: Milliseconds = 60_000;

export interface PlaneOptions {
  /** Whether to use only what Node documents, which costs more. */
  readonly byDocument?: boolean;
}

export class Plane implements Forwarder, ClientHost {
  readonly plane: DataPlane;
  readonly pools: Pools;
  readonly tick = tick;
  readonly byDocument: boolean;
  readonly #clients = new Set<Client>();
  #sweep: NodeJS.Timeout | undefined;
  #now = performance.now();
  #second = 0;
  #date = '';
  #isRetiring = false;
  #endsIdle = false;
  #emptied: (() => void) | undefined;

  constructor(plane: DataPlane, { byDocument = false }: PlaneOptions = {}) {
    this.plane = plane;
    this.byDocument = byDocument;
    this.pools = new Pools(plane.limits, byDocument);
  }

  get now(): Milliseconds {
    return this.#now;
  }

  get isRetiring(): boolean {
    return this.#isRetiring;
  }

  get endsIdle(): boolean {
    return this.#endsIdle;
  }

  date(): string {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = new Date(now).toUTCString();
    }
    return this.#date;
  }

  async listen(address: string, at: ListenAddress | { readonly fd: number }): Promise<Listener> {
    const listen = listenOf(address);
    const server = createServer(
      {
        allowHalfOpen: true,
        pauseOnConnect: true,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: keepAliveProbe,
      },
      socket => this.#accept(socket, listen),
    );
    await bound(server, at, address);
    server.on('error', error => this.plane.log.error({ address, cause: error.message }, 'cannot accept'));
    return { address, bound: boundText(server, listen), fd: descriptorOf(server), close: () => void server.close() };
  }

  connections(): number {
    return this.#clients.size;
  }

  left(upstream: Upstream): void {
    this.pools.flush(upstream);
  }

  gone(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#emptied?.();
  }

  async retire(linger: Milliseconds): Promise<void> {
    this.#isRetiring = true;
    if (this.#clients.size === 0) return;
    const emptied = new Promise<void>(resolve => {
      this.#emptied = resolve;
    });
    const timer = setTimeout(() => {
      this.#endsIdle = true;
    }, linger);
    await emptied;
    clearTimeout(timer);
  }

  destroy(): void {
    for (const client of this.#clients) client.wire.destroy();
  }

  #accept(socket: Socket, listen: Listen): void {
    socket.on('error', () => {}); // Its `close` follows.
    if (!this.#sweep) {
      this.#now = performance.now();
      this.#sweep = setInterval(() => this.#look(), tick);
    }
    switch (listen.scheme) {
      case 'http':
        this.#clients.add(new Client(this, socket));
        break;
      case 'https':
      case 'tcp':
        socket.destroy();
        break;
      default:
        listen.scheme satisfies never;
    }
  }

  #look(): void {
    const now = performance.now();
    this.#now = now;
    for (const client of this.#clients) client.check(now);
    this.pools.closeIdle(now);
    if (this.#clients.size > 0 || !this.pools.isEmpty) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
