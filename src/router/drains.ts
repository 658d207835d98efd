/**
 * Who waits for which endpoint to be drained. An endpoint is drained once no table has it and nothing is in flight to
 * it: not here, and not on a worker that this one succeeded, which goes on with the connections that it had. A
 * predecessor that is alive counts with its last report, and that only if it was made with a table as new as ours.
 */
import { isAlive, isSame, type ProcessIdentity } from '../router-link/identity.ts';
import type { Leaving } from '../router-link/messages.ts';
import type { Balancer } from './balancer.ts';

export interface DrainsParts<Peer> {
  readonly balancer: Pick<Balancer, 'has' | 'leaving'>;
  readonly tableVersion: () => number;
  readonly predecessors: readonly ProcessIdentity[];
  readonly drained: (peer: Peer, endpoint: string) => void;
}

export class Drains<Peer> {
  readonly #parts: DrainsParts<Peer>;
  readonly #waiting = new Map<string, Set<Peer>>();
  #predecessors: readonly ProcessIdentity[];
  /** By pid. What was at nothing stays at nothing, so an old report is still right about that. */
  readonly #reports = new Map<number, Leaving>();

  constructor(parts: DrainsParts<Peer>) {
    this.#parts = parts;
    this.#predecessors = parts.predecessors;
  }

  wait(peer: Peer, endpoint: string): void {
    const peers = this.#waiting.get(endpoint) ?? new Set();
    peers.add(peer);
    this.#waiting.set(endpoint, peers);
  }

  forget(peer: Peer): void {
    for (const [endpoint, peers] of this.#waiting) {
      if (peers.delete(peer) && peers.size === 0) this.#waiting.delete(endpoint);
    }
  }

  report(report: Leaving): void {
    if (!this.#predecessors.some(known => isSame(known, report.worker))) {
      this.#predecessors = [...this.#predecessors, report.worker];
    }
    this.#reports.set(report.worker.pid, report);
  }

  /** Those alive. */
  predecessors(): readonly ProcessIdentity[] {
    if (this.#predecessors.length > 0) this.#predecessors = this.#predecessors.filter(isAlive);
    return this.#predecessors;
  }

  /** To be called after anything that may have ended a drain. */
  review(): void {
    if (this.#waiting.size === 0) return;
    const { balancer, tableVersion, drained } = this.#parts;
    const reports = this.predecessors().map(({ pid }) => this.#reports.get(pid));
    if (reports.some(report => report === undefined || report.table < tableVersion())) return;
    const leaving = balancer.leaving();
    for (const [endpoint, peers] of this.#waiting) {
      const busy = leaving.has(endpoint) || reports.some(report => (report?.inFlight[endpoint] ?? 0) > 0);
      if (busy || balancer.has(endpoint)) continue;
      this.#waiting.delete(endpoint);
      for (const peer of peers) drained(peer, endpoint);
    }
  }
}
