/** supervisord, with as little of its own waiting as it can be told to. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onPath } from './installed.ts';
import type { Running, Setup, Supervisor } from './supervisor.ts';
import { until } from './waiting.ts';

const run = promisify(execFile);

export const supervisord: Supervisor = {
  name: 'supervisord',
  ...onPath('supervisord'),
  async prepare(setup) {
    const config = writeConfig(setup);
    const args = ['--nodaemon', '--configuration', config];
    const process = spawn('supervisord', args, { stdio: 'ignore', detached: true });
    await until('supervisord to answer', () => existsSync(join(setup.folder, 'socket')));
    return new Supervisord(config, process);
  },
};

class Supervisord implements Running {
  readonly #config: string;
  readonly #process: ChildProcess;

  constructor(config: string, process: ChildProcess) {
    this.#config = config;
    this.#process = process;
  }

  async start(): Promise<void> {
    await run('supervisorctl', ['--configuration', this.#config, 'start', 'tiny:*']);
  }

  own(): readonly number[] {
    return [this.#process.pid ?? 0];
  }

  async end(): Promise<void> {
    this.#process.kill('SIGTERM');
    await until('supervisord to end', () => this.#process.exitCode !== null || this.#process.signalCode !== null);
  }
}

function writeConfig({ folder, program, births, instances }: Setup): string {
  const config = join(folder, 'supervisord.conf');
  const socket = join(folder, 'socket');
  mkdirSync(join(folder, 'logs'));
  writeFileSync(
    config,
    `[supervisord]
minfds=4096
logfile=${folder}/supervisord.log
pidfile=${folder}/supervisord.pid
[unix_http_server]
file=${socket}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${socket}
[program:tiny]
command=${program} ${births.path}
process_name=%(process_num)d
numprocs=${instances}
autostart=false
autorestart=true
startsecs=0
redirect_stderr=true
stdout_logfile=${folder}/logs/%(process_num)d.log
`,
  );
  return config;
}
