/** Runs a tool to its end, so that its work is none of the daemon's. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

/** @returns what went wrong, in words; `undefined` when all went well */
export async function run(tool: string, args: readonly string[]): Promise<string | undefined> {
  const env = { PATH: process.env['PATH'], LC_ALL: 'C' };
  const child = spawn(tool, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
  const closed = once(child, 'close');
  let said = '';
  // There is no stream where the host had no descriptor left for it.
  (child.stderr as Readable | undefined)?.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < 1000) said += text;
  });
  try {
    const [code, signal] = await closed;
    return code === 0 ? undefined : said.trim() || `${tool} ended with ${signal ?? code}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
