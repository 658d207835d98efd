/**
 * Runs jobs in short-lived processes of their own: a hostile archive can at worst kill one, and neither the memory
 * nor the event loop of the daemon feels it. Once a job is settled, its process is gone.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ErrorCode } from '../domain/errors.ts';
import type { UnpackLimits } from '../domain/spec.ts';
import { Refusal } from './refusal.ts';
import type { UnpackJob } from './unpack.ts';

export type Job =
  | ({ readonly kind: 'unpack' } & UnpackJob)
  | { readonly kind: 'pack'; readonly directory: string; readonly out: string; readonly limits: UnpackLimits };

export type Answer = { readonly done: true } | { readonly done: false; readonly code: ErrorCode; readonly why: string };

/** The same extension as this module: TypeScript's in development, JavaScript's when compiled. */
const workerFile = fileURLToPath(new URL(`./package-worker${extname(import.meta.url)}`, import.meta.url));
const heapLimit = '--max-old-space-size=512';
const mostAtOnce = 2;
const longestComplaint = 4096;

let running = 0;
const waiting: (() => void)[] = [];

/**
 * @throws Refusal the job's own, or SLIP_UNPACK_FAILED when the process died of it; the signal's reason
 */
export async function runJob(job: Job, signal?: AbortSignal): Promise<void> {
  if (running >= mostAtOnce) await new Promise<void>(resolve => waiting.push(resolve));
  else running++;
  try {
    signal?.throwIfAborted();
    await runNow(job, signal);
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

async function runNow(job: Job, signal: AbortSignal | undefined): Promise<void> {
  const child = fork(workerFile, [], {
    execArgv: [...process.execArgv, heapLimit],
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const complaint = tailOf(child);
  const kill = () => child.kill('SIGKILL');
  signal?.addEventListener('abort', kill);
  let answer: Answer | undefined;
  child.once('message', message => {
    answer = message as Answer;
  });
  try {
    // A process that dies before it has read its job is noticed by its exit.
    child.send(job, () => {});
    const [code, deadlySignal] = await once(child, 'exit');
    signal?.throwIfAborted();
    if (answer?.done) return;
    if (answer) throw new Refusal(answer.code, answer.why);
    const end = deadlySignal ? `was killed by ${deadlySignal}` : `ended with code ${code}`;
    throw new Refusal('SLIP_UNPACK_FAILED', `the unpacking process ${end}`, { cause: complaint() });
  } finally {
    signal?.removeEventListener('abort', kill);
  }
}

function tailOf(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-longestComplaint);
  });
  return () => tail;
}
