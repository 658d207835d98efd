/** What was written by others than this process doesn't sync itself, and a record that outlives its content would be a lie. */
import { runChild } from './child.ts';

/** @param output a descriptor for what `sync` has to say */
export async function syncTree(folder: string, signal: AbortSignal, output?: number): Promise<void> {
  const env = { PATH: '/usr/bin:/bin' };
  const order = { cwd: '/', env, signal, ...(output !== undefined && { output }) };
  if ((await runChild({ ...order, argv: ['sync', '-f', folder] })).code !== 0) {
    await runChild({ ...order, argv: ['sync'] });
  }
}
