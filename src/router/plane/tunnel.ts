/**
 * Two connections that have become one (RFC 9110, section 7.8): octets go both ways, each side as fast as the other
 * reads. A FIN is passed on; when one side is gone, so is the other.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import { write } from './message.ts';
import type { Wire, WireOwner } from './wire.ts';

export class Tunnel {
  /** Of the two wires, once they are the tunnel's. */
  readonly client: WireOwner;
  readonly upstream: WireOwner;
  #isHalfClosed = false;
  #hasMoved = true;
  #movedAt: Milliseconds = 0;
  readonly #over: () => void;
  /** Octets of either that came. */
  fromClient = 0;
  fromUpstream = 0;

  /**
   * @param patience how long a side may take over what was sent to it before the other ended
   * @param over called once, when the instance's side is closed
   */
  constructor(client: Wire, upstream: Wire, patience: Milliseconds, over: () => void) {
    this.#over = over;
    const fromClient = (count: number) => {
      this.fromClient += count;
    };
    const fromUpstream = (count: number) => {
      this.fromUpstream += count;
    };
    this.client = this.#side(client, upstream, patience, fromClient);
    this.upstream = this.#side(upstream, client, patience, fromUpstream, () => this.#over());
  }

  /** To be asked regularly. Once one side has sent a FIN, only time can show that the other is not alive. */
  isStuck(now: Milliseconds, limit: Milliseconds): boolean {
    if (this.#hasMoved) this.#movedAt = now;
    this.#hasMoved = false;
    return this.#isHalfClosed && now - this.#movedAt > limit;
  }

  #side(
    own: Wire,
    other: Wire,
    patience: Milliseconds,
    moved: (count: number) => void,
    closed?: () => void,
  ): WireOwner {
    return {
      connected() {},
      received: (bytes, start, end) => {
        this.#hasMoved = true;
        moved(end - start);
        write(other, '', bytes, start, end, '');
        if (other.blocked) own.pause();
      },
      ended: () => {
        this.#isHalfClosed = true;
        other.end();
      },
      flushed: () => other.resume(),
      closed(error) {
        if (error) other.destroy();
        else other.finish(patience);
        closed?.();
      },
    };
  }
}
