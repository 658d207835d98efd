/**
 * What all workers counted, as one.
 *
 * - A counter never goes back while this worker lives: of a worker that ended, the last numbers stay.
 * - An answer takes no longer than {@link patience}, or {@link firstPatience}: of a worker that gives none, the last
 *   numbers stand in.
 */
import type { Milliseconds } from '../domain/clock.ts';
import { isAlive, nameOf, type ProcessIdentity } from '../router-link/identity.ts';
import type { Counts } from '../router-link/messages.ts';
import { gauges, type RouterStats } from '../router-link/protocol.ts';

const patience: Milliseconds = 500;
/** For one of whom nothing is known yet: without it the sum would go back. Less than whoever asks waits for. */
const firstPatience: Milliseconds = 1_500;

interface Known {
  readonly worker: ProcessIdentity;
  readonly stats: RouterStats;
}

export class Tally<Peer> {
  readonly #ask: (peer: Peer) => void;
  readonly #peers = new Map<Peer, ProcessIdentity>();
  /** By name. */
  readonly #known = new Map<string, Known>();
  #ended: RouterStats | undefined;
  /** Names of those whose answer is waited for. */
  readonly #awaited = new Set<string>();
  #answered: (() => void) | undefined;
  #collecting: Promise<void> | undefined;

  /** @param ask sends `count` */
  constructor(ask: (peer: Peer) => void) {
    this.#ask = ask;
  }

  joined(peer: Peer, worker: ProcessIdentity): void {
    if (this.#peers.has(peer)) return;
    this.#peers.set(peer, worker);
    if (this.#awaited.has(nameOf(worker))) this.#ask(peer);
  }

  heard({ worker, stats }: Counts): void {
    this.#known.set(nameOf(worker), { worker, stats });
    this.#settle(worker);
  }

  gone(peer: Peer): void {
    const worker = this.#peers.get(peer);
    this.#peers.delete(peer);
    if (worker) this.#settle(worker);
  }

  /** @param others all who may have something to tell, also those that have not joined yet */
  async total(own: () => RouterStats, others: readonly ProcessIdentity[]): Promise<RouterStats> {
    this.#collecting ??= this.#collect(others).finally(() => {
      this.#collecting = undefined;
    });
    await this.#collecting;
    const kept = this.kept(own());
    return [...this.#known.values()].reduce((sum, { stats }) => plus(sum, stats), kept);
  }

  /** `own` and what those counted that have ended. */
  kept(own: RouterStats): RouterStats {
    const joined = new Set([...this.#peers.values()].map(nameOf));
    for (const [name, { worker, stats }] of this.#known) {
      // While it is joined, its last word may be yet to come.
      if (joined.has(name) || isAlive(worker)) continue;
      this.#known.delete(name);
      const last = countersOf(stats);
      this.#ended = this.#ended ? plus(this.#ended, last) : last;
    }
    return this.#ended ? plus(own, this.#ended) : own;
  }

  async #collect(others: readonly ProcessIdentity[]): Promise<void> {
    if (others.length === 0) return;
    for (const worker of others) this.#awaited.add(nameOf(worker));
    const answered = new Promise<void>(resolve => {
      this.#answered = resolve;
    });
    const isKnown = others.every(worker => this.#known.has(nameOf(worker)));
    const timer = setTimeout(() => this.#answered?.(), isKnown ? patience : firstPatience);
    for (const peer of this.#peers.keys()) this.#ask(peer);
    await answered;
    clearTimeout(timer);
    this.#awaited.clear();
  }

  #settle(worker: ProcessIdentity): void {
    if (this.#awaited.delete(nameOf(worker)) && this.#awaited.size === 0) this.#answered?.();
  }
}

export function plus(one: RouterStats, other: RouterStats): RouterStats {
  return { ...(merge(one, other, (a, b) => a + b) as RouterStats), workers: [...one.workers, ...other.workers] };
}

/** What was counted since `base`; what tells of now stays as it is. */
export function since(base: RouterStats, stats: RouterStats): RouterStats {
  return { ...(merge(stats, countersOf(base), (a, b) => a - b) as RouterStats), workers: stats.workers };
}

function countersOf(stats: RouterStats): RouterStats {
  return { ...(withoutGauges(stats) as RouterStats), workers: [] };
}

/** Leaf by leaf; what only one of them has is taken as it is. */
function merge(one: unknown, other: unknown, combine: (a: number, b: number) => number): unknown {
  if (other === undefined) return one;
  if (one === undefined) return other;
  if (typeof one === 'number' && typeof other === 'number') return combine(one, other);
  if (Array.isArray(one) && Array.isArray(other)) {
    const [longer, shorter] = one.length < other.length ? [other, one] : [one, other];
    return longer.map((_, index) =>
      index < shorter.length ? merge(one[index], other[index], combine) : longer[index],
    );
  }
  if (!isObject(one) || !isObject(other)) return one;
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...keys].map(key => [key, merge(one[key], other[key], combine)]));
}

function withoutGauges(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutGauges);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, gauges.has(key) ? none(entry) : withoutGauges(entry)]),
  );
}

function none(gauge: unknown): unknown {
  return typeof gauge === 'number' ? 0 : {};
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
