/**
 * Of two that are drawn at random, the one with fewer requests in flight: nearly as even as looking at all of them, and
 * workers that don't know of each other's requests don't all run to the same one. An instance that joins leaves what it
 * would win to the other, for as often as its share is not the full one.
 */
import type { Candidates, Member, Policy } from './policy.ts';
import type { Upstream } from './upstream.ts';

export class LeastRequests implements Policy {
  readonly #random: () => number;
  #upstreams: readonly Upstream[] = [];

  /** @param random from 0 to below 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  apply(members: readonly Member[]): void {
    this.#upstreams = members.map(({ upstream }) => upstream);
  }

  pick(candidates: Candidates): Upstream | undefined {
    const upstreams = this.#upstreams;
    const { length } = upstreams;
    const first = this.#from(candidates, this.#below(length), length);
    if (first < 0) return undefined;
    // Of those behind the first, so that it is another one.
    const second = this.#from(candidates, first + 1 + this.#below(length - 1), length);
    const [a, b] = [upstreams[first] as Upstream, upstreams[second] as Upstream];
    if (a === b) return a;
    const [winner, other] = b.inFlight < a.inFlight ? [b, a] : [a, b];
    const share = candidates.share(winner);
    return share < 1 && this.#random() >= share ? other : winner;
  }

  /** The first candidate at `start` or behind it, round and round; -1 where there is none. */
  #from(candidates: Candidates, start: number, length: number): number {
    for (let step = 0; step < length; step++) {
      const index = (start + step) % length;
      if (candidates.has(this.#upstreams[index] as Upstream)) return index;
    }
    return -1;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }
}
