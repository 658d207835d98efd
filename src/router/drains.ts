/**
 * Who waits for a table to be in force, and for which endpoint to be drained. A table is in force once every worker has
 * it. An endpoint is drained once no table has it and nothing is in flight to it: not here, not on a further worker, and
 * not on one that was succeeded or retired, which goes on with the connections that it had. A worker that is alive
 * counts with its last report, and that only if it was made with a table as new as ours.
 */
import { isAlive, isSame, nameOf, type ProcessIdentity } from '../router-link/identity.ts';
import type { Report } from '../router-link/messages.ts';
import type { Balancer } from './balancer.ts';

export interface DrainsParts<Peer> {
  readonly balancer: Pick<Balancer, 'has' | 'leaving'>;
  readonly tableVersion: () => number;
  /** The other workers that are known before they report. */
  readonly others: readonly ProcessIdentity[];
  readonly applied: (peer: Peer) => void;
  readonly drained: (peer: Peer, endpoint: string) => void;
}

export class Drains<Peer> {
  readonly #parts: DrainsParts<Peer>;
  readonly #unconfirmed = new Set<Peer>();
  readonly #waiting = new Map<string, Set<Peer>>();
  #others: readonly ProcessIdentity[];
  /** By name. What was at nothing stays at nothing, so an old report is still right about that. */
  readonly #reports = new Map<string, Report>();

  constructor(parts: DrainsParts<Peer>) {
    this.#parts = parts;
    this.#others = parts.others;
  }

  /** For the table to be in force. */
  confirm(peer: Peer): void {
    this.#unconfirmed.add(peer);
  }

  wait(peer: Peer, endpoint: string): void {
    const peers = this.#waiting.get(endpoint) ?? new Set();
    peers.add(peer);
    this.#waiting.set(endpoint, peers);
  }

  forget(peer: Peer): void {
    this.#unconfirmed.delete(peer);
    for (const [endpoint, peers] of this.#waiting) {
      if (peers.delete(peer) && peers.size === 0) this.#waiting.delete(endpoint);
    }
  }

  report(report: Report): void {
    if (!this.#others.some(known => isSame(known, report.worker))) this.#others = [...this.#others, report.worker];
    this.#reports.set(nameOf(report.worker), report);
  }

  /** The other workers that are alive. */
  others(): readonly ProcessIdentity[] {
    const alive = this.#others.filter(isAlive);
    if (alive.length < this.#others.length) {
      for (const worker of this.#others) if (!alive.includes(worker)) this.#reports.delete(nameOf(worker));
      this.#others = alive;
    }
    return this.#others;
  }

  /** To be called after anything that may have ended a drain, or brought a table into force. */
  review(): void {
    if (this.#waiting.size === 0 && this.#unconfirmed.size === 0) return;
    const { balancer, tableVersion, applied, drained } = this.#parts;
    const reports = this.others().map(worker => this.#reports.get(nameOf(worker)));
    if (reports.some(report => report === undefined || report.table < tableVersion())) return;
    for (const peer of this.#unconfirmed) applied(peer);
    this.#unconfirmed.clear();
    const leaving = balancer.leaving();
    for (const [endpoint, peers] of this.#waiting) {
      const busy = leaving.has(endpoint) || reports.some(report => (report?.inFlight[endpoint] ?? 0) > 0);
      if (busy || balancer.has(endpoint)) continue;
      this.#waiting.delete(endpoint);
      for (const peer of peers) drained(peer, endpoint);
    }
  }
}
