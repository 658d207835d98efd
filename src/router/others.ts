/**
 * The other workers as the main one deals with them: the further ones, and those that were succeeded or retired and
 * finish what they have. They speak first, by a report; from then on they get each table, and are reckoned with.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isAlive, isSame, type ProcessIdentity } from '../router-link/identity.ts';
import type { Counts, FromRouter, Report } from '../router-link/messages.ts';
import type { RouterStats } from '../router-link/protocol.ts';
import type { RouterRecord } from '../router-link/record.ts';
import { formatWorkerArguments, type HeldArguments } from '../router-link/worker-arguments.ts';
import type { Peer } from './control-server.ts';
import { Crew } from './crew.ts';
import { Drains } from './drains.ts';
import { membershipOf } from './follower.ts';
import type { Log } from './log.ts';
import type { Listener } from './plane/forwarder.ts';
import type { Routing } from './routing.ts';
import { Tally } from './tally.ts';

export const logDescriptor = 1;

export interface OthersParts {
  readonly args: HeldArguments;
  readonly routing: Routing;
  readonly log: Log;
  /** What the last main worker left. */
  readonly before: RouterRecord | undefined;
  readonly listeners: () => readonly Listener[];
  readonly phase: () => 'serving' | 'stopping' | string;
  /** The record has to tell of others than before. */
  readonly changed: () => void;
}

export class Others {
  readonly drains: Drains<Peer>;
  readonly #parts: OthersParts;
  readonly #crew: Crew<Peer>;
  readonly #tally = new Tally<Peer>(peer => peer.send({ type: 'count' }));
  readonly #peers = new Set<Peer>();
  readonly #membership: string;

  constructor(parts: OthersParts) {
    const { args, routing, before, phase, changed, log } = parts;
    this.#parts = parts;
    this.#membership = membershipOf(args.holder);
    this.drains = new Drains<Peer>({
      balancer: routing.balancer,
      tableVersion: () => routing.table.version,
      others: before ? [before.worker, ...before.further, ...before.leaving].filter(isAlive) : [],
      applied: peer => peer.send({ type: 'applied', version: routing.table.version }),
      drained: (peer, endpoint) => peer.send({ type: 'drained', endpoint }),
    });
    const crew = {
      isActive: () => phase() === 'serving' && existsSync(args.home),
      spawn: () => this.#spawn(),
      retire: (peer: Peer) => peer.send({ type: 'retire', succeeded: false }),
      changed,
      log,
    };
    const isMine = before?.holder.pid === args.holder;
    this.#crew = new Crew<Peer>(crew, isMine ? before.further.filter(isAlive) : []);
  }

  heard(peer: Peer, report: Report): void {
    const { routing, phase } = this.#parts;
    const { worker, table, of } = report;
    this.drains.report(report);
    if (!this.#peers.has(peer) || table < routing.table.version) peer.send({ type: 'table', table: routing.table });
    this.#peers.add(peer);
    this.#tally.joined(peer, worker);
    if (phase() === 'stopping') peer.send({ type: 'stop', grace: 0 });
    if (of === this.#membership) this.#crew.joined(peer, worker);
    else {
      // It is one of another router's, and doesn't know yet.
      if (of !== undefined) peer.send({ type: 'retire', succeeded: false });
      this.#crew.left(worker);
    }
  }

  counted(counts: Counts): void {
    this.#tally.heard(counts);
  }

  gone(peer: Peer): void {
    this.#peers.delete(peer);
    this.drains.forget(peer);
    this.#tally.gone(peer);
    this.#crew.gone(peer);
  }

  tell(message: FromRouter): void {
    for (const peer of this.#peers) peer.send(message);
  }

  /** As many further ones as the table wants, now and from time to time. */
  look(): void {
    this.#crew.want((this.#parts.routing.table.settings?.workers ?? 1) - 1);
  }

  /** For the record. */
  processes(): { readonly further: readonly ProcessIdentity[]; readonly leaving: readonly ProcessIdentity[] } {
    const further = this.#crew.processes();
    return { further, leaving: this.drains.others().filter(worker => !further.some(other => isSame(other, worker))) };
  }

  /** Over all workers. */
  stats(): Promise<RouterStats> {
    return this.#tally.total(() => this.#parts.routing.stats(), this.drains.others());
  }

  /** Of this worker and those that ended before it: what no other can tell. */
  ownStats(): RouterStats {
    return this.#tally.kept(this.#parts.routing.stats());
  }

  #spawn() {
    const { home, command, holder } = this.#parts.args;
    const listeners = this.#parts.listeners();
    const [program = '', ...rest] = command;
    const listen = listeners.map(({ address }) => address);
    const args = [...rest, ...formatWorkerArguments({ home, command, listen, holder, further: true })];
    const sockets = listeners.map(({ fd }) => fd);
    return spawn(program, args, { cwd: '/', stdio: ['ignore', logDescriptor, logDescriptor, ...sockets] });
  }
}
