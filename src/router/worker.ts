/**
 * The main worker of a router from its start to its end.
 *
 * - It serves from the moment that it has its listening sockets, with the last table known, daemon or not.
 * - There is one router to a home: a worker that finds another live one in the record, which it was not told to
 *   succeed, ends.
 * - A worker without a holder hands over to a successor that has one, so the sockets are always held twice.
 * - A table is on disk before it is confirmed, and a higher number always wins.
 * - While it hands over, it confirms no drain: the successor may not have the same table yet.
 * - The other workers, further ones and those that were succeeded, take their orders from here.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import { routerFiles } from '../router-link/files.ts';
import { endCode, inheritedDescriptor } from '../router-link/holder.ts';
import { identityOf, isAlive, isSame, nameOf, type ProcessIdentity } from '../router-link/identity.ts';
import { type Hello, protocolVersion, type ToRouter } from '../router-link/messages.ts';
import type { RouteTable } from '../router-link/protocol.ts';
import { readRecord, recordMark, removeRecord, writeRecord } from '../router-link/record.ts';
import { loadTable, removeTable, saveTable } from '../router-link/table-file.ts';
import { versionOf } from '../router-link/version.ts';
import type { HeldArguments } from '../router-link/worker-arguments.ts';
import { ControlServer, type Peer } from './control-server.ts';
import { Follower, linger } from './follower.ts';
import type { Log } from './log.ts';
import { logDescriptor, Others } from './others.ts';
import type { Listener } from './plane/forwarder.ts';
import { Routing } from './routing.ts';
import { succeed } from './succession.ts';

const lookEvery: Milliseconds = 500;
/** After a succession that failed. */
const mendEvery: Milliseconds = 5_000;

type Phase = 'starting' | 'serving' | 'succeeding' | 'leaving' | 'stopping';

export class Worker {
  readonly #args: HeldArguments;
  readonly #files: ReturnType<typeof routerFiles>;
  readonly #log: Log;
  readonly #self: ProcessIdentity;
  readonly #routing: Routing;
  readonly #control: ControlServer;
  readonly #others: Others;
  readonly #version = versionOf();
  #phase: Phase = 'starting';
  #listeners: readonly Listener[] = [];
  #successor: Follower | undefined;
  #recordMark = '';
  #mendAt: Milliseconds = 0;
  #stopAfterSuccession: Milliseconds | undefined;
  /** What was asked for during the one under way. */
  readonly #nextSuccessions: (() => void)[] = [];

