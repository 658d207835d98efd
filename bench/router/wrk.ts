/** Load by wrk: keep-alive connections, each with one request in flight, as fast as the answers come. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpuSeconds } from '../support/processes.ts';
import { rssMb } from './memory.ts';
import type { Running } from './proxy.ts';
import type { Scenario } from './scenarios.ts';

const run = promisify(execFile);

export interface Load {
  readonly connections: number;
  /** Of Lua, for wrk: sets up requests. */
  readonly script: string;
  /** Whole ones. */
  readonly seconds: number;
}

export interface Sample {
  /** CPU microseconds of the proxy for a request. */
  readonly cpu: number;
  /** Requests a second. */
  readonly rate: number;
  /** Latencies in microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** MB of the process that forwards, while all connections are open. */
  readonly rss: number;
  /** Answers of 400 and above, connections that broke, timeouts. */
  readonly errors: number;
}

const report = `
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('\\n{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"errors":%d}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`;

export class Wrk {
  readonly #script: string;

  constructor(folder: string) {
    this.#script = join(folder, 'wrk.lua');
  }

  /** @param scheme that the proxy is spoken to by */
  measureScenario(
    proxy: Running,
    { path, connections, seconds, body }: Scenario,
    scheme: 'http' | 'https',
  ): Promise<Sample> {
    const post = body === undefined ? '' : `wrk.method = "POST" wrk.body = string.rep("x", ${body})`;
    return this.measure(proxy, { connections, script: `wrk.path = "/${path}" ${post}`, seconds }, scheme);
  }

  async measure(proxy: Running, { connections, script, seconds }: Load, scheme = 'http'): Promise<Sample> {
    writeFileSync(this.#script, `${script}\n${report}`);
    const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', this.#script];
    const before = cpuSeconds(proxy.pids);
    let rss = Number.NaN;
    const timer = setTimeout(() => {
      rss = rssMb(proxy.worker);
    }, seconds * 900);
    const { stdout } = await run('wrk', [...options, `${scheme}://127.0.0.1:${proxy.port}`]);
    clearTimeout(timer);
    const cpu = cpuSeconds(proxy.pids) - before;
    const { requests, micros, p50, p99, errors } = JSON.parse(stdout.slice(stdout.lastIndexOf('{')));
    const rate = (requests / micros) * 1e6;
    return { cpu: (cpu / requests) * 1e6, rate, p50, p99, rss, errors };
  }
}
