/**
 * The daemon's end of the router.
 *
 * - There is at most one session, and everything that makes or ends one runs one after the other.
 * - Whatever is to be known by the router is told again to each session: the latest table under a number above all
 *   that were seen, and the drains that are waited for.
 * - A router is started only when no process of the recorded one is alive.
 * - A router that is lost is found again, or started again, without being asked.
 */
import type { Clock, Milliseconds } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import { defaultSettings, type RouterSettings } from '../domain/router-spec.ts';
import type { ProcessIdentity } from '../processes/contract.ts';
import type { RouterLink, RouterStatus } from './contract.ts';
import { DrainWaits } from './drain-waits.ts';
import { routerFiles } from './files.ts';
import { sameAddresses } from './listen.ts';
import type { RoutedService, RouterStats, RouteTable } from './protocol.ts';
import { RouterProcesses } from './router-processes.ts';
import { Session } from './session.ts';
import { versionOf } from './version.ts';

const lookEvery: Milliseconds = 20;
/** A live router that gives no answer for so long is not waited for any more. */
const attachPatience: Milliseconds = 10_000;
/**
 * An address that is taken may be so by a router that a daemon started at the moment of its death, and that has not
 * written its record yet; or by one whose last threads are just ending.
 */
const bindPatience: Milliseconds = 1_000;
/** For requests in flight when the configuration wants no router any more. */
const graceWithoutListen: Milliseconds = 10_000;

type Write = (fields: object, message: string) => void;

export interface RouterLinkOptions {
  readonly home: string;
  readonly clock: Clock;
  readonly log: { readonly info: Write; readonly warn: Write; readonly error: Write };
  /** The command line of `slipway router`, to which the worker's arguments are added. It is run in `/`. */
  readonly routerCommand: readonly string[];
  /** What a router that is started by that says it is; absent: one of this same code. */
  readonly routerVersion?: string;
}

export function createRouterLink(options: RouterLinkOptions): RouterLink {
  return new Link(options);
}

class Link implements RouterLink {
  readonly #options: RouterLinkOptions;
  readonly #socket: string;
  readonly #processes: RouterProcesses;
  readonly #version: string;
  readonly #drains = new DrainWaits(endpoint => this.#session?.send({ type: 'drain', endpoint }));
  #state: RouterStatus['state'] = 'off';
  #session: Session | undefined;
  /** What the router was last made to listen on; it is started again with this. */
  #listen: readonly string[] = [];
  #latest: Omit<RouteTable, 'version'> | undefined;
  /** The highest number given, or heard of. */
  #number = 0;
  #applied = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;
  #problem: string | undefined;

  constructor(options: RouterLinkOptions) {
    this.#options = options;
    this.#socket = routerFiles(options.home).socket;
    this.#processes = new RouterProcesses(options.home, options.clock);
    this.#version = options.routerVersion ?? versionOf();
  }

