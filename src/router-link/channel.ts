/**
 * Messages over a stream socket, one JSON object a line. A line that is too long or does not pass the check ends the
 * channel; nothing that the peer sends can throw.
 */
import type { Socket } from 'node:net';
import { type Check, parseJson } from './check.ts';

/** A table of ten thousand endpoints takes about one megabyte. */
const longestLine = 16 * 1024 * 1024;

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

  /** What was sent still arrives. */
  close(): void {
    this.#closed = true;
    this.#socket.destroySoon();
  }

  #end(report: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    report();
  }
}
