/**
 * Messages over a stream socket, one JSON object a line. A line that is too long or does not pass the check ends the
 * channel; nothing that the peer sends can throw.
 */
import type { Socket } from 'node:net';
import type { Milliseconds } from '../domain/clock.ts';
import { type Check, parseJson } from './check.ts';

/** A table of ten thousand endpoints takes about one megabyte. */
const longestLine = 16 * 1024 * 1024;
/** For the peer to read what was sent. */
const closingPatience: Milliseconds = 1_000;

export interface ChannelEvents<In> {
  message(message: In): void;
  /** Once; `problem` says what the peer sent that does not belong. */
  closed(problem?: string): void;
}

export class Channel<In, Out> {
  readonly #socket: Socket;
  #closed = false;

  constructor(socket: Socket, check: Check<In>, events: ChannelEvents<In>) {
    this.#socket = socket;
    let problem: string | undefined;
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      let start = 0;
      for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
        const line = rest + chunk.slice(start, end);
        rest = '';
        start = end + 1;
        let message: In;
        try {
          message = parseJson(line, check);
        } catch (error) {
          problem = (error as Error).message;
          break;
        }
        if (!this.#closed) events.message(message);
      }
      rest += chunk.slice(start);
      if (rest.length > longestLine) problem = `a line of more than ${longestLine} characters`;
      if (problem) {
        rest = '';
        socket.pause();
        this.#end(() => events.closed(problem));
        socket.destroySoon();
      }
    });
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => this.#end(() => events.closed()));
  }

  get open(): boolean {
    return !this.#closed;
  }

  send(message: Out): void {
    if (this.#socket.writable) this.#socket.write(`${JSON.stringify(message)}\n`);
  }

  /**
   * What was sent still arrives: whoever writes to a socket that is gone already loses what it has not read of it, so
   * this one stays until the peer has read to its end. Nothing is received any more.
   * @returns when the peer has, or has not within a second
   */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#socket.destroyed) return;
    const closed = new Promise(resolve => this.#socket.once('close', resolve));
    const timer = setTimeout(() => this.#socket.destroy(), closingPatience);
    this.#socket.end();
    await closed;
    clearTimeout(timer);
  }

  #end(report: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    report();
  }
}
