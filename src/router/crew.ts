/**
 * The further workers of this main one: as many as are wanted, and another at once for one that dies.
 *
 * - Whoever is in here is in the record, before it can serve anyone. The record of a main worker that crashed gives its
 *   successor the same ones: they are adopted, not replaced.
 * - A worker that dies before it has spoken, or that never speaks, is followed by the next one later and later.
 */
import type { ChildProcess } from 'node:child_process';
import type { Milliseconds } from '../domain/clock.ts';
import { identityOf, isAlive, nameOf, type ProcessIdentity, signalProcess } from '../router-link/identity.ts';
import type { Log } from './log.ts';

/** For a worker that was started, or lost its connection, to speak. */
const silencePatience: Milliseconds = 10_000;
const firstPause: Milliseconds = 300;
const longestPause: Milliseconds = 5_000;
/** A connection ends a little before its process. */
const deathTakes: Milliseconds = 20;

export interface CrewParts<Peer> {
  readonly spawn: () => ChildProcess;
  /** Whether there is to be any change now. */
  readonly isActive: () => boolean;
  /** Accept no more, and finish. It is not counted from here on. */
  readonly retire: (peer: Peer) => void;
  /** Other processes than before. */
  readonly changed: () => void;
  readonly log: Log;
}

interface Member<Peer> {
  readonly worker: ProcessIdentity;
  peer: Peer | undefined;
  /** Since when it has none. */
  silentSince: Milliseconds;
  hasSpoken: boolean;
}

export class Crew<Peer> {
  readonly #parts: CrewParts<Peer>;
  readonly #members = new Map<string, Member<Peer>>();
  #wanted = 0;
  #pause = 0;
  /** While it runs nobody is started. A timer may end a little early, so that no clock is asked besides. */
  #hesitation: NodeJS.Timeout | undefined;

  /** @param adopted those of a main worker that crashed */
  constructor(parts: CrewParts<Peer>, adopted: readonly ProcessIdentity[]) {
    this.#parts = parts;
    for (const worker of adopted) this.#add(worker, undefined, true);
  }

  processes(): readonly ProcessIdentity[] {
    return [...this.#members.values()].map(({ worker }) => worker);
  }

  /** Makes what there is what is wanted; to be called from time to time. */
  want(count: number): void {
    this.#wanted = count;
    this.#look();
  }

  /** Also one that the main worker before had no time to record. */
  joined(peer: Peer, worker: ProcessIdentity): void {
    const member = this.#members.get(nameOf(worker));
    if (member?.peer === peer) return;
    if (member) {
      member.peer = peer;
      member.hasSpoken = true;
    } else {
      this.#add(worker, peer, true);
      this.#parts.changed();
    }
    this.#pause = 0;
    this.#look();
  }

  /** It accepts no more. */
  left(worker: ProcessIdentity): void {
    if (!this.#members.delete(nameOf(worker))) return;
    this.#parts.changed();
    this.#look();
  }

  gone(peer: Peer): void {
    for (const member of this.#members.values()) {
      if (member.peer !== peer) continue;
      member.peer = undefined;
      member.silentSince = performance.now();
      setTimeout(() => this.#look(), deathTakes);
    }
  }

  #look(): void {
    if (!this.#parts.isActive()) return;
    const changes = [this.#bury(), this.#retire(), this.#start()];
    if (changes.includes(true)) this.#parts.changed();
  }

  #bury(): boolean {
    const now = performance.now();
    let any = false;
    for (const [name, { worker, peer, silentSince, hasSpoken }] of this.#members) {
      if (isAlive(worker)) {
        if (!peer && now - silentSince > silencePatience) signalProcess(worker, 'SIGKILL');
        continue;
      }
      this.#members.delete(name);
      any = true;
      this.#parts.log.warn({ worker: worker.pid }, 'a worker died');
      if (!hasSpoken) this.#hesitate();
    }
    return any;
  }

  /** Who has not spoken yet can't be told to: later. */
  #retire(): boolean {
    let any = false;
    for (const [name, { peer }] of [...this.#members].reverse()) {
      if (this.#members.size <= this.#wanted) break;
      if (!peer) continue;
      this.#members.delete(name);
      this.#parts.retire(peer);
      any = true;
    }
    return any;
  }

  #start(): boolean {
    let any = false;
    while (this.#members.size < this.#wanted && this.#hesitation === undefined) {
      const child = this.#parts.spawn();
      child.on('error', () => {}); // Its pid stays undefined.
      child.once('exit', () => this.#look());
      const worker = known(child);
      if (!worker) {
        this.#parts.log.error({}, 'cannot start a worker; trying again');
        this.#hesitate();
        break;
      }
      this.#add(worker, undefined, false);
      any = true;
    }
    return any;
  }

  #hesitate(): void {
    this.#pause = Math.min(Math.max(this.#pause * 2, firstPause), longestPause);
    clearTimeout(this.#hesitation);
    this.#hesitation = setTimeout(() => {
      this.#hesitation = undefined;
      this.#look();
    }, this.#pause);
  }

  #add(worker: ProcessIdentity, peer: Peer | undefined, hasSpoken: boolean): void {
    this.#members.set(nameOf(worker), { worker, peer, silentSince: performance.now(), hasSpoken });
  }
}

/** Who could not be told apart from another later must not run. */
function known(child: ChildProcess): ProcessIdentity | undefined {
  try {
    return child.pid === undefined ? undefined : identityOf(child.pid);
  } catch {
    child.kill('SIGKILL');
    return undefined;
  }
}
