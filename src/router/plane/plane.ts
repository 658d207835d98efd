/**
 * The data plane: HTTP/1.1 and HTTP/2 between clients and instances, on sockets that are plain or secured.
 *
 * - One sweep looks after all limits in time, so no request needs a timer of its own.
 * - There is no sweep while there is nothing to look after.
 * - When descriptors run short, connections are closed as soon as they are accepted, rather than left without an instance.
 */
import { createServer, type Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import type { Listen } from '../../domain/listen.ts';
import { defaultSettings, type RouterSettings } from '../../domain/router-spec.ts';
import { bound, boundText, descriptorOf, type ListenAddress, listenOf } from '../../router-link/listen.ts';
import type { Upstream } from '../balancer/upstream.ts';
import { ClientSession } from '../http2/client-session.ts';
import { Terminator } from '../tls/terminator.ts';
import { Client, type ClientHost, type ClientKeeper } from './client.ts';
import type { Connection, Peer } from './connection.ts';
import { highestDescriptor } from './descriptors.ts';
import type { DataPlane, Forwarder, Listener } from './forwarder.ts';
import { Handshake } from './handshake.ts';
import { Pools } from './pools.ts';
import { SecureWire } from './secure-wire.ts';
import { SocketWire } from './socket-wire.ts';
import type { WireOwner } from './wire.ts';

const tick: Milliseconds = 100;
/** A client that vanished without a word is noticed by this also on an upgraded connection. */
const keepAliveProbe: Milliseconds = 60_000;

export interface PlaneOptions {
  /** Whether to use only what Node documents, which costs more. */
  readonly byDocument?: boolean;
  /** Of the file with the key that workers have in common; absent: they have none. */
  readonly ticketKeyPath?: string;
}

export class Plane implements Forwarder, ClientHost, ClientKeeper {
  readonly plane: DataPlane;
  readonly pools: Pools;
  readonly tick = tick;
  readonly byDocument: boolean;
  readonly #terminator: Terminator;
  readonly #connections = new Set<Connection>();
  httpsPort: number | false = defaultSettings.redirectToHttps;
  readonly #highestDescriptor = highestDescriptor();
  #isShort = false;
  #http2 = defaultSettings.http2;
  #sweep: NodeJS.Timeout | undefined;
  #now = performance.now();
  #second = 0;
  #date = '';
  #isRetiring = false;
  #endsIdle = false;
  #emptied: (() => void) | undefined;

  constructor(plane: DataPlane, { byDocument = false, ticketKeyPath }: PlaneOptions = {}) {
    const { log, limits } = plane;
    this.plane = plane;
    this.byDocument = byDocument;
    this.pools = new Pools(limits, byDocument);
    this.#terminator = new Terminator(log, limits.clientHeadTimeout, ticketKeyPath, defaultSettings);
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

  configure(settings: RouterSettings): void {
    this.httpsPort = settings.redirectToHttps;
    this.#http2 = settings.http2;
    this.#terminator.apply(settings);
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
    return this.#connections.size;
  }

  left(upstream: Upstream): void {
    this.pools.flush(upstream);
  }

  gone(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#emptied?.();
  }

  async retire(linger: Milliseconds): Promise<void> {
    this.#isRetiring = true;
    if (this.#connections.size === 0) return;
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
    for (const connection of this.#connections) connection.destroy();
  }

  #accept(socket: Socket, listen: Listen): void {
    socket.on('error', () => {}); // Its `close` follows.
    if (descriptorOf(socket) > this.#highestDescriptor) {
      this.#turnAway(socket);
      return;
    }
    if (!this.#sweep) {
      this.#now = performance.now();
      this.#sweep = setInterval(() => this.#look(), tick);
    }
    switch (listen.scheme) {
      case 'http':
        this.#serve(socket);
        break;
      case 'https':
        this.#secure(socket);
        break;
      case 'tcp':
        socket.destroy();
        break;
      default:
        listen.scheme satisfies never;
    }
  }

  #serve(socket: Socket): void {
    const peer = { address: socket.remoteAddress, isSecure: false };
    const keeper: ClientKeeper = {
      gone: client => this.gone(client),
      prefaced: (client, bytes, start, end) => {
        if (!this.#http2) return false;
        const released = wire.release(bytes, start, end);
        process.nextTick(() => {
          this.#serveStreams(released, peer);
          this.gone(client);
        });
        return true;
      },
    };
    let wire: SocketWire;
    const open = (owner: WireOwner) => {
      wire = SocketWire.accepted(owner, socket, this.byDocument);
      return wire;
    };
    this.#connections.add(new Client(this, peer, open, keeper));
  }

  #serveStreams(socket: Socket, peer: Peer): void {
    if (socket.destroyed) return;
    this.#connections.add(new ClientSession(this, socket, (open, gone) => new Client(this, peer, open, { gone })));
  }

  #secure(socket: Socket): void {
    const handshake = new Handshake(socket, () => this.gone(handshake));
    this.#connections.add(handshake);
    const { remoteAddress: address } = socket;
    this.#terminator.secure(socket, {
      secured: secured => {
        const tlsVersion = secured.getProtocol()?.replace('TLSv', '');
        const peer = { address, isSecure: true, tlsVersion };
        if (secured.alpnProtocol === 'h2') this.#serveStreams(secured, peer);
        else this.#connections.add(new Client(this, peer, owner => new SecureWire(owner, secured, socket), this));
        handshake.over();
      },
      failed: why => this.plane.traffic.rejected(why),
    });
  }

  #turnAway(socket: Socket): void {
    socket.destroy();
    this.plane.traffic.rejected('descriptors-short');
    if (this.#isShort) return;
    this.#isShort = true;
    this.plane.log.warn(
      { connections: this.#connections.size, highest: this.#highestDescriptor },
      'descriptors run short: new connections are closed; raise the limit on open files, or the number of workers',
    );
  }

  #look(): void {
    this.#isShort = false;
    const now = performance.now();
    this.#now = now;
    for (const connection of this.#connections) connection.check(now);
    this.plane.balancer.look(now);
    this.pools.closeIdle(now);
    if (this.#connections.size > 0 || !this.pools.isEmpty) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
