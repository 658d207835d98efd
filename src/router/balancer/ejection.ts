/**
 * Which instances are passed over for a while, because requests to them failed.
 *
 * - A refused connect is enough; other failures have to come in a row. Any other answer ends the row.
 * - Each ejection without a success in between is twice as long as the one before, up to a limit. After it, one more
 *   failure is enough for the next.
 * - For other failures than refused connects, no more than half of a service's instances are ejected: what all of them
 *   do has its cause elsewhere.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import type { EjectionSpec } from '../../domain/traffic-spec.ts';
import type { Upstream } from './upstream.ts';

/** Where ejection is off, a refused connect is still not to be met by every request. */
const refusedOnly: EjectionSpec = { failures: Number.POSITIVE_INFINITY, initial: 1_000, max: 10_000 };

export class Ejection {
  #spec: EjectionSpec = refusedOnly;
  #upstreams: readonly Upstream[] = [];
  /** Ejections so far. */
  count = 0;

  apply(spec: EjectionSpec | false, upstreams: readonly Upstream[], now: Milliseconds): void {
    this.#spec = spec || refusedOnly;
    this.#upstreams = upstreams;
    const ejected = upstreams
      .filter(upstream => upstream.ejectedUntil > now && !upstream.refuses)
      .sort((a, b) => a.ejectedUntil - b.ejectedUntil);
    for (const upstream of ejected.slice(0, Math.max(0, this.ejected(now) - this.#most))) {
      upstream.ejectedUntil = Number.NEGATIVE_INFINITY;
    }
  }

  /** How many are ejected now. */
  ejected(now: Milliseconds): number {
    let count = 0;
    for (const upstream of this.#upstreams) if (upstream.ejectedUntil > now) count++;
    return count;
  }

  /** It did not accept the connection. */
  refused(upstream: Upstream, now: Milliseconds): void {
    upstream.failures += 1;
    upstream.refuses = true;
    this.#eject(upstream, now);
  }

  /** It accepted one. */
  connected(upstream: Upstream): void {
    if (!upstream.refuses) return;
    upstream.refuses = false;
    upstream.ejectedUntil = Number.NEGATIVE_INFINITY;
  }

  /** A request failed that had been sent to it. */
  failed(upstream: Upstream, now: Milliseconds): void {
    upstream.failures += 1;
    if (upstream.failures >= this.#spec.failures && this.ejected(now) < this.#most) this.#eject(upstream, now);
  }

  /** It gave an answer that is none of a failure. */
  succeeded(upstream: Upstream, now: Milliseconds): void {
    upstream.failures = 0;
    // An answer that was under way when it was ejected says nothing new.
    if (upstream.ejectedUntil <= now) upstream.ejections = 0;
  }

  get #most(): number {
    return Math.floor(this.#upstreams.length / 2);
  }

  #eject(upstream: Upstream, now: Milliseconds): void {
    // Requests that were under way together tell the same news only once.
    if (upstream.ejectedUntil > now || upstream.leaving) return;
    const { initial, max } = this.#spec;
    upstream.ejectedUntil = now + Math.min(initial * 2 ** upstream.ejections, max);
    upstream.ejections += 1;
    this.count += 1;
  }
}