  ensure(listen: readonly string[]): Promise<void> {
    const addresses = [...new Set(listen)];
    if (addresses.length === 0) return this.stop(graceWithoutListen);
    return this.#exclusively(async () => {
      if (!this.#session) this.#state = 'starting';
      const end = this.#now() + attachPatience;
      try {
        while (!(await this.#settle(addresses, end)));
      } finally {
        if (!this.#session) this.#lost();
      }
    });
  }

  publish(services: readonly RoutedService[], settings: RouterSettings = defaultSettings): void {
    this.#latest = { settings, services };
    this.#sendTable();
  }

  drained(endpointId: string, signal: AbortSignal): Promise<void> {
    return this.#drains.wait(endpointId, signal, !this.#session && this.#processes.all().length === 0);
  }

  async stats(): Promise<RouterStats | undefined> {
    return this.#session?.stats();
  }

  status(): RouterStatus {
    const hello = this.#session?.hello;
    return {
      state: this.#state,
      ...(hello ? { pid: hello.worker.pid } : {}),
      listen: hello?.listen.map(({ bound }) => bound) ?? [],
      table: this.#applied,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  identity(): ProcessIdentity | undefined {
    return this.#session?.hello.worker;
  }

  stop(grace: number): Promise<void> {
    return this.#exclusively(async () => {
      const session = this.#session ?? (await this.#connect());
      await this.#processes.end(grace, {
        ask: () => session?.send({ type: 'stop', grace }),
        asked: () => session?.open === true,
      });
      if (session) this.#drop(session);
      this.#listen = [];
      this.#state = 'off';
      this.#drains.releaseAll();
    });
  }

  close(): void {
    this.#closed = true;
    if (this.#session) this.#drop(this.#session);
    this.#drains.rejectAll(leaving());
  }

  /** @returns whether the router is as it is to be; if not, it was another's turn while it was asked */
  async #settle(addresses: readonly string[], end: Milliseconds): Promise<boolean> {
    const { routerCommand } = this.#options;
    const session = this.#session ?? (await this.#attach()) ?? (await this.#start(addresses));
    const listening = addressesOf(session);
    this.#listen = listening;
    const same = JSON.stringify(session.hello.command) === JSON.stringify(routerCommand);
    try {
      if (same && sameAddresses(listening, addresses)) {
        if (session.hello.version === this.#version || !(await this.#upgrade(session))) return true;
      } else await session.succeed(addresses, routerCommand);
    } catch (error) {
      // It crashed, or it was succeeded, as a daemon before this one had ordered: whoever follows is to be asked.
      if (session.open || this.#now() > end) throw error;
      this.#drop(session);
      return false;
    }
    this.#problem = undefined;
    this.#listen = addresses;
    this.#drop(session);
    await this.#attachTo(addresses);
    return true;
  }

  /** @returns whether there is a successor: a router of old code serves better than none */
  async #upgrade(session: Session): Promise<boolean> {
    const from = session.hello.version;
    this.#options.log.info({ from, to: this.#version }, 'the router is of another version: replacing it');
    try {
      await session.succeed(addressesOf(session), this.#options.routerCommand);
      return true;
    } catch (error) {
      if (!session.open) throw error;
      this.#problem = `it could not be replaced by version ${this.#version}, and goes on as ${from}: ${(error as Error).message}`;
      this.#options.log.error({ err: error }, 'cannot replace the router: the one of another version goes on');
      return false;
    }
  }

  /** The session with the router that there is; `undefined` where none of its processes is alive. */
  async #attach(): Promise<Session | undefined> {
    const end = this.#now() + attachPatience;
    for (;;) {
      const session = await this.#connect();
      if (session) return session;
      if (this.#processes.serving().length === 0) return undefined;
      if (this.#now() > end) {
        throw new SlipwayError('SLIP_ROUTER_FAILED', 'cannot reach the router: it runs, but does not answer');
      }
      await this.#sleep(lookEvery);
    }
  }

  /** After a succession: the one that answers may still be the one that was succeeded. */
  async #attachTo(addresses: readonly string[]): Promise<void> {
    const end = this.#now() + attachPatience;
    for (;;) {
      const session = await this.#attach();
      if (session && sameAddresses(addressesOf(session), addresses)) return;
      if (!session || this.#now() > end) {
        throw new SlipwayError('SLIP_ROUTER_FAILED', 'cannot reach the router: its successor does not answer');
      }
      this.#drop(session);
      await this.#sleep(lookEvery);
    }
  }

  async #connect(): Promise<Session | undefined> {
    let session: Session | undefined;
    try {
      session = await Session.open(this.#socket, this.#options.clock, {
        applied: version => {
          if (this.#session === session) this.#applied = version;
        },
        drained: endpoint => this.#drains.release(endpoint),
        closed: problem => this.#sessionClosed(session, problem),
      });
    } catch {
      return undefined;
    }
    if (!session.open) return undefined;
    if (this.#closed) {
      session.close();
      throw leaving();
    }
    this.#session = session;
    this.#state = 'running';
    this.#applied = session.hello.table;
    this.#number = Math.max(this.#number, session.hello.table);
    this.#sendTable();
    for (const endpoint of this.#drains.endpoints()) session.send({ type: 'drain', endpoint });
    return session;
  }

  /** A router that listens on these; or on others, where one turns up that was started before. */
  async #start(addresses: readonly string[]): Promise<Session> {
    const end = this.#now() + bindPatience;
    for (;;) {
      try {
        await this.#processes.start(addresses, this.#options.routerCommand);
        break;
      } catch (error) {
        const orphan = await this.#attach();
        if (orphan) return orphan;
        if (this.#now() > end) throw error;
        await this.#sleep(lookEvery);
      }
    }
    let session: Session | undefined;
    try {
      session = await this.#attach();
    } finally {
      if (!session && !this.#closed) this.#processes.discard();
    }
    if (!session) {
      throw new SlipwayError('SLIP_ROUTER_FAILED', 'cannot start the router: it ended at once; see logs/router.log');
    }
    this.#listen = addresses;
    this.#options.log.info({ listen: this.status().listen, pid: this.status().pid }, 'the router was started');
    return session;
  }

  #sessionClosed(session: Session | undefined, problem: string | undefined): void {
    if (!session || this.#session !== session) return;
    if (problem) this.#options.log.error({ problem }, 'the router sent what does not fit the protocol');
    this.#session = undefined;
    if (this.#closed) return;
    this.#state = 'starting';
    void this.#exclusively(() => this.#recover());
  }

  /** It crashed and comes back by itself, it was succeeded, or all of it is gone. */
  async #recover(): Promise<void> {
    if (this.#session || this.#closed || this.#listen.length === 0) return;
    try {
      if (await this.#attach()) return;
      this.#options.log.warn({}, 'the router is gone: starting another');
      await this.#start(this.#listen);
    } catch (error) {
      if (!this.#closed) this.#options.log.error({ err: error }, 'the router is down');
    } finally {
      if (!this.#session) this.#lost();
    }
  }

  #lost(): void {
    this.#state = 'down';
    if (this.#processes.all().length === 0) this.#drains.releaseAll();
  }

  #sendTable(): void {
    if (!this.#session || !this.#latest) return;
    this.#number += 1;
    this.#session.send({ type: 'table', table: { version: this.#number, ...this.#latest } });
  }

  #drop(session: Session): void {
    session.close();
    if (this.#session === session) this.#session = undefined;
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#queue.then(work);
    this.#queue = run.catch(() => {});
    return run;
  }

  #now(): Milliseconds {
    return this.#options.clock.now();
  }

  async #sleep(delay: Milliseconds): Promise<void> {
    await new Promise<void>(resolve => this.#options.clock.after(delay, resolve));
    if (this.#closed) throw leaving();
  }
}

function addressesOf(session: Session): readonly string[] {
  return session.hello.listen.map(({ address }) => address);
}

function leaving(): SlipwayError {
  return new SlipwayError('SLIP_STOPPING', 'cannot wait for the router any longer: the daemon is leaving');
}
