/** The router's process: `slipway router …`, started by a holder, never by hand. */

import { identityOf } from '../router-link/identity.ts';
import { type HeldArguments, parseWorkerArguments } from '../router-link/worker-arguments.ts';
import { createLog, type Log } from './log.ts';

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
  const worker = await createWorker(parsed, log);
  // Whoever stops the router means what is in flight to be finished.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => worker.terminate(graceOnSignal));
  process.on('SIGHUP', () => {});
  await worker.start();
}

/** Each loads no more than it needs. */
async function createWorker(args: HeldArguments, log: Log) {
  const self = identityOf(process.pid);
  if (!self) throw new Error('cannot read /proc/self/stat: a mounted /proc is needed');
  if (args.further) {
    const { FurtherWorker } = await import('./further.ts');
    return new FurtherWorker(args, self, log);
  }
  const { Worker } = await import('./worker.ts');
  return new Worker(args, self, log);
}

function isHeld(args: ReturnType<typeof parseWorkerArguments>): args is HeldArguments {
  return Number.isSafeInteger(args.holder);
}
