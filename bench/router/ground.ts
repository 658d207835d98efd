/** A temporary folder, and what was started in it. When it is over, nothing of it is left: no process, no file. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pin } from './cores.ts';
import type { ReverseProxy, Running, Setup } from './proxy.ts';

export class Ground {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  readonly #started = new Set<Running>();
  #count = 0;

  /** A new one, empty. */
  makeFolder(): string {
    this.#count += 1;
    const folder = join(this.folder, String(this.#count));
    mkdirSync(folder);
    return folder;
  }

  async start(start: (folder: string) => Promise<Running>): Promise<Running> {
    const running = await start(this.makeFolder());
    this.#started.add(running);
    return running;
  }

  /** On the core for proxies. */
  async startProxy(proxy: Pick<ReverseProxy, 'start'>, upstreams: Setup['upstreams']): Promise<Running> {
    const running = await this.start(folder => proxy.start({ folder, upstreams }));
    for (const pid of running.pids) pin(pid, 'proxy');
    return running;
  }

  async end(running: Running): Promise<void> {
    this.#started.delete(running);
    await running.end();
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#started].map(running => this.end(running)));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export async function onGround(work: (ground: Ground) => Promise<void>): Promise<void> {
  const ground = new Ground();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void ground.clear().finally(() => process.exit(1)));
  }
  try {
    await work(ground);
  } finally {
    await ground.clear();
  }
}
