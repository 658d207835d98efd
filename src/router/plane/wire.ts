/**
 * A connection as the data plane uses it, whatever carries it.
 *
 * - What `received` is told is valid until it returns. What is needed for longer is to be copied; the part of a message
 *   that can't be understood yet with {@link Wire.keep}: it comes again, in front of what comes next.
 * - What is written is the wire's, unless it is lent memory: that it claims or copies where not all is taken at once.
 * - Both sides of a connection close on their own: that the other side ended is only told.
 */
import type { Milliseconds } from '../../domain/clock.ts';

export interface WireOwner {
  /** Octets [start, end) have come. */
  received(bytes: Buffer, start: number, end: number): void;
  connected(): void;
  /** The other side sends no more. */
  ended(): void;
  /** All that was written is taken, after the wire was blocked. */
  flushed(): void;
  /** The last that is told. */
  closed(error: Error | undefined): void;
}

export interface Wire {
  /** Of HTTP, that messages come by, where they say another. */
  readonly spokenVersion?: '2.0';
  /** Something written is not taken yet: no more should be written. */
  readonly blocked: boolean;
  readonly closed: boolean;
  /** Whether it is neither closed nor about to be. */
  readonly isOpen: boolean;
  /** Once: the owner is ready to be told. */
  start(): void;
  /** From now on another one is told. */
  handTo(owner: WireOwner): void;
  /** @param data text is latin1 */
  write(data: string | Buffer): void;
  /** Keeps [start, end) until more comes. */
  keep(bytes: Buffer, start: number, end: number): void;
  /** No more is read until {@link resume}. */
  pause(): void;
  resume(): void;
  /** Ends this side after what was written. */
  end(): void;
  /** Closes it when what was written is taken, or after `patience` without progress. */
  finish(patience: Milliseconds): void;
  destroy(): void;
  /** So that what was sent is not taken for the whole. */
  reset(): void;
}
