/**
 * Loads a configuration in a process that ends right after: a large file does not hold up supervision, a hostile one
 * can at worst kill that process, and the memory of parser and schemas does not stay in a daemon that lives for months.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from './interpolate.ts';
import { type ConfigResult, unreadable } from './problem.ts';

export interface LoadOrder {
  readonly path: string;
  readonly env: Environment;
}

/** The same extension as this module: TypeScript's in development, JavaScript's when compiled. */
const workerFile = fileURLToPath(new URL(`./load-worker${extname(import.meta.url)}`, import.meta.url));

/** The largest and worst file that is taken needs a third of it. */
const heapLimit = '--max-old-space-size=1024';
/** That file takes 10 s on a quiet host; on one that is short of CPU time, an ordinary file has taken more than 30. */
const timeLimit = 120_000;

/** As `loadConfig`; the environment is handed over, not inherited. Rejects only with the signal's reason. */
export async function loadConfigApart(
  path: string,
  { env, signal }: { readonly env: Environment; readonly signal?: AbortSignal },
): Promise<ConfigResult> {
  signal?.throwIfAborted();
  const order: LoadOrder = { path: resolve(path), env };
  const child = fork(workerFile, [], {
    execArgv: [...process.execArgv, heapLimit],
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const kill = (): boolean => child.kill('SIGKILL');
  const timer = setTimeout(kill, timeLimit);
  signal?.addEventListener('abort', kill);
  let result: ConfigResult | undefined;
  child.once('message', message => {
    result = message as ConfigResult;
  });
  try {
    // A process that dies before it has read its order is noticed by its exit.
    child.send(order, () => {});
    const [code, killedBy] = await once(child, 'exit');
    signal?.throwIfAborted();
    return (
      result ?? unreadable(order.path, `cannot read the file: the process that tried to ended with ${killedBy ?? code}`)
    );
  } catch (error) {
    signal?.throwIfAborted();
    return unreadable(order.path, `cannot read the file: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', kill);
  }
}
