/**
 * Connections to instances. A Unix socket lies in a folder that others may write to: what is reached is the socket that
 * has the name now, never one that the name has become a link to. So whoever owns the folder can't have us talk to a
 * socket that he himself may not.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { connect, type NetConnectOpts, Socket } from 'node:net';

/** A port (of the loopback, where no host is named), or else a Unix socket by its absolute path. */
export interface Destination {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly socket?: string | undefined;
}

/** open(2): for the name alone. Node has no constant for it. */
const O_PATH = 0o10_000_000;

/** Nothing is thrown: what goes wrong is told as an `error` of the socket. @param options of `net.connect` */
export function connectTo({ host = '127.0.0.1', port, socket }: Destination, options: object = {}): Socket {
  if (socket === undefined) return connect({ ...options, host, port } as NetConnectOpts);
  let fd: number | undefined;
  try {
    fd = openSync(socket, O_PATH | constants.O_NOFOLLOW);
    if (!fstatSync(fd).isSocket()) throw Object.assign(new Error(`${socket} is no socket`), { code: 'ENOTSOCK' });
    // The name is needed only until `connect` returns.
    return connect({ ...options, path: `/proc/self/fd/${fd}` } as NetConnectOpts);
  } catch (error) {
    const failed = new Socket();
    // Node's HTTP client listens for errors a tick after it was given the socket.
    process.nextTick(() => failed.destroy(error as Error));
    return failed;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
