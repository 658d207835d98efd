/** Load by h2load: connections by TLS and HTTP/2, each with some streams at the same time. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpuSeconds } from '../support/processes.ts';
import type { Running } from './proxy.ts';
import type { Scenario } from './scenarios.ts';
import type { SecureSample } from './secure.ts';

const run = promisify(execFile);

/** Streams of a connection; there are as many fewer connections. */
const streams = 10;

export async function h2load(
  folder: string,
  proxy: Running,
  scenario: Scenario,
  seconds: number,
): Promise<SecureSample> {
  const { path, connections, body } = scenario;
  const data = join(folder, 'body');
  if (body !== undefined) writeFileSync(data, 'x'.repeat(body));
  const options = ['-t1', `-c${Math.ceil(connections / streams)}`, `-m${streams}`, `-D${seconds}`];
  if (body !== undefined) options.push('-d', data);
  const before = cpuSeconds(proxy.pids);
  const { stdout } = await run('h2load', [...options, `https://127.0.0.1:${proxy.port}/${path}`]);
  const cpu = cpuSeconds(proxy.pids) - before;
  const done = Number(/status codes: (\d+) 2xx/.exec(stdout)?.[1] ?? 0);
  const failed = Number(/, (\d+) failed, /.exec(stdout)?.[1] ?? Number.NaN);
  if (done === 0 || failed > 0) throw new Error(`h2load: ${stdout}`);
  return { cpu: (cpu / done) * 1e6, rate: done / seconds };
}
