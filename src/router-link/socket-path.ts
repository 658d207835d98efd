/**
 * A unix socket's path must fit into `sun_path`: 107 bytes (unix(7)). A home may be deeper than that, so a longer
 * path is reached through an open descriptor of its folder, which is short wherever the folder is.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const longest = 107;

/** Where a home's sockets are. */
export function socketPath(home: string, name: string): string {
  return join(home, 'run', name);
}

/**
 * Hands `use` a name for the socket `path` that fits. The name is good only while `use` runs, so `use` must bind or
 * connect synchronously (as `net.connect(path)` and `server.listen(path)` do). The folder must exist.
 */
export function withSocketPath<T>(path: string, use: (fitting: string) => T): T {
  if (Buffer.byteLength(path) <= longest) return use(path);
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return use(`/proc/self/fd/${folder}/${basename(path)}`);
  } finally {
    closeSync(folder);
  }
}
