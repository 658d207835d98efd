/** The data plane in the test's own process, between raw clients and instances that the test scripts. */
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import type { RouteSpec } from '../../src/domain/route-spec.ts';
import { defaultSettings, type RouterSettings } from '../../src/domain/router-spec.ts';
import { Balancer } from '../../src/router/balancer.ts';
import type { Log, LogFields } from '../../src/router/log.ts';
import { defaultLimits, type Forwarder, type ForwardLimits } from '../../src/router/plane/forwarder.ts';
import { Plane, type PlaneOptions } from '../../src/router/plane/plane.ts';
import type { AccessLog } from '../../src/router/policy/access-log.ts';
import { Policies } from '../../src/router/policy/route-policy.ts';
import { Routes } from '../../src/router/routes.ts';
import { Traffic } from '../../src/router/traffic.ts';
import type { RoutedService, RouterStats } from '../../src/router-link/protocol.ts';
import { portOf } from './router.ts';

/** No assertion about speed, only an end to a hung test. */
const patience = 10_000;

/** What is made for a test, and gone when that ends. */
export type Scope = Pick<TestContext, 'after'>;
/** What a test wants to be otherwise than by default. */
export interface TestSettings extends Partial<ForwardLimits> {
  /** Routes of the router itself. */
  readonly routes?: readonly RouteSpec[];
  readonly accessLog?: AccessLog;
}

export class TestForwarder {
  readonly forwarder: Forwarder;
  readonly balancer: Balancer;
  readonly #traffic = new Traffic();
  readonly logged: LogFields[] = [];
  port = 0;
  /** In force from the next message on. */
  readonly limits: { -readonly [Name in keyof ForwardLimits]: ForwardLimits[Name] };
  readonly #log: Log;
  readonly #own: readonly RouteSpec[];
  #policies: Policies | undefined;
  #routes = new Routes([]);

  private constructor({ routes = [], accessLog, ...limits }: TestSettings, options: PlaneOptions) {
    const write = (fields: LogFields) => void this.logged.push(fields);
    this.#log = { info: write, warn: write, error: write };
    this.#own = routes;
    this.limits = { ...defaultLimits, ...limits };
    this.balancer = new Balancer(() => performance.now(), {
      left: upstream => this.forwarder.left(upstream),
      vacated: () => {},
    });
    this.forwarder = new Plane(
      {
        routes: () => this.#routes,
        balancer: this.balancer,
        traffic: this.#traffic,
        accessLog: () => accessLog,
        log: this.#log,
        limits: this.limits,
      },
      options,
    );
  }

  static async create(
    t: Scope,
    services: readonly RoutedService[],
    settings: TestSettings = {},
    options: PlaneOptions = {},
  ): Promise<TestForwarder> {
    const router = new TestForwarder(settings, options);
    router.apply(services);
    t.after(async () => {
      router.apply([]);
      router.forwarder.destroy();
      await router.forwarder.retire(0);
    });
    router.port = await router.listen(t, '127.0.0.1:0');
    return router;
  }

  /** @returns the port */
  async listen(t: Scope, text: string): Promise<number> {
    const listener = await this.forwarder.listen(text, { host: '127.0.0.1', port: 0 });
    t.after(() => listener.close());
    return portOf(listener.bound);
  }

  /** What is not told stays at its default. */
  configure(settings: Partial<RouterSettings>): void {
    this.forwarder.configure({ ...defaultSettings, ...settings });
  }

  apply(services: readonly RoutedService[]): void {
    const policies = new Policies({ log: this.#log, workers: 1 }, this.#policies);
    this.#policies = policies;
    this.#routes = new Routes(services, this.#own, (service, route) => policies.of(service, route));
    this.balancer.apply(services);
  }

  stats(): RouterStats {
    return this.#traffic.stats(this.forwarder.connections(), this.balancer.stats());
  }

  /** Resolves when nothing is in flight. */
  async idle(): Promise<void> {
    const inFlight = () => Object.values(this.stats().services).reduce((sum, { inFlight }) => sum + inFlight, 0);
    for (const end = performance.now() + patience; inFlight() > 0; ) {
      if (performance.now() > end) throw new Error(`${inFlight()} requests are still in flight`);
      await new Promise(resolve => setTimeout(resolve, 1));
    }
  }
}

/** An instance that speaks HTTP. @returns its port */
export async function httpInstance(t: Scope, serve: RequestListener): Promise<number> {
  const server = createHttpServer({ keepAliveTimeout: 60_000 }, serve);
  return listening(t, server);
}

/** An instance that answers at once, but for `/held`: that waits for `finish`. It says its name. */
export async function heldInstance(t: Scope, name: string) {
  const held: (() => void)[] = [];
  const port = await httpInstance(t, (request, response) => {
    if (request.url === '/held') held.push(() => void response.end(name));
    else response.end(name);
  });
  return {
    port,
    finish() {
      for (const answer of held.splice(0)) answer();
    },
  };
}

/** An instance that does as the test says with each connection. @returns its port */
export async function rawInstance(t: Scope, accept: (socket: Socket) => void): Promise<number> {
  return listening(
    t,
    createServer({ allowHalfOpen: true }, socket => {
      socket.on('error', () => {});
      accept(socket);
    }),
  );
}

/** A port that refuses connections. */
export async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Listens until the test ends. @returns the port */
export async function listening(t: Scope, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', socket => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** A client connection whose bytes the test writes and reads itself. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  /** The other side sends no more. */
  ended = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', chunk => {
      this.received += chunk;
    });
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.ended = true;
    });
  }

  send(...lines: readonly string[]): this {
    this.socket.write(lines.join('\r\n'), 'latin1');
    return this;
  }

  /** The head's lines, then the empty one. */
  head(...lines: readonly string[]): this {
    return this.send(...lines, '', '');
  }

  /** Resolves when `holds` does, which is looked at whenever something comes. Throws what came if it never does. */
  async until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`waited ${patience} ms in vain, received ${JSON.stringify(this.received.slice(-2_000))}`));
      }, patience);
      const look = () => {
        if (!holds()) return;
        stop();
        resolve();
      };
      const stop = () => {
        clearTimeout(timer);
        for (const event of ['data', 'end', 'close']) this.socket.off(event, look);
      };
      for (const event of ['data', 'end', 'close']) this.socket.on(event, look);
    });
  }

  get status(): number {
    return Number(/^HTTP\/1\.1 (\d+)/.exec(this.received)?.[1] ?? 0);
  }
}