  constructor(args: HeldArguments, self: ProcessIdentity, log: Log) {
    this.#args = args;
    this.#files = routerFiles(args.home);
    this.#log = log;
    this.#self = self;
    this.#routing = new Routing(log, this.#files.ticketKey, () => this.#vacated());
    const control = {
      hello: () => this.#hello(),
      message: (peer: Peer, message: ToRouter) => this.#message(peer, message),
      gone: (peer: Peer) => this.#others.gone(peer),
    };
    this.#control = new ControlServer(this.#files.socket, control, log);
    this.#others = new Others({
      args,
      routing: this.#routing,
      log,
      before: readRecord(this.#files.record),
      listeners: () => this.#listeners,
      phase: () => this.#phase,
      changed: () => this.#othersChanged(),
    });
  }

  async start(): Promise<void> {
    const other = this.#otherWorker();
    if (other && nameOf(other) !== this.#args.succeeds) {
      this.#log.warn({ worker: other.pid }, 'another router serves this home: ending');
      process.exit(endCode);
    }
    if (!existsSync(this.#args.home)) {
      this.#log.error({ home: this.#args.home }, 'the home is gone: ending');
      process.exit(endCode);
    }
    mkdirSync(this.#files.runFolder, { recursive: true });
    this.#routing.apply(loadTable(this.#files.table));
    this.#listeners = await Promise.all(
      this.#args.listen.map((address, index) =>
        this.#routing.forwarder.listen(address, { fd: inheritedDescriptor(index) }),
      ),
    );
    await this.#control.listen();
    this.#writeRecord();
    this.#phase = 'serving';
    this.#log.info(
      { listen: this.#listeners.map(listener => listener.bound), table: this.#routing.table.version },
      'the router serves',
    );
    setInterval(() => this.#look(), lookEvery);
    this.#others.look();
    process.on('exit', () => this.#routing.flushNow());
  }

  /** Those in flight have `grace` to finish. A worker that was succeeded ends only itself. */
  async stop(grace: Milliseconds): Promise<void> {
    if (this.#phase === 'stopping') return;
    if (this.#phase === 'succeeding') {
      this.#stopAfterSuccession = grace;
      return;
    }
    const served = this.#phase !== 'leaving';
    this.#phase = 'stopping';
    this.#log.info({ grace }, 'the router stops');
    setTimeout(() => this.#routing.forwarder.destroy(), grace);
    if (served) {
      this.#letGo();
      this.#others.tell({ type: 'stop', grace });
    }
    await this.#routing.forwarder.retire(0);
    await this.#successor?.lastWord();
    await this.#routing.close();
    if (served) {
      const end = performance.now() + grace;
      while (this.#others.drains.others().length > 0 && performance.now() < end) await sleep(lookEvery / 10);
      this.#control.removeSocket();
      if (!this.#otherWorker()) {
        removeRecord(this.#files.record);
        removeTable(this.#files.table);
      }
    }
    process.exit(endCode);
  }

  /** By a signal. */
  terminate(grace: Milliseconds): void {
    void this.stop(grace);
  }

  #message(peer: Peer, message: ToRouter): void {
    switch (message.type) {
      case 'table':
        this.#take(message.table);
        this.#others.drains.confirm(peer);
        this.#review();
        break;
      case 'drain':
        this.#others.drains.wait(peer, message.endpoint);
        this.#review();
        break;
      case 'stats':
        void this.#tellStats(peer, message.id);
        break;
      case 'succeed':
        void this.#succeedFor(peer, message);
        break;
      case 'stop':
        void this.stop(message.grace);
        break;
      case 'report':
        this.#others.heard(peer, message);
        this.#review();
        break;
      case 'counts':
        this.#others.counted(message);
        break;
      default:
        message satisfies never;
    }
  }

  async #tellStats(peer: Peer, id: number): Promise<void> {
    peer.send({ type: 'stats', id, stats: await this.#others.stats() });
  }

  #take(table: RouteTable): void {
    if (table.version <= this.#routing.table.version) return;
    this.#routing.apply(table);
    try {
      saveTable(this.#files.table, table);
    } catch (error) {
      this.#log.error({ cause: (error as Error).message }, 'cannot store the table: it will be missing after a crash');
    }
    this.#others.tell({ type: 'table', table });
    this.#others.look();
    this.#review();
  }

  #othersChanged(): void {
    try {
      this.#writeRecord();
    } catch (error) {
      this.#log.error({ cause: (error as Error).message }, 'cannot record which processes are the router');
    }
  }

  #review(): void {
    if (this.#phase === 'serving') this.#others.drains.review();
  }

  #vacated(): void {
    if (this.#phase === 'leaving') this.#successor?.report();
    else this.#review();
  }

  /** What no message tells. */
  #look(): void {
    this.#review();
    if (this.#phase !== 'serving') return;
    this.#others.look();
    if (process.ppid !== this.#args.holder) void this.#mend();
    else if (this.#recordMark !== recordMark(this.#files.record) && this.#otherWorker()) void this.#leave();
  }

  #otherWorker(): ProcessIdentity | undefined {
    const worker = readRecord(this.#files.record)?.worker;
    return worker && !isSame(worker, this.#self) && isAlive(worker) ? worker : undefined;
  }

  async #mend(): Promise<void> {
    if (performance.now() < this.#mendAt) return;
    this.#mendAt = performance.now() + mendEvery;
    this.#log.warn({ holder: this.#args.holder }, 'the holder is gone: handing over to a new one');
    const listen = this.#listeners.map(listener => listener.address);
    try {
      await this.#succeed(listen, this.#args.command);
      await this.#leave();
    } catch (error) {
      this.#log.error({ cause: (error as Error).message }, 'the router has no holder, and will not survive a crash');
    }
  }

  /** One that comes in the middle of another waits for it; where that succeeds, it is for the successor to be asked. */
  async #succeedFor(peer: Peer, order: Extract<ToRouter, { type: 'succeed' }>): Promise<void> {
    if (this.#phase === 'succeeding') {
      this.#nextSuccessions.push(() => void this.#succeedFor(peer, order));
      return;
    }
    const { id, listen, command } = order;
    try {
      await this.#succeed(listen, command);
    } catch (error) {
      const known = error instanceof SlipwayError && error.code === 'SLIP_LISTEN_FAILED';
      const { message } = error as Error;
      peer.send({ type: 'refused', id, code: known ? 'SLIP_LISTEN_FAILED' : 'SLIP_ROUTER_FAILED', message });
      return;
    }
    peer.send({ type: 'succeeded', id });
    await this.#leave();
  }

  async #succeed(listen: readonly string[], command: readonly string[]): Promise<void> {
    if (this.#phase !== 'serving') {
      throw new SlipwayError(
        'SLIP_ROUTER_FAILED',
        'cannot hand the router over: it is handing over or stopping already',
      );
    }
    this.#phase = 'succeeding';
    try {
      const added = await succeed({
        home: this.#args.home,
        recordPath: this.#files.record,
        logDescriptor,
        command,
        self: nameOf(this.#self),
        forwarder: this.#routing.forwarder,
        current: this.#listeners,
        listen,
      });
      this.#listeners = [...this.#listeners, ...added];
    } catch (error) {
      this.#phase = 'serving';
      // The one that failed may have come as far as to take these.
      await this.#control.listen();
      this.#writeRecord();
      if (this.#stopAfterSuccession !== undefined) void this.stop(this.#stopAfterSuccession);
      for (const next of this.#nextSuccessions.splice(0)) setImmediate(next);
      throw error;
    }
  }

  /** Another worker serves: this one finishes what it has. */
  async #leave(): Promise<void> {
    this.#phase = 'leaving';
    this.#log.info({ connections: this.#routing.forwarder.connections() }, 'the router was succeeded, and finishes');
    this.#letGo();
    this.#others.tell({ type: 'retire', succeeded: true });
    this.#control.close();
    this.#successor = new Follower({
      socket: this.#files.socket,
      self: this.#self,
      routing: this.#routing,
      stats: () => this.#others.ownStats(),
      of: () => undefined,
      stop: grace => void this.stop(grace),
      connected: () => {
        const grace = this.#stopAfterSuccession;
        if (grace === undefined) return;
        this.#successor?.send({ type: 'stop', grace });
        void this.stop(grace);
      },
    });
    await this.#routing.forwarder.retire(linger);
    await this.#successor.lastWord();
    await this.#routing.close();
    process.exit(endCode);
  }

  /** The sockets must be open nowhere when nobody is to accept: the holder has them too. */
  #letGo(): void {
    if (process.ppid === this.#args.holder) process.kill(this.#args.holder, 'SIGKILL');
    for (const listener of this.#listeners) listener.close();
  }

  #hello(): Hello {
    return {
      type: 'hello',
      protocol: protocolVersion,
      worker: this.#self,
      listen: this.#listeners.map(({ address, bound }) => ({ address, bound })),
      command: this.#args.command,
      table: this.#routing.table.version,
      version: this.#version,
    };
  }

  #writeRecord(): void {
    const holder = identityOf(this.#args.holder) ?? { ...this.#self, pid: this.#args.holder, startTime: 0 };
    writeRecord(this.#files.record, {
      version: 1,
      holder,
      worker: this.#self,
      listen: this.#hello().listen,
      ...this.#others.processes(),
    });
    this.#recordMark = recordMark(this.#files.record);
  }
}
