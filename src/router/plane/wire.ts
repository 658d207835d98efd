/**
 * A TCP connection as the data plane uses it.
 *
 * - What `received` is told is valid until it returns. What is needed for longer is to be copied; the part of a message
 *   that can't be understood yet with {@link Wire.keep}: it comes again, in front of what comes next.
 * - What is written is the wire's, unless it is lent memory: that it claims where the kernel does not take all at once.
 * - Both sides of a connection close on their own: a FIN is only told.
 */
import { connect, type NetConnectOpts, type OnReadOpts, Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import {
  handleOf,
  learnFrom,
  type WritableHandle,
  type WriteRequest,
  writeError,
  writeRequest,
} from './direct-writes.ts';
import { claim, giveBack, landing } from './memory.ts';

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

const smallestGrowth = 2048;

export class Wire {
  readonly socket: Socket;
  #owner: WireOwner;
  /** What could not be understood yet. */
  #kept: Buffer | undefined;
  #keptEnd = 0;
  #isPaused = false;
  #error: Error | undefined;
  /** Whether only what Node documents is used. */
  readonly #byDocument: boolean;
  /** Where direct writes go, once they do. */
  #handle: WritableHandle | undefined;
  #request: WriteRequest | undefined;
  /** Direct writes that were not complete at once. */
  #pending = 0;
  readonly #claimed: Buffer[] = [];
  /** Something written is not taken by the kernel yet. */
  blocked = false;
  closed = false;

  private constructor(owner: WireOwner, byDocument: boolean, open: (wire: Wire) => Socket) {
    this.#owner = owner;
    this.#byDocument = byDocument;
    this.socket = open(this);
    this.socket.on('end', () => this.#owner.ended());
    this.socket.on('error', error => {
      this.#error = error;
    });
    this.socket.on('close', () => {
      this.closed = true;
      this.#owner.closed(this.#error);
    });
  }

  /** To be connected to an instance. */
  static connect(owner: WireOwner, to: NetConnectOpts, byDocument: boolean): Wire {
    return new Wire(owner, byDocument, wire => {
      const socket = connect({ ...to, allowHalfOpen: true, noDelay: true, onread: wire.#onread() } as NetConnectOpts);
      socket.once('connect', () => owner.connected());
      return socket;
    });
  }

  /**
   * @param accepted paused since it was accepted
   * @param byDocument whether to use only what Node documents, which costs more
   */
  static accepted(owner: WireOwner, accepted: Socket, byDocument: boolean): Wire {
    return new Wire(owner, byDocument, wire => {
      const taken = byDocument ? undefined : wire.#takeOver(accepted);
      if (taken) return taken;
      accepted.on('data', chunk => wire.#deliver(chunk, chunk.length));
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
    const handle = this.#handle ?? this.#findHandle();
    if (handle) this.#writeTo(handle, data);
    else {
      const { socket } = this;
      if (typeof data === 'string') socket.write(data, 'latin1', this.#drained);
      else socket.write(data, this.#drained);
      if (socket.writableLength > 0) this.#block(data);
    }
  }

  /** Keeps [start, end) until more comes. */
  keep(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (bytes === this.#kept) {
      if (start > 0) bytes.copyWithin(0, start, end);
    } else {
      this.#kept = Buffer.allocUnsafeSlow(Math.max(smallestGrowth, 2 * length));
      bytes.copy(this.#kept, 0, start, end);
    }
    this.#keptEnd = length;
  }

  /** No more is read until {@link resume}. */
  pause(): void {
    if (this.#isPaused || this.closed) return;
    this.#isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.closed) return;
    this.#isPaused = false;
    this.socket.resume();
  }

  /** Sends a FIN after what was written. */
  end(): void {
    this.socket.end();
  }

  /** Closes it when what was written is taken, or after `patience` without progress. */
  finish(patience: Milliseconds): void {
    if (this.closed) return;
    const left = this.#handle?.writeQueueSize;
    this.socket.setTimeout(patience, () => {
      if (this.#handle?.writeQueueSize === left) this.socket.destroy();
      else this.finish(patience);
    });
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

  /** A handle is known only once requests for it are, and takes over only from a stream that has nothing under way. */
  #findHandle(): WritableHandle | undefined {
    if (this.#byDocument || this.socket.writableLength > 0) return undefined;
    const handle = handleOf(this.socket);
    if (!handle) return undefined;
    this.#request = writeRequest(this.#completed);
    if (this.#request) this.#handle = handle;
    else learnFrom(handle);
    return this.#handle;
  }

  #writeTo(handle: WritableHandle, data: string | Buffer): void {
    const { socket } = this;
    if (socket.destroyed) return;
    this.#request ??= writeRequest(this.#completed) as WriteRequest;
    const status =
      typeof data === 'string'
        ? handle.writeLatin1String(this.#request, data)
        : handle.writeBuffer(this.#request, data);
    if (status !== 0) socket.destroy(writeError(status));
    else if (handle.writeQueueSize > 0) {
      this.#request = undefined;
      this.#pending++;
      this.#block(data);
    }
  }

  /** The octets must stay as they are, and reachable, until they are taken. */
  #block(data: string | Buffer): void {
    this.blocked = true;
    if (typeof data === 'string') return;
    claim(data);
    this.#claimed.push(data);
  }

  readonly #completed = (status: number): void => {
    this.#pending--;
    if (status !== 0) this.socket.destroy(writeError(status));
    else if (this.#pending === 0) this.#unblock();
  };

  readonly #drained = (error?: Error | null): void => {
    if (this.blocked && !error && this.socket.writableLength === 0) this.#unblock();
  };

  #unblock(): void {
    for (const data of this.#claimed) giveBack(data);
    this.#claimed.length = 0;
    this.blocked = false;
    if (!this.closed) this.#owner.flushed();
  }

  #onread(): OnReadOpts {
    return {
      buffer: landing,
      callback: length => {
        this.#deliver(landing, length);
        return true;
      },
    };
  }

  /**
   * Node can read into a buffer of ours only where it makes the socket, which for an accepted connection it does not
   * document. So its handle is given to another socket, where it has one of the known kind.
   */
  #takeOver(accepted: Socket): Socket | undefined {
    const internals = accepted as unknown as { _handle: ReadableHandle | null };
    const handle = internals._handle;
    if (typeof handle?.useUserBuffer !== 'function' || typeof handle.readStart !== 'function') return undefined;
    internals._handle = null;
    accepted.destroy();
    const options = { handle, allowHalfOpen: true, pauseOnCreate: true, onread: this.#onread() };
    return new Socket(options as ConstructorParameters<typeof Socket>[0]);
  }

  #deliver(bytes: Buffer, length: number): void {
    const kept = this.#kept;
    if (!kept) {
      this.#owner.received(bytes, 0, length);
      return;
    }
    const end = this.#keptEnd + length;
    let joined = kept;
    if (end > kept.length) {
      joined = Buffer.allocUnsafeSlow(Math.max(2 * kept.length, end));
      kept.copy(joined, 0, 0, this.#keptEnd);
      this.#kept = joined;
    }
    bytes.copy(joined, this.#keptEnd, 0, length);
    this.#keptEnd = 0;
    this.#owner.received(joined, 0, end);
    if (this.#keptEnd === 0) this.#kept = undefined;
  }
}

/** What `net` gives no type to. */
interface ReadableHandle {
  useUserBuffer?: unknown;
  readStart?: unknown;
}
