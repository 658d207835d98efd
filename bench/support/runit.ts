/** runit's `runsvdir` over a folder for each instance. Its loggers are left out, which would be as many processes again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onPath } from './installed.ts';
import { childrenOf, isAlive } from './processes.ts';
import type { Running, Setup, Supervisor } from './supervisor.ts';
import { until } from './waiting.ts';

export const runit: Supervisor = {
  name: 'runit',
  ...onPath('runsvdir'),
  async prepare(setup) {
    return new Runit(setup);
  },
};

class Runit implements Running {
  readonly #folder: string;
  #process: ChildProcess | undefined;

  constructor({ folder, program, births, instances }: Setup) {
    this.#folder = folder;
    for (let i = 0; i < instances; i++) {
      mkdirSync(join(folder, `tiny-${i}`));
      writeFileSync(join(folder, `tiny-${i}`, 'run'), `#!/bin/sh\nexec ${program} ${births.path}\n`, { mode: 0o755 });
    }
  }

  async start(): Promise<void> {
    this.#process = spawn('runsvdir', [this.#folder], { stdio: 'ignore', detached: true });
  }

  own(): readonly number[] {
    const pid = this.#process?.pid;
    return pid === undefined ? [] : [pid, ...childrenOf(pid)];
  }

  async end(): Promise<void> {
    const all = this.own();
    this.#process?.kill('SIGHUP');
    await until('runit to end', () => !all.some(isAlive));
  }
}
