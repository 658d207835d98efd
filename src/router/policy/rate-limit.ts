/**
 * How many requests a client may make: a token bucket for each, kept as the one moment at which it will be full again
 * (the generic cell rate algorithm, ITU-T I.371).
 *
 * - A full bucket is the same as none, and is dropped once it is the one that was asked least lately.
 * - There are never more than {@link mostBuckets}. When there would be, the one asked least lately is given up, so a flood
 *   of new clients can't refuse anyone that is within its rate; at worst it makes the limiter forget.
 * - A request that is refused takes nothing.
 */
import { hash } from 'node:crypto';
import type { Milliseconds } from '../../domain/clock.ts';
import type { RateLimitSpec } from '../../domain/route-spec.ts';

const mostBuckets = 50_000;
const longestKey = 64;

export type Rate = Pick<RateLimitSpec, 'requests' | 'per' | 'burst'>;

export class RateLimiter {
  /** The time from one token to the next. */
  readonly #interval: Milliseconds;
  /** How far ahead a bucket's moment may be for a request to pass. */
  readonly #slack: Milliseconds;
  readonly #most: number;
  /** When each bucket is full; the one asked least lately first. */
  readonly #fullAt = new Map<string, Milliseconds>();

  /** @param share by how many workers the limit is divided; each lets at least one request through at once */
  constructor({ requests, per, burst }: Rate, share = 1, most = mostBuckets) {
    this.#interval = (per * share) / requests;
    this.#slack = (Math.max(1, Math.ceil(burst / share)) - 1) * this.#interval;
    this.#most = most;
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** @returns 0 where the request may pass, else how long until one may */
  take(key: string, now: Milliseconds): Milliseconds {
    this.#dropFull(now);
    const fullAt = Math.max(this.#fullAt.get(key) ?? now, now);
    const wait = Math.max(0, fullAt - this.#slack - now);
    this.#fullAt.delete(key);
    this.#fullAt.set(key, wait > 0 ? fullAt : fullAt + this.#interval);
    if (this.#fullAt.size > this.#most) this.#fullAt.delete(this.#fullAt.keys().next().value as string);
    return wait;
  }

  /** A few at a time: more than one request adds. */
  #dropFull(now: Milliseconds): void {
    let left = 2;
    for (const [key, fullAt] of this.#fullAt) {
      if (fullAt > now || left-- === 0) return;
      this.#fullAt.delete(key);
    }
  }
}

/**
 * Whose bucket it is. Who leaves the header out counts by address, or leaving it out would be the way around the limit.
 * @param value of the header that the limit goes by; `undefined` where it goes by address, or there is none
 */
export function bucketKey(address: string, value: string | undefined): string {
  if (value === undefined) return `@${networkOf(address)}`;
  return `=${value.length > longestKey ? hash('sha256', value, 'base64') : value}`;
}

/** One client is commonly given all of an IPv6 /64 (RFC 6177), and could be another with each request. */
function networkOf(address: string): string {
  const [front = '', back] = address.split('::');
  if (!address.includes(':') || address.includes('.')) return address;
  const words = front === '' ? [] : front.split(':');
  const after = back ? back.split(':').length : 0;
  while (back !== undefined && words.length + after < 8) words.push('0');
  return words.slice(0, 4).join(':');
}
