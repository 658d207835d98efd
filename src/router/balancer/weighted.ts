/**
 * In turn, by weight, and evenly mixed: for 3 to 1 it is a, a, b, a and not a, a, a, b. Each pick gives every candidate
 * credit by its weight; the one with the most takes the request and pays for all (the way of nginx). An instance that
 * joins has a part of its weight at first.
 */
import type { Candidates, Member, Policy } from './policy.ts';
import type { Upstream } from './upstream.ts';

interface Slot {
  readonly upstream: Upstream;
  credit: number;
}

export class Weighted implements Policy {
  #slots: readonly Slot[] = [];

  apply(members: readonly Member[]): void {
    const known = new Map(this.#slots.map(slot => [slot.upstream, slot]));
    this.#slots = members.map(({ upstream }) => known.get(upstream) ?? { upstream, credit: 0 });
  }

  pick(candidates: Candidates): Upstream | undefined {
    let total = 0;
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      const { upstream } = slot;
      if (!candidates.has(upstream)) continue;
      const weight = upstream.weight * candidates.share(upstream);
      total += weight;
      slot.credit += weight;
      if (best === undefined || slot.credit > best.credit) best = slot;
    }
    if (best === undefined) return undefined;
    best.credit -= total;
    return best.upstream;
  }
}
