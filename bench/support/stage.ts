/**
 * A place to measure in: Slipway and its peers, each ready to run in a folder of its own under one temporary folder.
 * When it is over, or was interrupted, nothing of it is left: no process, no file.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPm2 } from './pm2.ts';
import { processesUnder } from './processes.ts';
import { runit } from './runit.ts';
import { buildSlipway } from './slipway.ts';
import type { Running, Supervisor } from './supervisor.ts';
import { supervisord } from './supervisord.ts';
import { Births, makeTiny } from './tiny.ts';
import { until } from './waiting.ts';

/** One supervisor, and the instances that it was told to run. */
export interface Act extends Running {
  readonly name: string;
  readonly births: Births;
}

export class Stage {
  readonly supervisors: readonly Supervisor[];
  readonly #folder: string;
  readonly #program: string;
  readonly #acts = new Set<Act>();
  #count = 0;
  #noted = false;

  constructor(folder: string) {
    this.#folder = folder;
    this.#program = makeTiny(folder);
    const all = [buildSlipway(join(folder, 'slipway')), installPm2(join(folder, 'pm2')), supervisord, runit];
    for (const { name, missing } of all) if (missing !== undefined) console.log(`${name} is left out: ${missing}`);
    this.supervisors = all.filter(({ missing }) => missing === undefined);
  }

  async prepare({ name, prepare }: Supervisor, instances: number): Promise<Act> {
    this.#count += 1;
    const folder = join(this.#folder, String(this.#count));
    mkdirSync(folder);
    const births = new Births(`${folder}.fifo`);
    const running = await prepare({ folder, program: this.#program, births, instances });
    const act = Object.assign(running, { name, births });
    this.#acts.add(act);
    if (act.note !== undefined && !this.#noted) console.log(act.note);
    this.#noted ||= act.note !== undefined;
    return act;
  }

  /** Resolves when all of its instances have run their first instruction. */
  async play(supervisor: Supervisor, instances: number): Promise<Act> {
    const act = await this.prepare(supervisor, instances);
    await act.start();
    await act.births.next(instances);
    return act;
  }

  async end(act: Act): Promise<void> {
    this.#acts.delete(act);
    const { name, births } = act;
    try {
      await act.end();
      await until(`the instances of ${name} to end`, () => births.alive.length === 0);
    } finally {
      births.close();
    }
  }

  async endAll(): Promise<void> {
    const results = await Promise.allSettled([...this.#acts].map(act => this.end(act)));
    for (const result of results) if (result.status === 'rejected') console.error(result.reason);
  }
}

export async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  try {
    const stage = new Stage(folder);
    await Promise.race([work(stage), interruption()]).finally(() => stage.endAll());
  } finally {
    const left = processesUnder(folder);
    for (const pid of left) process.kill(pid, 'SIGKILL');
    if (left.length > 0) console.error(`${left.length} processes were left, and are killed now`);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  });
}
