/**
 * A router worker from its start to its end.
 *
 * - It serves from the moment that it has its listening sockets, with the last table known, daemon or not.
 * - There is one router to a home: a worker that finds another live one in the record, which it was not told to
 *   succeed, ends.
 * - A worker without a holder hands over to a successor that has one, so the sockets are always held twice.
 * - A table is on disk before it is confirmed, and a higher number always wins.
 * - While it hands over, it confirms no drain: the successor may not have the same table yet.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import { routerFiles } from '../router-link/files.ts';
import { endCode, inheritedDescriptor } from '../router-link/holder.ts';
import { identityOf, isAlive, isSame, type ProcessIdentity } from '../router-link/identity.ts';
import { type FromRouter, type Hello, protocolVersion, type ToRouter } from '../router-link/messages.ts';
import type { RouteTable } from '../router-link/protocol.ts';
import { readRecord, removeRecord, writeRecord } from '../router-link/record.ts';
import { loadTable, removeTable, saveTable } from '../router-link/table-file.ts';
import type { WorkerArguments } from '../router-link/worker-arguments.ts';
import { ControlServer, type Peer } from './control-server.ts';
import { Drains } from './drains.ts';
import type { Log } from './log.ts';
import type { Listener } from './plane/forwarder.ts';
import { Routing } from './routing.ts';
import { succeed } from './succession.ts';
import { SuccessorLink } from './successor-link.ts';

const lookEvery: Milliseconds = 500;
/** After a succession that failed. */
const mendEvery: Milliseconds = 5_000;
/** For connections between two requests, when this worker was succeeded: their clients may be about to use them. */
const linger: Milliseconds = 5_000;
const logDescriptor = 1;

type Phase = 'starting' | 'serving' | 'succeeding' | 'leaving' | 'stopping';

export type HeldArguments = WorkerArguments & { readonly holder: number };

export class Worker {
  readonly #args: HeldArguments;
  readonly #files: ReturnType<typeof routerFiles>;
  readonly #log: Log;
  readonly #self: ProcessIdentity;
  readonly #routing: Routing;
  readonly #control: ControlServer;
  readonly #drains: Drains<Peer>;
  readonly #predecessorPeers = new Set<Peer>();
  #phase: Phase = 'starting';
  #listeners: readonly Listener[] = [];
  #successor: SuccessorLink | undefined;
  #recordMark = '';
  #mendAt: Milliseconds = 0;
  #stopAfterSuccession: Milliseconds | undefined;

