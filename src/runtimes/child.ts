/**
 * Runs a helper program to its end. It gets a process group of its own, so that ending it early ends what it started
 * too; its output is never left unread.
 */
import { type StdioOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';

interface ChildOrder {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** A descriptor that stdout and stderr are written to; else both are collected. */
  readonly output?: number;
}

interface ChildEnd {
  /** As a shell counts: 128 + number for a signal, 127 where the program couldn't be started. */
  readonly code: number;
  /** What was collected, 64 KiB at most. */
  readonly output: string;
  /** Whether there was more. */
  readonly isCut: boolean;
}

const collectedAtMost = 65_536;

export function runChild(order: ChildOrder): Promise<ChildEnd> {
  const [program = '', ...args] = order.argv;
  const out = order.output ?? 'pipe';
  const stdio: StdioOptions = ['ignore', out, out];
  return new Promise((resolve, reject) => {
    if (order.signal.aborted) return reject(order.signal.reason);
    const child = spawn(program, args, { cwd: order.cwd, env: order.env, stdio, detached: true });
    const collected = [collect(child.stdout), collect(child.stderr)];
    const killGroup = () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Already gone.
      }
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    order.signal.addEventListener('abort', killGroup, { once: true });
    child.on('error', error => {
      order.signal.removeEventListener('abort', killGroup);
      resolve({ code: 127, output: error.message, isCut: false });
    });
    child.on('close', (code, signal) => {
      order.signal.removeEventListener('abort', killGroup);
      if (order.signal.aborted) return reject(order.signal.reason);
      resolve({
        code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]),
        output: collected.map(read => read()).join(''),
        isCut: collected.some(read => read().length >= collectedAtMost),
      });
    });
  });
}

function collect(stream: Readable | null): () => string {
  let text = '';
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    if (text.length < collectedAtMost) text += chunk;
  });
  return () => text.slice(0, collectedAtMost);
}
