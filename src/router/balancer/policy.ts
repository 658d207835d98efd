/** What all ways to choose an instance have in common. */
import type { Milliseconds } from '../../domain/clock.ts';
import type { Upstream } from './upstream.ts';

export interface Policy {
  /** The instances that there are from now on; what is known of those that stay is kept. */
  apply(members: readonly Member[]): void;
  /**
   * One of the candidates; `undefined` where there is none.
   * @param key of the caller, for those that go by it; {@link noKey}: it has none
   */
  pick(candidates: Candidates, key: number): Upstream | undefined;
}

export interface Member {
  readonly upstream: Upstream;
  /** Stays the same when an instance is replaced by another in its place. No two members have the same. */
  readonly place: string;
}

export const noKey = -1;

export const noneTried: ReadonlySet<Upstream> = new Set();

/** A small integer, which is quicker to compare than infinity is. */
export const unlimited = 2 ** 30;

/** An instance that has just joined gets something, or it would never get anywhere. */
const leastShare = 0.01;

/** Who may take a request. There is one of these to a service, set anew for each pick. */
export class Candidates {
  now: Milliseconds = 0;
  tried = noneTried;
  /** Requests in flight to one instance. */
  limit = unlimited;
  slowStart: Milliseconds = 0;
  /** Those that are ejected may take it too. */
  includesEjected = false;

  has(upstream: Upstream): boolean {
    return upstream.inFlight < this.limit && this.mayServe(upstream);
  }

  /** Once it has room. */
  mayServe(upstream: Upstream): boolean {
    return (
      upstream.weight > 0 &&
      (this.includesEjected || upstream.ejectedUntil <= this.now) &&
      (this.tried === noneTried || !this.tried.has(upstream))
    );
  }

  /** 0…1: what it has of its full share. */
  share(upstream: Upstream): number {
    const age = this.now - upstream.joinedAt;
    return age >= this.slowStart ? 1 : Math.max(age / this.slowStart, leastShare);
  }
}