  constructor(args: HeldArguments, log: Log) {
    this.#args = args;
    this.#files = routerFiles(args.home);
    this.#log = log;
    const self = identityOf(process.pid);
    if (!self) throw new Error('cannot read /proc/self/stat: a mounted /proc is needed');
    this.#self = self;
    this.#routing = new Routing(log, this.#files.ticketKey, () => this.#vacated());
    const control = {
      hello: () => this.#hello(),
      message: (peer: Peer, message: ToRouter) => this.#message(peer, message),
      gone: (peer: Peer) => this.#gone(peer),
    };
    this.#control = new ControlServer(this.#files.socket, control, log);
    const before = readRecord(this.#files.record);
    this.#drains = new Drains<Peer>({
      balancer: this.#routing.balancer,
      tableVersion: () => this.#routing.table.version,
      predecessors: before ? [before.worker, ...before.leaving] : [],
      drained: (peer, endpoint) => peer.send({ type: 'drained', endpoint }),
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
      this.#control.broadcast({ type: 'stop', grace }, peer => this.#predecessorPeers.has(peer));
    }
    await this.#routing.forwarder.retire(0);
    if (served) {
      const end = performance.now() + grace;
      while (this.#drains.predecessors().length > 0 && performance.now() < end) await sleep(lookEvery / 10);
      this.#control.removeSocket();
      if (!this.#otherWorker()) {
        removeRecord(this.#files.record);
        removeTable(this.#files.table);
      }
    }
    process.exit(endCode);
  }

  #message(peer: Peer, message: ToRouter): void {
    switch (message.type) {
      case 'table':
        this.#take(message.table);
        peer.send({ type: 'applied', version: this.#routing.table.version });
        break;
      case 'drain':
        this.#drains.wait(peer, message.endpoint);
        this.#review();
        break;
      case 'stats':
        peer.send({ type: 'stats', id: message.id, stats: this.#routing.stats() });
        break;
      case 'succeed':
        void this.#succeedFor(peer, message);
        break;
      case 'stop':
        void this.stop(message.grace);
        break;
      case 'leaving':
        this.#drains.report(message);
        this.#predecessorPeers.add(peer);
        if (message.table < this.#routing.table.version) peer.send({ type: 'table', table: this.#routing.table });
        this.#review();
        break;
      default:
        message satisfies never;
    }
  }

  #gone(peer: Peer): void {
    this.#predecessorPeers.delete(peer);
    this.#drains.forget(peer);
  }

  #take(table: RouteTable): void {
    if (table.version <= this.#routing.table.version) return;
    this.#routing.apply(table);
    if (this.#phase === 'leaving') return;
    try {
      saveTable(this.#files.table, table);
    } catch (error) {
      this.#log.error({ cause: (error as Error).message }, 'cannot store the table: it will be missing after a crash');
    }
    this.#control.broadcast({ type: 'table', table }, peer => this.#predecessorPeers.has(peer));
    this.#review();
  }

  #review(): void {
    if (this.#phase === 'serving') this.#drains.review();
  }

  #vacated(): void {
    if (this.#phase === 'leaving') this.#report();
    else this.#review();
  }

  /** What no message tells. */
  #look(): void {
    this.#review();
    if (this.#phase !== 'serving') return;
    if (process.ppid !== this.#args.holder) void this.#mend();
    else if (this.#recordMark !== markOf(this.#files.record) && this.#otherWorker()) void this.#leave();
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

  async #succeedFor(peer: Peer, { id, listen, command }: Extract<ToRouter, { type: 'succeed' }>): Promise<void> {
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
      throw error;
    }
  }

  /** Another worker serves: this one finishes what it has. */
  async #leave(): Promise<void> {
    this.#phase = 'leaving';
    this.#log.info({ connections: this.#routing.forwarder.connections() }, 'the router was succeeded, and finishes');
    this.#letGo();
    this.#control.close(() => false);
    this.#successor = new SuccessorLink(this.#files.socket, {
      connected: () => {
        this.#report();
        const grace = this.#stopAfterSuccession;
        if (grace === undefined) return;
        this.#successor?.send({ type: 'stop', grace });
        void this.stop(grace);
      },
      message: message => this.#successorSays(message),
    });
    await this.#routing.forwarder.retire(linger);
    process.exit(endCode);
  }

  #successorSays(message: FromRouter): void {
    if (message.type === 'stop') void this.stop(message.grace);
    if (message.type !== 'table') return;
    this.#take(message.table);
    this.#report();
  }

  #report(): void {
    const inFlight = Object.fromEntries(this.#routing.balancer.leaving());
    this.#successor?.send({ type: 'leaving', worker: this.#self, table: this.#routing.table.version, inFlight });
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
    };
  }

  #writeRecord(): void {
    const holder = identityOf(this.#args.holder) ?? { ...this.#self, pid: this.#args.holder, startTime: 0 };
    writeRecord(this.#files.record, {
      version: 1,
      holder,
      worker: this.#self,
      listen: this.#hello().listen,
      leaving: this.#drains.predecessors(),
    });
    this.#recordMark = markOf(this.#files.record);
  }
}

function nameOf(identity: ProcessIdentity): string {
  return `${identity.pid}.${identity.startTime}`;
}

/** Changes with every replacement of the file. */
function markOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.mtimeMs}` : '';
}
