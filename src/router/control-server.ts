/**
 * The worker's end of the control socket. A successor takes the socket's name over by renaming its own onto it, so
 * there is no moment without one.
 */
import { renameSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { Channel } from '../router-link/channel.ts';
import { type FromRouter, type Hello, type ToRouter, toRouter } from '../router-link/messages.ts';
import { withSocketPath } from '../router-link/socket-path.ts';
import type { Log } from './log.ts';

export type Peer = Channel<ToRouter, FromRouter>;

export interface ControlEvents {
  hello(): Hello;
  message(peer: Peer, message: ToRouter): void;
  gone(peer: Peer): void;
}

export class ControlServer {
  readonly #path: string;
  readonly #events: ControlEvents;
  readonly #log: Log;
  readonly #peers = new Set<Peer>();
  #server: Server | undefined;
  #inode = 0;

  constructor(path: string, events: ControlEvents, log: Log) {
    this.#path = path;
    this.#events = events;
    this.#log = log;
  }

  /** Takes the name; may be called again to take it back. */
  async listen(): Promise<void> {
    const born = `${this.#path}.${process.pid}`;
    rmSync(born, { force: true });
    const server = createServer(socket => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      withSocketPath(born, fitting => server.listen(fitting, resolve));
    });
    this.#inode = statSync(born).ino;
    renameSync(born, this.#path);
    this.#server?.close();
    this.#server = server;
  }

  /** What was sent still arrives. */
  close(): void {
    this.#server?.close();
    for (const peer of this.#peers) void peer.close();
    this.#peers.clear();
  }

  /** Where it still is this worker's. */
  removeSocket(): void {
    try {
      if (statSync(this.#path).ino === this.#inode) rmSync(this.#path);
    } catch {
      // Gone already.
    }
  }

  #accept(socket: Socket): void {
    const peer: Peer = new Channel<ToRouter, FromRouter>(socket, toRouter, {
      message: message => this.#events.message(peer, message),
      closed: problem => {
        this.#peers.delete(peer);
        if (problem) {
          this.#log.warn({ problem }, 'a message on the control socket does not fit');
          peer.send({ type: 'invalid', message: problem.slice(0, 4096) });
        }
        this.#events.gone(peer);
      },
    });
    this.#peers.add(peer);
    peer.send(this.#events.hello());
  }
}
