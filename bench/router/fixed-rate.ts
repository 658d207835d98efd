/** Latency when all are asked at the same rate. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Latencies } from './fixed-rate-load.ts';
import type { Running } from './proxy.ts';
import type { Scenario } from './scenarios.ts';

const run = promisify(execFile);
const program = fileURLToPath(new URL('fixed-rate-load.ts', import.meta.url));

/** For a proxy that doesn't even accept. */
const patience = 10_000;

export interface FixedRate {
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
}

export async function atFixedRate(
  proxy: Running,
  { path, connections }: Scenario,
  { rate, seconds }: FixedRate,
): Promise<Latencies> {
  const args = [proxy.port, path, rate, seconds, connections].map(String);
  const command = ['--import', import.meta.resolve('tsx'), program, ...args];
  const { stdout } = await run(process.execPath, command, { timeout: seconds * 1000 + patience });
  return JSON.parse(stdout);
}
