/** The real API on a real socket, over a control plane in memory. */
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { TestContext } from 'node:test';
import { Client } from '../../src/api/client.ts';
import { serveApi } from '../../src/api/server.ts';
import type { Log } from '../../src/logger.ts';
import type { LogLine, LogQuery } from '../../src/logs/contract.ts';
import { Counters } from '../../src/metrics/counters.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { MemoryControl } from './memory-control.ts';
import { tempDir } from './temp-dir.ts';

/** Lines in memory; each instance has what was put into `lines`. */
class MemoryLogs {
  lines: LogLine[] = [];
  readonly followers = new Set<(line: LogLine) => void>();

  write(line: LogLine): void {
    this.lines.push(line);
    for (const follower of this.followers) follower(line);
  }

  async *read({ service, index, tail, follow }: LogQuery, signal?: AbortSignal): AsyncGenerator<LogLine> {
    const wanted = (line: LogLine) => line.service === service && (index === undefined || line.index === index);
    const queue = this.lines.filter(wanted).slice(-tail || this.lines.length);
    let wake = () => {};
    const follower = (line: LogLine) => {
      if (wanted(line)) queue.push(line);
      wake();
    };
    this.followers.add(follower);
    signal?.addEventListener('abort', () => wake());
    try {
      for (;;) {
        yield* queue.splice(0);
        if (!follow || signal?.aborted) return;
        if (queue.length === 0) {
          await new Promise<void>(resolve => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.followers.delete(follower);
    }
  }

  file = () => '';
  rotate = async () => {};
  remove = async () => {};
}

export async function startApi(
  t: Pick<TestContext, 'after'>,
  instances: Readonly<Record<string, number>> = { greeter: 2 },
) {
  const home = await tempDir(t);
  const uploads = join(home, 'uploads');
  await mkdir(uploads);
  const socketPath = join(home, 'run', 'slipway.sock');
  const control = new MemoryControl(instances);
  const logs = new MemoryLogs();
  const errors: unknown[] = [];
  const log: Log = { debug() {}, info() {}, warn() {}, error: (...line: unknown[]) => errors.push(line) };
  const counters = new Counters();
  const traffic = {
    responses: { '2xx': 3 },
    latency: Array(14).fill(3),
    latencySum: 0.01,
    retries: 0,
    retriesRefused: 0,
    unavailable: {},
    inFlight: 1,
    ejections: 0,
    ejected: 0,
    queued: 0,
    queue: {},
    breaker: {},
  };
  const router = {
    status: () => control.host().router,
    stats: async () => ({ services: { greeter: traffic }, unrouted: 1, rejected: {}, openConnections: 1, workers: [] }),
  };
  const metrics = createMetrics({ control, router, counters });
  const store = {
    async receive(name: string, body: AsyncIterable<Uint8Array>) {
      const path = join(uploads, name);
      const discard = () => rm(path, { force: true });
      try {
        await pipeline(body, createWriteStream(path));
      } catch (error) {
        await discard();
        throw error;
      }
      return { path, discard };
    },
  };
  const unpackLimits = () => ({ totalSize: 1e9, entries: 1e5, ratio: 100 });
  const api = await serveApi({ control, logs, store, unpackLimits, metrics, log, socketPath });
  t.after(() => api.close());
  const client = new Client({ socketPath, actor: 'test' });
  return { home, uploads, socketPath, control, logs, log, errors, counters, metrics, api, client };
}
