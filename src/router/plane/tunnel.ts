/**
 * Two connections that have become one (RFC 9110, section 7.8): octets go both ways, each side as fast as the other
 * reads. A FIN is passed on; when one side is gone, so is the other, by a reset if it was by one.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import { write } from './message.ts';
import type { Wire, WireOwner } from './wire.ts';

/** Counts octets. */
export interface Meter {
  /** From the client. */
  received: number;
  /** To it. */
  sent: number;
}

export class Tunnel {
  /** Of the two wires, once they are the tunnel's. */
  readonly client: WireOwner;
  readonly upstream: WireOwner;
  readonly meter: Meter;
  #isHalfClosed = false;
  #hasMoved = true;
  #movedAt: Milliseconds = 0;

  /**
   * @param patience how long a side may take over what was sent to it before the other ended
   * @param over called once, when the instance's side is closed
   */
  constructor(
    client: Wire,
    upstream: Wire,
    patience: Milliseconds,
    over: () => void,
    meter: Meter = { received: 0, sent: 0 },
  ) {
    this.meter = meter;
    this.client = this.#side('received', client, upstream, patience, () => {});
    this.upstream = this.#side('sent', upstream, client, patience, over);
  }

  /** To be asked regularly. Once one side has sent a FIN, only time can show that the other is not alive. */
  isStuck(now: Milliseconds, limit: Milliseconds): boolean {
    if (this.#hasMoved) this.#movedAt = now;
    this.#hasMoved = false;
    return this.#isHalfClosed && now - this.#movedAt > limit;
  }

  #side(count: keyof Meter, own: Wire, other: Wire, patience: Milliseconds, closed: () => void): WireOwner {
    return {
      connected() {},
      received: (bytes, start, end) => {
        this.#hasMoved = true;
        this.meter[count] += end - start;
        write(other, '', bytes, start, end, '');
        if (other.blocked) own.pause();
      },
      ended: () => {
        this.#isHalfClosed = true;
        other.end();
      },
      flushed: () => other.resume(),
      closed(error) {
        if (error) other.reset();
        else other.finish(patience);
        closed();
      },
    };
  }
}
