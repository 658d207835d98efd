/** What the plane has accepted, whatever became of it. */
import type { Milliseconds } from '../../domain/clock.ts';
import type { Scheme } from '../forwarding.ts';

export interface Connection {
  /** To be called every tick: every state that nobody answers for has an end in time. */
  check(now: Milliseconds): void;
  destroy(): void;
}

/** Where a connection comes from. */
export interface Peer {
  /** An IP address. */
  readonly address: string;
  readonly scheme: Scheme;
  /** `1.2`, `1.3`; absent: it came without TLS. */
  readonly tlsVersion?: string | undefined;
}
