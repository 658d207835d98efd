/** Slipway as it ships: compiled, started by its own command, with its router. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, cpSync, mkdirSync, openSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from '../../src/api/client.ts';
import { routerFiles } from '../../src/router-link/files.ts';
import { readRecord } from '../../src/router-link/record.ts';
import { socketPath } from '../../src/router-link/socket-path.ts';
import { isAlive } from './processes.ts';
import type { Running, Setup, Supervisor } from './supervisor.ts';
import { until } from './waiting.ts';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));

export function buildSlipway(folder: string): Supervisor {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  for (const name of ['package.json', 'bin/slipway']) copyFileSync(join(repository, name), join(folder, name));
  cpSync(join(repository, 'schema'), join(folder, 'schema'), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  compile(join(folder, 'dist'));
  const bin = join(folder, 'bin/slipway');
  return {
    name: 'Slipway',
    async prepare(setup) {
      const home = join(setup.folder, 'home');
      const config = await writeConfigs(setup);
      const log = openSync(join(setup.folder, 'daemon.log'), 'a');
      const stdio = ['ignore', log, log] as const;
      const daemon = spawn(process.execPath, [bin, '--home', home, 'daemon'], { stdio: [...stdio], detached: true });
      closeSync(log);
      const client = new Client({ socketPath: socketPath(home, 'slipway.sock'), actor: 'bench' });
      const answers = () => client.call('GET /v1/host', {}).catch(() => undefined);
      await until('the daemon to answer', async () => (await answers()) !== undefined);
      const command = async (...args: readonly string[]) => {
        await run(process.execPath, [bin, '--home', home, ...args]);
      };
      await command('apply', '--config', config.empty);
      return new Slipway({ home, config: config.full, daemon, backend: (await answers())?.backend ?? '?', command });
    },
  };
}

interface Parts {
  readonly home: string;
  readonly config: string;
  readonly daemon: ChildProcess;
  readonly backend: string;
  command(...args: readonly string[]): Promise<void>;
}

class Slipway implements Running {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get note(): string {
    return `Slipway holds processes by: ${this.#parts.backend}`;
  }

  start(): Promise<void> {
    return this.#parts.command('apply', '--config', this.#parts.config);
  }

  own(): readonly number[] {
    return [this.#parts.daemon.pid ?? 0];
  }

  beside() {
    const record = readRecord(routerFiles(this.#parts.home).record);
    return record === undefined ? {} : { router: [record.holder.pid, record.worker.pid].filter(isAlive) };
  }

  async end(): Promise<void> {
    const { daemon, command } = this.#parts;
    const router = this.beside().router ?? [];
    await command('down');
    await until('the daemon to end', () => daemon.exitCode !== null || daemon.signalCode !== null);
    await until('the router to end', () => !router.some(isAlive));
  }
}

/** The first has only the router, which no peer has to start. */
async function writeConfigs({ folder, program, births, instances }: Setup) {
  const router = { listen: [`127.0.0.1:${await freePort()}`] };
  const tiny = {
    package: program,
    args: [births.path],
    port: false,
    instances,
    // They are killed more often than any service would fail.
    restart: { stableAfter: '200ms', giveUpAfter: false },
  };
  const [empty, full] = [join(folder, 'empty.yaml'), join(folder, 'slipway.yaml')];
  writeFileSync(empty, JSON.stringify({ router, services: {} }));
  writeFileSync(full, JSON.stringify({ router, services: { tiny } }));
  return { empty, full };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** @throws Error where nothing was compiled; type errors alone don't keep the compiler from that */
function compile(folder: string): void {
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  const options = ['-p', join(repository, 'tsconfig.build.json'), '--outDir', folder];
  try {
    execFileSync(process.execPath, [compiler, ...options], { stdio: 'pipe' });
  } catch (error) {
    statSync(join(folder, 'main.js'));
    console.error(`Slipway was compiled with errors:\n${(error as { stdout?: Buffer }).stdout}`);
  }
}
