/**
 * Connecting to a Unix socket in a folder that others may write to. What is reached is the socket that has the name now,
 * never one that the name has become a link to: whoever owns the folder can't have us talk to a socket that he may not.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { connect, type NetConnectOpts, Socket } from 'node:net';
import type { Place } from './domain/place.ts';

/** open(2): for the name alone. Node has no constant for it. */
const O_PATH = 0o10_000_000;

/** As {@link connectLocally}. */
export function connectTo({ port, socket }: Place): Socket {
  return socket === undefined ? connect({ host: '127.0.0.1', port }) : connectLocally(socket);
}

/** Nothing is thrown: what goes wrong is told as an `error` of the socket. */
export function connectLocally(path: string, options: object = {}): Socket {
  let fd: number | undefined;
  try {
    fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
    if (!fstatSync(fd).isSocket()) throw Object.assign(new Error(`${path} is no socket`), { code: 'ENOTSOCK' });
    // The name is needed only until `connect` returns.
    return connect({ ...options, path: `/proc/self/fd/${fd}` } as NetConnectOpts);
  } catch (error) {
    const socket = new Socket();
    // Node's HTTP client listens for errors a tick after it was given the socket.
    process.nextTick(() => socket.destroy(error as Error));
    return socket;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
