/**
 * A unix socket that is never reachable with wider permissions than it ends up with, and that appears at its path
 * in one step: it is bound inside a folder that only the daemon can enter, then renamed. A stale socket of a
 * daemon that died is replaced by that; the caller holds the lock that says it is stale.
 */
import { chmod, lstat, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { parseAddress } from '../config/address.ts';
import { SlipwayError } from '../domain/errors.ts';
import { withSocketPath } from '../router-link/socket-path.ts';

/** Read and write for owner and group: who may write to the socket may do everything that the API can. */
const socketMode = 0o660;

/** How long {@link closeServer} waits for answers that are under way, in ms. */
const closeGrace = 1000;

export interface Listening {
  /** Takes no more requests, lets the answers that are under way finish for a moment, then ends them. Idempotent. */
  close(): Promise<void>;
}

/** See {@link Listening.close}. */
export function closeServer(server: Server): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => server.closeAllConnections(), closeGrace);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/**
 * @returns removes the socket again, unless another one has taken its place
 * @throws SlipwayError SLIP_LISTEN_FAILED
 */
export async function listenOnSocket(server: Server, path: string): Promise<() => Promise<void>> {
  let nursery: string | undefined;
  try {
    await refuseOther(path);
    await mkdir(dirname(path), { recursive: true });
    nursery = await mkdtemp(join(dirname(path), '.bind-'));
    const born = join(nursery, basename(path));
    await listening(server, () => withSocketPath(born, fitting => server.listen(fitting)));
    await chmod(born, socketMode);
    await rename(born, path);
  } catch (error) {
    server.close();
    throw listenFailed(path, error);
  } finally {
    if (nursery !== undefined) await rm(nursery, { recursive: true, force: true });
  }
  const { ino } = await lstat(path);
  return async () => {
    const now = await lstat(path).catch(() => undefined);
    if (now?.ino === ino) await rm(path, { force: true });
  };
}

/**
 * @returns the port, which the system chose where `address` says 0
 * @throws SlipwayError SLIP_LISTEN_FAILED
 */
export async function listenOnAddress(server: Server, address: string): Promise<number> {
  try {
    const where = parseAddress(address);
    if (!where) throw new Error('expected host:port');
    await listening(server, () => server.listen(where));
    return (server.address() as AddressInfo).port;
  } catch (error) {
    throw listenFailed(address, error);
  }
}

async function refuseOther(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there && !there.isSocket()) throw new Error('something that is no socket is in its place');
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    listen();
  });
}

function listenFailed(where: string, error: unknown): SlipwayError {
  const why = error instanceof Error ? error.message : String(error);
  return new SlipwayError('SLIP_LISTEN_FAILED', `cannot listen on ${where}: ${why}`, { cause: error });
}
