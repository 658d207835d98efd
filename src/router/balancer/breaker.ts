/**
 * A service that mostly fails is left alone for a while, so that it can recover, and its clients don't wait in vain.
 *
 * - Every request that is let through is told of once more, when it is known what came of it.
 * - What was let through before the last change of state can't bring about another: it tells about another time.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import type { BreakerSpec } from '../../domain/traffic-spec.ts';
import { type BreakerEvent, type BreakerKind, type BreakerState, closed, letsThrough, step } from './breaker-state.ts';
import { ShareWindow } from './share-window.ts';

const slices = 10;

/** What came of a request. `dropped`: nothing that tells about the service. */
export type Verdict = 'succeeded' | 'failed' | 'dropped';

/** That a request was let through, in which time between two changes of state. */
export interface Permit {
  readonly since: Milliseconds;
}

export class Breaker {
  readonly spec: BreakerSpec;
  readonly #window: ShareWindow;
  #state: BreakerState = closed;
  #permit: Permit = { since: Number.NEGATIVE_INFINITY };

  constructor(spec: BreakerSpec) {
    this.spec = spec;
    this.#window = new ShareWindow(spec.within, slices);
  }

  get state(): BreakerKind {
    return this.#state.kind;
  }

  /** @returns to be given back with the verdict; `undefined` where the request is not let through */
  ask(now: Milliseconds): Permit | undefined {
    const before = this.#state;
    this.#step({ kind: 'asked' }, now);
    return letsThrough(before, this.#state) ? this.#permit : undefined;
  }

  settle(permit: Permit, verdict: Verdict, now: Milliseconds): void {
    if (permit !== this.#permit) return;
    if (this.#state.kind === 'closed' && verdict !== 'dropped') this.#window.count(now);
    if (verdict === 'failed') this.#step({ kind: 'failed', tooMany: this.#isTooMany(now) }, now);
    else this.#step({ kind: verdict }, now);
  }

  /** How long no request is let through, unless one that was tells that it is better. */
  remaining(now: Milliseconds): Milliseconds {
    return this.#state.kind === 'closed' ? 0 : Math.max(0, this.#state.until - now);
  }

  /** With one more that failed. */
  #isTooMany(now: Milliseconds): boolean {
    this.#window.countPart(now);
    const all = this.#window.all(now);
    return all >= this.spec.requests && this.#window.part(now) >= this.spec.failureRatio * all;
  }

  #step(event: BreakerEvent, now: Milliseconds): void {
    const before = this.#state;
    this.#state = step(before, event, { now, open: this.spec.open });
    if (this.#state.kind === before.kind) return;
    this.#permit = { since: now };
    this.#window.clear();
  }
}
