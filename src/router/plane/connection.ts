/** What the plane has accepted, whatever became of it. */
import type { Milliseconds } from '../../domain/clock.ts';

export interface Connection {
  /** To be called every tick: every state that nobody answers for has an end in time. */
  check(now: Milliseconds): void;
  destroy(): void;
}

/** Where a connection comes from. */
export interface Peer {
  readonly address: string | undefined;
  readonly isSecure: boolean;
  /** `1.2`, `1.3`. */
  readonly tlsVersion?: string | undefined;
}
