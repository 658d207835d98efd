/**
 * The data plane: from clients to instances, by HTTP/1.1 and HTTP/2, on sockets that are plain or secured.
 *
 * - One sweep looks after all limits in time, so no request needs a timer of its own.
 * - There is no sweep while there is nothing to look after.
 * - When descriptors run short, connections are closed as soon as they are accepted, rather than left without an instance.
 */
import { createServer, type Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import { parseIp } from '../../domain/ip.ts';
import type { Listen } from '../../domain/listen.ts';
import { Networks } from '../../domain/networks.ts';
import { defaultSettings, type RouterSettings } from '../../domain/router-spec.ts';
import { bound, boundText, descriptorOf, type ListenAddress, listenOf } from '../../router-link/listen.ts';
import type { Upstream } from '../balancer/upstream.ts';
import { RequestHead } from '../http1/request-head.ts';
import { ClientSession } from '../http2/client-session.ts';
import type { Terminator } from '../tls/terminator.ts';
import { Client, type ClientHost, type ClientKeeper } from './client.ts';
import type { Connection, Peer } from './connection.ts';
import { highestDescriptor } from './descriptors.ts';
import type { DataPlane, Forwarder, Listener } from './forwarder.ts';
import { Handshake } from './handshake.ts';
import { Introduction } from './introduction.ts';
import { Origin, plainAddress } from './origin.ts';
import { Passage, type PassageHost } from './passage.ts';
import { Pools } from './pools.ts';
import { SecureWire } from './secure-wire.ts';
import { SocketWire } from './socket-wire.ts';
import type { Wire, WireOwner } from './wire.ts';

const tick: Milliseconds = 100;
/** A client that vanished without a word is noticed by this also on an upgraded connection. */
const keepAliveProbe: Milliseconds = 60_000;

export interface PlaneOptions {
  /** Whether to use only what Node documents, which costs more. */
  readonly byDocument?: boolean;
  /** Of the file with the key that workers have in common; absent: they have none. */
  readonly ticketKeyPath?: string;
}

export class Plane implements Forwarder, ClientHost, ClientKeeper, PassageHost {
  readonly plane: DataPlane;
  readonly pools: Pools;
  readonly head: RequestHead;
  readonly tick = tick;
  readonly byDocument: boolean;
  readonly #connections = new Set<Connection>();
  readonly #ticketKeyPath: string | undefined;
  /** Loaded with the first listener that needs it. */
  #terminator: Terminator | undefined;
  #settings = defaultSettings;
  #proxies = new Networks(defaultSettings.trustedProxies);
  httpsPort: number | false = defaultSettings.redirectToHttps;
  readonly #highestDescriptor = highestDescriptor();
  #isShort = false;
  #http2 = defaultSettings.http2;
  #sweep: NodeJS.Timeout | undefined;
  #now = wholeNow();
  #second = 0;
  #date = '';
  #isRetiring = false;
  #endsIdle = false;
  #emptied: (() => void) | undefined;

  constructor(plane: DataPlane, { byDocument = false, ticketKeyPath }: PlaneOptions = {}) {
    const { limits } = plane;
    this.plane = plane;
    this.byDocument = byDocument;
    this.head = new RequestHead(limits);
    this.pools = new Pools(limits, byDocument);
    this.#ticketKeyPath = ticketKeyPath;
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
    this.#proxies = new Networks(settings.trustedProxies);
    this.#settings = settings;
    this.#terminator?.apply(settings);
  }

  async listen(address: string, at: ListenAddress | { readonly fd: number }): Promise<Listener> {
    const listen = listenOf(address);
    if (listen.scheme === 'https') await this.#loadTerminator();
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

  async #loadTerminator(): Promise<void> {
    const { Terminator } = await import('../tls/terminator.ts');
    if (this.#terminator) return;
    this.#terminator = new Terminator(this.plane.log, this.#ticketKeyPath, this.#settings);
    this.#terminator.apply(this.#settings);
  }

  #accept(socket: Socket, listen: Listen): void {
    socket.on('error', () => {}); // Its `close` follows.
    if (descriptorOf(socket) > this.#highestDescriptor) {
      this.#turnAway(socket);
      return;
    }
    if (!this.#sweep) {
      this.#now = wholeNow();
      this.#sweep = setInterval(() => this.#look(), tick);
    }
    // One that was reset while it waited to be accepted has none.
    if (socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const address = plainAddress(socket.remoteAddress);
    if (listen.proxyProtocol) this.#introduce(socket, listen, address);
    else this.#take(socket, listen, address);
  }

  /** Only proxies that are trusted may say where a connection comes from, if it is said who they are. */
  #introduce(socket: Socket, listen: Listen, address: string): void {
    const { limits, traffic } = this.plane;
    if (!this.#proxies.isEmpty && !this.#isTrusted(address)) {
      traffic.rejected('proxy-untrusted');
      socket.resetAndDestroy();
      return;
    }
    const introduction = new Introduction(socket, performance.now() + limits.clientHeadTimeout, {
      introduced: source => this.#take(socket, listen, source?.address ?? address),
      failed: why => traffic.rejected(why),
      over: () => this.gone(introduction),
    });
    this.#connections.add(introduction);
  }

  #isTrusted(address: string): boolean {
    const ip = parseIp(address);
    return ip !== undefined && this.#proxies.has(ip);
  }

  /** @param address that it comes from */
  #take(socket: Socket, listen: Listen, address: string): void {
    switch (listen.scheme) {
      case 'http':
        this.#serve(socket, address);
        break;
      case 'https':
        this.#secure(socket, address);
        break;
      case 'tcp':
        this.#passOn(socket, listen.address, address);
        break;
      default:
        listen.scheme satisfies never;
    }
  }

  #serve(socket: Socket, address: string): void {
    const peer: Peer = { address, scheme: 'http' };
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
    this.#connections.add(new Client(this, new Origin(peer, this.#proxies), open, keeper));
  }

  /** What is believed about a request is of one stream, so each has an origin of its own. */
  #serveStreams(socket: Socket, peer: Peer): void {
    if (socket.destroyed) return;
    const clientOf = (open: (owner: WireOwner) => Wire, gone: (client: Client) => void) =>
      new Client(this, new Origin(peer, this.#proxies), open, { gone });
    this.#connections.add(new ClientSession(this, socket, clientOf));
  }

  #secure(socket: Socket, address: string): void {
    const handshake = new Handshake(socket, () => this.gone(handshake));
    this.#connections.add(handshake);
    this.#terminator?.secure(socket, {
      secured: secured => {
        const tlsVersion = secured.getProtocol()?.replace('TLSv', '');
        const peer: Peer = { address, scheme: 'https', tlsVersion };
        if (secured.alpnProtocol === 'h2') this.#serveStreams(secured, peer);
        else {
          const origin = new Origin(peer, this.#proxies);
          this.#connections.add(new Client(this, origin, owner => new SecureWire(owner, secured, socket), this));
        }
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

  /** @param address that it comes from */
  #passOn(socket: Socket, listening: string, address: string): void {
    const service = this.plane.routes().serviceAt(listening);
    if (service !== undefined) this.#connections.add(new Passage(this, socket, address, service));
    else {
      this.plane.traffic.rejected('tcp-unrouted');
      socket.resetAndDestroy();
    }
  }

  #look(): void {
    this.#isShort = false;
    const now = wholeNow();
    this.#now = now;
    for (const connection of this.#connections) connection.check(now);
    this.plane.balancer.look(now);
    this.pools.closeIdle(now);
    if (this.#connections.size > 0 || !this.pools.isEmpty) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

/** Each connection keeps such times, and a number with a fraction would be kept apart from it. */
function wholeNow(): Milliseconds {
  return Math.floor(performance.now());
}
