/**
 * Unix sockets of instances. Each has a folder of its own, in which nothing else is and which is gone once the instance
 * is: whoever an instance runs as needs to write to that one only.
 */
import { chown, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import { type InstanceId, instanceKey } from '../domain/names.ts';
import type { SandboxUser } from '../processes/sandbox/contract.ts';

/** Bytes of `sun_path`, without the one that ends it (unix(7)). */
const longest = 107;

export class Sockets {
  readonly #folder: string;

  /** @param home absolute */
  constructor(home: string) {
    this.#folder = join(home, 'run', 'sockets');
  }

  /**
   * Makes room for a socket; one that an earlier process left is removed.
   * @returns its path
   * @throws SlipwayError SLIP_SOCKET_PATH_TOO_LONG
   */
  async prepare(id: InstanceId): Promise<string> {
    const path = join(this.#folder, instanceKey(id), 'socket');
    const length = Buffer.byteLength(path);
    if (length > longest) {
      throw new SlipwayError(
        'SLIP_SOCKET_PATH_TOO_LONG',
        `cannot give ${id.service} a socket at ${path}: that is ${length} bytes, and the system takes ${longest} at the most`,
      );
    }
    await this.remove(path);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return path;
  }

  /** Lets that user make the socket; by default the daemon's own may. */
  async give(path: string, { uid, gid }: Pick<SandboxUser, 'uid' | 'gid'>): Promise<void> {
    await chown(dirname(path), uid, gid);
  }

  /** @param path that {@link prepare} gave */
  async remove(path: string): Promise<void> {
    await rm(dirname(path), { recursive: true, force: true });
  }
}
