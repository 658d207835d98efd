/** The router's process: `slipway router …`, started by a holder, never by hand. */

import { parseWorkerArguments } from '../router-link/worker-arguments.ts';
import { createLog } from './log.ts';
import { type HeldArguments, Worker } from './worker.ts';

const graceOnSignal = 10_000;

/**
 * Runs until it is stopped, succeeded, or crashes; then it ends the process.
 * @param args what follows `router` on the command line
 */
export async function runRouter(args: readonly string[]): Promise<void> {
  process.umask(0o077);
  const log = createLog(1);
  process.on('uncaughtException', error => {
    log.error({ cause: error.stack ?? String(error) }, 'the router worker crashed');
    process.exit(1);
  });
  const parsed = parseWorkerArguments(args);
  if (!isHeld(parsed)) throw new Error('the router is started by the daemon, through its holder');
  const worker = new Worker(parsed, log);
  // Whoever stops the router means what is in flight to be finished.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void worker.stop(graceOnSignal));
  process.on('SIGHUP', () => {});
  await worker.start();
}

function isHeld(args: ReturnType<typeof parseWorkerArguments>): args is HeldArguments {
  return Number.isSafeInteger(args.holder);
}
