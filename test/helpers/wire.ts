/** One end of a connection whose bytes the test writes and reads itself. */
import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { eventually } from './eventually.ts';

export class Wire {
  readonly socket: Socket;
  received = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1').on('data', chunk => {
      this.received += chunk;
    });
    socket.on('error', () => {});
  }

  static async connect(to: NetConnectOpts): Promise<Wire> {
    const socket = connect({ allowHalfOpen: true, ...to });
    await once(socket, 'connect');
    return new Wire(socket);
  }

  /** A head: its lines, then the empty one. */
  head(...lines: readonly string[]): this {
    return this.send(`${lines.join('\r\n')}\r\n\r\n`);
  }

  send(bytes: string): this {
    this.socket.write(bytes, 'latin1');
    return this;
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    return eventually(`${pattern} to come`, () => {
      const found = pattern.exec(this.received);
      if (found === null && this.socket.destroyed) throw new Error(`closed after ${JSON.stringify(this.received)}`);
      return found ?? undefined;
    });
  }

  async ended(): Promise<void> {
    await eventually('the other end to end', () => this.socket.readableEnded || this.socket.destroyed);
  }
}
