/**
 * The same key to the same instance (rendezvous hashing): every instance has a score for a key, the highest takes it.
 *
 * - Where that one can't, the next highest does, and it gets the key back when it can again.
 * - An instance that joins or leaves moves only the keys that it has itself: one of n of them.
 * - Scores go by the place of an instance, so that one that is replaced hands its keys on.
 * - Shares don't grow: a key that moved twice would be worse than a busy start.
 */
import { type Candidates, type Member, noKey, type Policy } from './policy.ts';
import { RoundRobin } from './round-robin.ts';
import type { Upstream } from './upstream.ts';

export class Hash implements Policy {
  readonly #keyless = new RoundRobin();
  #upstreams: readonly Upstream[] = [];
  #seeds: readonly number[] = [];

  apply(members: readonly Member[]): void {
    this.#keyless.apply(members);
    this.#upstreams = members.map(({ upstream }) => upstream);
    this.#seeds = members.map(({ place }) => hashOf(place));
  }

  pick(candidates: Candidates, key: number): Upstream | undefined {
    if (key === noKey) return this.#keyless.pick(candidates);
    const upstreams = this.#upstreams;
    let best: Upstream | undefined;
    let highest = -1;
    for (let index = 0; index < upstreams.length; index++) {
      const upstream = upstreams[index] as Upstream;
      const score = mixed(key ^ (this.#seeds[index] as number));
      if (score <= highest || !candidates.has(upstream)) continue;
      best = upstream;
      highest = score;
    }
    return best;
  }
}

/** An unsigned number of 32 bits (FNV-1a, then mixed). */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return mixed(hash);
}

/** Every bit of the outcome depends on every one of the input (the finalizer of MurmurHash3). */
function mixed(hash: number): number {
  let bits = hash;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
