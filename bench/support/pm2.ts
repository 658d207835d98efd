/** PM2 from npm, installed into the benchmark's own folder. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isAlive } from './processes.ts';
import type { Running, Setup, Supervisor } from './supervisor.ts';
import { until } from './waiting.ts';

const run = promisify(execFile);

export function installPm2(folder: string): Supervisor {
  mkdirSync(folder);
  try {
    const options = ['--prefix', folder, '--no-audit', '--no-fund', '--no-save', '--loglevel', 'error'];
    writeFileSync(join(folder, 'package.json'), '{}');
    execFileSync('npm', ['install', ...options, 'pm2@7'], { stdio: 'ignore' });
  } catch {
    return { name: 'PM2', missing: 'npm could not install it', prepare: () => Promise.reject() };
  }
  const pm2 = join(folder, 'node_modules/.bin/pm2');
  return {
    name: 'PM2',
    async prepare(setup) {
      const env = { ...process.env, PM2_HOME: join(setup.folder, 'home') };
      const command = async (...args: readonly string[]) => {
        await run(pm2, [...args], { env, cwd: setup.folder, maxBuffer: 1e8 });
      };
      await command('ping');
      return new Pm2(setup, env.PM2_HOME, command);
    },
  };
}

class Pm2 implements Running {
  readonly #command: (...args: readonly string[]) => Promise<void>;
  readonly #daemon: number;
  readonly #config: string;

  constructor(
    { folder, program, births, instances }: Setup,
    home: string,
    command: (...args: readonly string[]) => Promise<void>,
  ) {
    this.#command = command;
    this.#daemon = Number(readFileSync(join(home, 'pm2.pid'), 'utf8'));
    this.#config = join(folder, 'ecosystem.config.json');
    const app = { name: 'tiny', script: program, args: [births.path], interpreter: 'none', exec_mode: 'fork' };
    writeFileSync(this.#config, JSON.stringify({ apps: [{ ...app, instances, max_restarts: 1_000_000 }] }));
  }

  start(): Promise<void> {
    return this.#command('start', this.#config);
  }

  own(): readonly number[] {
    return [this.#daemon];
  }

  async end(): Promise<void> {
    await this.#command('kill');
    await until('PM2 to end', () => !isAlive(this.#daemon));
  }
}
