/** The processes of a home's router, from the outside: which are alive, how they are started, how they are ended. */
import { closeSync, openSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import type { Clock, Milliseconds } from '../domain/clock.ts';
import type { ProcessIdentity } from '../processes/contract.ts';
import { type RouterFiles, routerFiles } from './files.ts';
import { spawnHolder } from './holder.ts';
import { identityOf, isAlive, isSame, signalProcess } from './identity.ts';
import { bindAll, descriptorOf } from './listen.ts';
import { readRecord } from './record.ts';

const lookEvery: Milliseconds = 20;
/** Beyond the grace, before what is left is killed; and after that, before it is left alone. */
const margin: Milliseconds = 1_000;

export class RouterProcesses {
  readonly #home: string;
  readonly #files: RouterFiles;
  readonly #clock: Clock;
  /** The holder that was started from here: it is there before its worker has written a record. */
  #started: ProcessIdentity | undefined;

  constructor(home: string, clock: Clock) {
    this.#home = home;
    this.#files = routerFiles(home);
    this.#clock = clock;
  }

  /** The holder and the main worker, as far as they are alive. Either brings the other back; without both, all end. */
  serving(): readonly ProcessIdentity[] {
    const record = readRecord(this.#files.record);
    return living([this.#started, record?.holder, record?.worker]);
  }

  /** Those, the further workers, and those that still drain. */
  all(): readonly ProcessIdentity[] {
    const record = readRecord(this.#files.record);
    const others = record ? [...record.further, ...record.leaving] : [];
    return living([this.#started, record?.holder, record?.worker, ...others]);
  }

  /** @throws SlipwayError SLIP_LISTEN_FAILED, and nothing was started */
  async start(addresses: readonly string[], command: readonly string[]): Promise<void> {
    await mkdir(this.#files.runFolder, { recursive: true, mode: 0o750 });
    await mkdir(this.#files.logFolder, { recursive: true, mode: 0o750 });
    const logDescriptor = openSync(this.#files.log, 'a', 0o640);
    try {
      const servers = await bindAll(addresses);
      // From here to the close without a turn of the event loop, or connections would be accepted here.
      const sockets = servers.map((server, index) => ({ address: addresses[index] ?? '', fd: descriptorOf(server) }));
      const holder = spawnHolder({ home: this.#home, command, sockets, logDescriptor });
      for (const server of servers) server.close();
      this.#started = holder.pid === undefined ? undefined : identityOf(holder.pid);
    } finally {
      closeSync(logDescriptor);
    }
  }

  /** Ends what {@link start} started and what never served: no record names it, so nobody could find it later. */
  discard(): void {
    const started = this.#started;
    this.#started = undefined;
    if (!started || readRecord(this.#files.record)?.holder.pid === started.pid || !isAlive(started)) return;
    try {
      process.kill(-started.pid, 'SIGKILL'); // It leads a process group of its own, with the worker in it.
    } catch {
      // It has ended by itself.
    }
  }

  /**
   * Resolves when none is alive, and their files are removed. They are asked to end within `grace`; when there is
   * nobody left whom it was asked, the others get SIGTERM; whoever overstays gets SIGKILL.
   */
  async end(grace: Milliseconds, { ask, asked }: { ask: () => void; asked: () => boolean }): Promise<void> {
    const known: ProcessIdentity[] = [];
    const alive = () => {
      // The record is gone before the worker that it names.
      for (const identity of this.all()) if (!known.some(other => isSame(other, identity))) known.push(identity);
      return known.filter(isAlive);
    };
    const killAt = this.#clock.now() + grace + margin;
    let terminated = false;
    alive();
    ask();
    while (alive().length > 0 && this.#clock.now() < killAt + margin) {
      if (this.#clock.now() >= killAt) for (const identity of alive()) signalProcess(identity, 'SIGKILL');
      else if (!terminated && !asked()) {
        terminated = true;
        for (const identity of alive()) signalProcess(identity, 'SIGTERM');
      }
      await new Promise<void>(resolve => this.#clock.after(lookEvery, resolve));
    }
    this.#started = undefined;
    const { record, table, socket, ticketKey } = this.#files;
    for (const path of [record, table, socket, ticketKey]) await rm(path, { force: true });
  }
}

function living(identities: readonly (ProcessIdentity | undefined)[]): readonly ProcessIdentity[] {
  const distinct = new Map(identities.flatMap(identity => (identity ? [[identity.pid, identity]] : [])));
  return [...distinct.values()].filter(isAlive);
}
