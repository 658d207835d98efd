/** In turn. An instance that can't take its turn is passed over. */
import type { Candidates, Member, Policy } from './policy.ts';
import type { Upstream } from './upstream.ts';

export class RoundRobin implements Policy {
  #upstreams: readonly Upstream[] = [];
  #next = 0;

  apply(members: readonly Member[]): void {
    this.#upstreams = members.map(({ upstream }) => upstream);
  }

  pick(candidates: Candidates): Upstream | undefined {
    const upstreams = this.#upstreams;
    const { length } = upstreams;
    let index = this.#next;
    for (let step = 0; step < length; step++, index++) {
      if (index >= length) index = 0;
      const upstream = upstreams[index] as Upstream;
      if (!candidates.has(upstream)) continue;
      this.#next = index + 1;
      return upstream;
    }
    return undefined;
  }
}
