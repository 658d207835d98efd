/**
 * The holder: a shell that does nothing but keep the listening descriptors open and one worker alive. A connection
 * that arrives while there is no worker waits in the backlog.
 *
 * - A worker that dies is followed by another at once, but no two start within 0.3 s.
 * - A worker that exits with {@link endCode} ends the holder: it was succeeded, or the router was stopped.
 * - SIGTERM ends the holder, and asks the worker to finish. Any other death of the holder is mended by the worker.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { firstDescriptor, formatWorkerArguments, type WorkerArguments } from './worker-arguments.ts';

export const endCode = 3;

// `sleep` must not keep the descriptors open beyond the holder's end; a POSIX shell can close those up to 9.
const script = `
worker=
trap 'kill -TERM $worker; exit 0' TERM INT
trap '' HUP
while :; do
  sleep 0.3 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&- &
  pace=$!
  "$@" --holder $$ &
  worker=$!
  wait $worker
  [ $? -eq ${endCode} ] && exit 0
  wait $pace
done
`;

export interface HolderOrder extends Omit<WorkerArguments, 'listen' | 'holder' | 'further'> {
  readonly sockets: readonly { readonly address: string; readonly fd: number }[];
  /** For what the worker writes, and for Node's own last words. */
  readonly logDescriptor: number;
}

/** Detached, in a session of its own. The caller may close its copies of the descriptors at once. */
export function spawnHolder(order: HolderOrder): ChildProcess {
  const args = formatWorkerArguments({ ...order, listen: order.sockets.map(socket => socket.address) });
  const child = spawn('/bin/sh', ['-c', script, 'slipway-router-holder', ...order.command, ...args], {
    detached: true,
    cwd: '/',
    env: environment(),
    stdio: ['ignore', order.logDescriptor, order.logDescriptor, ...order.sockets.map(socket => socket.fd)],
  });
  child.on('error', () => {}); // Its pid stays undefined, which the caller sees.
  child.unref();
  return child;
}

/** The daemon's environment may hold secrets, which are no business of the router's. */
function environment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG'];
  return Object.fromEntries(
    names.flatMap(name => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Where the worker finds the sockets that {@link spawnHolder} handed down. */
export function inheritedDescriptor(index: number): number {
  return firstDescriptor + index;
}
