/**
 * A further worker, from its start to its end: it accepts from the same sockets as the main one, by the same table.
 *
 * - It accepts nothing before the main worker knows of it and has told it the table: so what is drained there is
 *   drained here.
 * - It goes on while there is no main worker, as long as there is a holder to start one.
 * - It never outlives the router: without a holder and a main worker it finishes what it has, and ends.
 */
import { existsSync } from 'node:fs';
import type { Milliseconds } from '../domain/clock.ts';
import { routerFiles } from '../router-link/files.ts';
import { endCode, inheritedDescriptor } from '../router-link/holder.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../router-link/identity.ts';
import { readRecord } from '../router-link/record.ts';
import type { HeldArguments } from '../router-link/worker-arguments.ts';
import { Follower, linger, membershipOf } from './follower.ts';
import type { Log } from './log.ts';
import type { Listener } from './plane/forwarder.ts';
import { Routing } from './routing.ts';

type Phase = 'waiting' | 'serving' | 'leaving' | 'stopping';

export class FurtherWorker {
  readonly #args: HeldArguments;
  readonly #files: ReturnType<typeof routerFiles>;
  readonly #log: Log;
  readonly #self: ProcessIdentity;
  readonly #routing: Routing;
  readonly #membership: string;
  readonly #holder: ProcessIdentity | undefined;
  #follower: Follower | undefined;
  #phase: Phase = 'waiting';
  #listeners: readonly Listener[] = [];

  constructor(args: HeldArguments, self: ProcessIdentity, log: Log) {
    this.#args = args;
    this.#files = routerFiles(args.home);
    this.#log = log;
    this.#holder = identityOf(args.holder);
    this.#self = self;
    this.#membership = membershipOf(args.holder);
    this.#routing = new Routing(log, this.#files.ticketKey, () => this.#follower?.report());
  }

  async start(): Promise<void> {
    this.#follower = new Follower({
      socket: this.#files.socket,
      self: this.#self,
      routing: this.#routing,
      stats: () => this.#routing.stats(),
      of: () => (this.#isEnding ? undefined : this.#membership),
      table: () => void this.#serve(),
      stop: grace => void this.stop(grace),
      retire: () => void this.#leave(),
      alone: () => this.#lookAround(),
    });
  }

  /** Those in flight have `grace` to finish. */
  async stop(grace: Milliseconds): Promise<void> {
    if (this.#phase === 'stopping') return;
    this.#letGo('stopping');
    this.#log.info({ grace }, 'the worker stops');
    setTimeout(() => this.#routing.forwarder.destroy(), grace);
    await this.#routing.forwarder.retire(0);
    this.#follower?.count();
    process.exit(endCode);
  }

  /** By a signal to this worker alone: another takes its place. */
  terminate(grace: Milliseconds): void {
    setTimeout(() => this.#routing.forwarder.destroy(), grace);
    void this.#leave();
  }

  async #serve(): Promise<void> {
    if (this.#phase !== 'waiting') return;
    this.#phase = 'serving';
    const { forwarder } = this.#routing;
    const addresses = this.#args.listen;
    const listeners = addresses.map((address, index) => forwarder.listen(address, { fd: inheritedDescriptor(index) }));
    this.#listeners = await Promise.all(listeners);
    this.#log.info({ table: this.#routing.table.version }, 'another worker serves');
    if (this.#isEnding) for (const listener of this.#listeners) listener.close();
  }

  get #isEnding(): boolean {
    return this.#phase === 'leaving' || this.#phase === 'stopping';
  }

  async #leave(): Promise<void> {
    if (this.#isEnding) return;
    this.#letGo('leaving');
    this.#log.info({ connections: this.#routing.forwarder.connections() }, 'the worker was retired, and finishes');
    await this.#routing.forwarder.retire(linger);
    if (this.#listeners.length > 0) await this.#follower?.lastWord();
    process.exit(endCode);
  }

  #letGo(phase: 'leaving' | 'stopping'): void {
    this.#phase = phase;
    for (const listener of this.#listeners) listener.close();
    this.#follower?.report();
  }

  #lookAround(): void {
    if (this.#isEnding || (this.#holder && isAlive(this.#holder) && existsSync(this.#args.home))) return;
    const main = readRecord(this.#files.record)?.worker;
    if (!main || !isAlive(main)) void this.#leave();
  }
}
