/** A wire that is a connection by TCP, or to a Unix socket. */
import { type OnReadOpts, Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import { connectTo, type Destination } from '../../sockets/connect.ts';
import {
  handleOf,
  learnFrom,
  type WritableHandle,
  type WriteRequest,
  writeError,
  writeRequest,
} from './direct-writes.ts';
import { claim, giveBack, landing } from './memory.ts';
import { Remainder } from './remainder.ts';
import type { Wire, WireOwner } from './wire.ts';

export class SocketWire implements Wire {
  readonly socket: Socket;
  #owner: WireOwner;
  /** From when a message first came in parts. */
  #remainder: Remainder | undefined;
  #isPaused = false;
  /** What had been read before the socket came here. */
  #early: Buffer | undefined;
  #error: Error | undefined;
  /** Whether only what Node documents is used. */
  readonly #byDocument: boolean;
  /** Where direct writes go, once they do. */
  #handle: WritableHandle | undefined;
  #request: WriteRequest | undefined;
  /** Direct writes that were not complete at once. */
  #pending = 0;
  readonly #claimed: Buffer[] = [];
  blocked = false;
  closed = false;
  isOpen = true;

  private constructor(owner: WireOwner, byDocument: boolean, open: (wire: SocketWire) => Socket) {
    this.#owner = owner;
    this.#byDocument = byDocument;
    this.socket = open(this);
    this.socket.on('end', this.#ended);
    this.socket.on('error', error => {
      this.isOpen = false;
      this.#error = error;
    });
    this.socket.on('close', this.#closed);
  }

  /** To be connected to an instance. */
  static connect(owner: WireOwner, to: Destination, byDocument: boolean): SocketWire {
    return new SocketWire(owner, byDocument, wire => {
      const options = { allowHalfOpen: true, noDelay: true, onread: wire.#onread() };
      const socket = connectTo(to, options);
      socket.once('connect', () => owner.connected());
      return socket;
    });
  }

  /**
   * @param accepted paused since it was accepted
   * @param byDocument whether to use only what Node documents, which costs more
   */
  static accepted(owner: WireOwner, accepted: Socket, byDocument: boolean): SocketWire {
    const early: Buffer | null = byDocument || accepted.readableLength === 0 ? null : accepted.read();
    const made = new SocketWire(owner, byDocument, wire => {
      const taken = byDocument ? undefined : wire.#takeOver(accepted);
      if (taken) return taken;
      accepted.on('data', wire.#came);
      return accepted;
    });
    made.#early = early ?? undefined;
    return made;
  }

  handTo(owner: WireOwner): void {
    this.#owner = owner;
  }

  start(): void {
    const early = this.#early;
    this.#early = undefined;
    if (early) this.#deliver(early, early.length);
    if (!this.#isPaused) this.socket.resume();
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

  keep(bytes: Buffer, start: number, end: number): void {
    this.#remainder ??= new Remainder();
    this.#remainder.keep(bytes, start, end);
  }

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

  end(): void {
    this.socket.end();
  }

  finish(patience: Milliseconds): void {
    if (this.closed) return;
    const left = this.#handle?.writeQueueSize;
    this.socket.setTimeout(patience, () => {
      if (this.#handle?.writeQueueSize === left) this.socket.destroy();
      else this.finish(patience);
    });
    this.socket.destroySoon();
  }

  /**
   * Gives up the socket, with [start, end) put back: nothing was written yet. Whoever takes it over has to wait a turn,
   * since it is still being read.
   */
  release(bytes: Buffer, start: number, end: number): Socket {
    const { socket } = this;
    this.pause();
    this.isOpen = false;
    this.closed = true;
    socket.off('end', this.#ended).off('close', this.#closed).off('data', this.#came);
    socket.unshift(Buffer.from(bytes.subarray(start, end)));
    return socket;
  }

  destroy(): void {
    this.isOpen = false;
    this.socket.destroy();
  }

  reset(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
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
    if (!this.isOpen) return;
    this.#request ??= writeRequest(this.#completed) as WriteRequest;
    const status =
      typeof data === 'string'
        ? handle.writeLatin1String(this.#request, data)
        : handle.writeBuffer(this.#request, data);
    if (status !== 0) this.#fail(status);
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
    if (status !== 0) this.#fail(status);
    else if (this.#pending === 0) this.#unblock();
  };

  #fail(status: number): void {
    this.isOpen = false;
    this.socket.destroy(writeError(status));
  }

  readonly #drained = (error?: Error | null): void => {
    if (this.blocked && !error && this.socket.writableLength === 0) this.#unblock();
  };

  readonly #came = (chunk: Buffer): void => this.#deliver(chunk, chunk.length);

  readonly #ended = (): void => this.#owner.ended();

  readonly #closed = (): void => {
    this.isOpen = false;
    this.closed = true;
    this.#owner.closed(this.#error);
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
    if (this.#remainder) this.#remainder.deliver(bytes, length, this.#owner);
    else this.#owner.received(bytes, 0, length);
  }
}

/** What `net` gives no type to. */
interface ReadableHandle {
  useUserBuffer?: unknown;
  readStart?: unknown;
}
