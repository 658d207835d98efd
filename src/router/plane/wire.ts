/**
 * A TCP connection as the data plane uses it: octets come in a slab that is used again and again.
 *
 * - What `received` is told stays where it is until it returns, and as long as the wire is paused; what is needed for
 *   longer is to be copied with {@link Wire.keep}, and comes again, in front of what comes next.
 * - A slab that something was written from, and that the kernel has not taken whole, is not read into: whoever writes
 *   from a slab pauses its wire, or abandons the slab.
 * - Both sides of a connection close on their own: a FIN is only told.
 */
import { connect, type NetConnectOpts, type OnReadOpts, Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import { giveBack, headroom, type Slab, takeSlab } from './slabs.ts';

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

/** What `net` gives no type to. */
interface Handle {
  useUserBuffer?: unknown;
  readStart?: unknown;
}

const smallestGrowth = 2048;

export class Wire {
  readonly socket: Socket;
  #owner: WireOwner;
  #slab: Slab = takeSlab(false);
  #kept: Buffer | undefined;
  #keptEnd = 0;
  #paused = false;
  #abandoned = false;
  #error: Error | undefined;
  /** Something written is not taken by the kernel yet. */
  blocked = false;
  closed = false;

  private constructor(owner: WireOwner, open: (wire: Wire) => Socket) {
    this.#owner = owner;
    this.socket = open(this);
    this.socket.on('end', () => this.#owner.ended());
    this.socket.on('error', error => {
      this.#error = error;
    });
    this.socket.on('close', () => {
      this.closed = true;
      if (!this.#paused && !this.#abandoned) giveBack(this.#slab);
      this.#owner.closed(this.#error);
    });
  }

  /** To be connected to an instance. */
  static connect(owner: WireOwner, to: NetConnectOpts): Wire {
    return new Wire(owner, wire => {
      const socket = connect({ ...to, allowHalfOpen: true, noDelay: true, onread: wire.#onread() } as NetConnectOpts);
      socket.once('connect', () => owner.connected());
      return socket;
    });
  }

  /**
   * @param accepted paused since it was accepted
   * @param reuse whether to read into slabs also where Node has no documented way to it; otherwise octets are copied
   */
  static accepted(owner: WireOwner, accepted: Socket, reuse: boolean): Wire {
    return new Wire(owner, wire => {
      const taken = reuse ? wire.#takeOver(accepted) : undefined;
      if (taken) return taken;
      accepted.on('data', chunk => wire.#copyIn(chunk));
      return accepted;
    });
  }

  /** From now on another one is told. */
  handTo(owner: WireOwner): void {
    this.#owner = owner;
  }

  /** Starts what {@link accepted} made; the owner is ready from here on. */
  start(): void {
    this.socket.resume();
  }

  write(data: string | Buffer): void {
    const { socket } = this;
    if (typeof data === 'string') socket.write(data, 'latin1', this.#written);
    else socket.write(data, this.#written);
    if (socket.writableLength > 0) this.blocked = true;
  }

  /** Keeps [start, end) until more comes. */
  keep(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (bytes === this.#kept) {
      if (start > headroom) bytes.copyWithin(headroom, start, end);
    } else {
      this.#kept = Buffer.allocUnsafeSlow(headroom + Math.max(smallestGrowth, 2 * length));
      this.#kept.set(bytes.subarray(start, end), headroom);
    }
    this.#keptEnd = headroom + length;
  }

  /** No more is read until {@link resume}. */
  pause(): void {
    if (this.#paused || this.closed) return;
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused || this.closed) return;
    this.#paused = false;
    this.socket.resume();
  }

  /** What comes next is read into another slab, as something is still being written from this one. */
  abandonSlab(): void {
    this.#abandoned = true;
  }

  /** Sends a FIN after what was written. */
  end(): void {
    this.socket.end();
  }

  /** Closes it when what was written is taken, or after `patience`. */
  finish(patience: Milliseconds): void {
    if (this.closed) return;
    this.socket.setTimeout(patience, () => this.socket.destroy());
    this.socket.destroySoon();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** With a RST: what was sent is not to be taken for the whole. */
  reset(): void {
    if (this.closed || this.socket.destroyed) return;
    this.socket.resetAndDestroy();
  }

  readonly #written = (error?: Error | null): void => {
    if (!this.blocked || error || this.closed || this.socket.writableLength > 0) return;
    this.blocked = false;
    this.#owner.flushed();
  };

  #onread(): OnReadOpts {
    return {
      buffer: () => this.#nextRoom(),
      callback: length => {
        this.#deliver(length);
        return true;
      },
    };
  }

  /**
   * Node can read into a buffer of ours only where it makes the socket, which for an accepted connection it does not
   * document. So its handle is given to another socket, where it has one of the known kind.
   */
  #takeOver(accepted: Socket): Socket | undefined {
    const internals = accepted as unknown as { _handle: Handle | null };
    const handle = internals._handle;
    if (typeof handle?.useUserBuffer !== 'function' || typeof handle.readStart !== 'function') return undefined;
    internals._handle = null;
    accepted.destroy();
    const options = { handle, allowHalfOpen: true, pauseOnCreate: true, onread: this.#onread() };
    return new Socket(options as ConstructorParameters<typeof Socket>[0]);
  }

  /** After each read: a read that fills its slab gets a large one, until less comes. */
  #nextRoom(): Buffer {
    const slab = this.#slab;
    if (this.#abandoned) {
      this.#abandoned = false;
      this.#slab = takeSlab(slab.isLarge);
    } else if (!this.#paused && slab.isLarge !== this.#wantsLarge && !this.closed) {
      giveBack(slab);
      this.#slab = takeSlab(this.#wantsLarge);
    }
    return this.#slab.room;
  }

  #wantsLarge = false;

  #deliver(length: number): void {
    const { bytes, room } = this.#slab;
    this.#wantsLarge = length === room.length || (this.#slab.isLarge && length > room.length / 8);
    const kept = this.#kept;
    if (!kept) {
      this.#owner.received(bytes, headroom, headroom + length);
      return;
    }
    const end = this.#keptEnd + length;
    let joined = kept;
    if (end > kept.length) {
      joined = Buffer.allocUnsafeSlow(Math.max(2 * kept.length, end));
      joined.set(kept.subarray(0, this.#keptEnd));
      this.#kept = joined;
    }
    joined.set(bytes.subarray(headroom, headroom + length), this.#keptEnd);
    this.#keptEnd = 0;
    this.#owner.received(joined, headroom, end);
    if (this.#keptEnd === 0) this.#kept = undefined;
  }

  /** The way without `onread`. */
  #copyIn(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !this.closed) {
      if (this.#paused) {
        this.socket.unshift(rest);
        return;
      }
      const room = this.#nextRoom();
      const length = rest.copy(room);
      rest = rest.subarray(length);
      this.#deliver(length);
    }
  }
}
