/** `slipway up --detach`: a daemon that outlives the command, and what it serves. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SlipwayError } from '../domain/errors.ts';
import type { Cli } from './cli.ts';
import { changesText } from './commands/apply.ts';
import { CpuShare } from './cpu-share.ts';
import { requireReady, settleAll } from './settle.ts';
import { hostNotes, servicesText } from './status-text.ts';
import { urlsOf } from './urls.ts';

/**
 * Starts a daemon unless one runs, applies, waits until nothing is under way.
 * @param timeout milliseconds
 */
export async function upInBackground(cli: Cli, config: string, timeout: number): Promise<void> {
  const { client, colors } = cli;
  const start = !(await isRunning(cli));
  if (start) {
    // Before a daemon is started for nothing. A running one has its own environment to look into.
    await cli.local.validate(config);
    await startDaemon(cli, Math.min(timeout, longestStart));
  }
  const applied = await client.call('POST /v1/config', { body: { path: config } }).catch(async error => {
    if (start) await stopIfIdle(cli);
    throw error;
  });
  cli.note(changesText(applied, colors));
  const services = await settleAll(cli, timeout);
  const host = await client.call('GET /v1/host', {});
  await cli.print(
    () =>
      [servicesText(services, new CpuShare(), colors), ...hostNotes(host, colors), '', ...urlsOf(services, host)].join(
        '\n',
      ),
    { services },
  );
  for (const service of services) if (service.desired === 'up') requireReady(service);
}

/** A daemon that was started for what was then refused is not left behind, unless it took over services. */
async function stopIfIdle({ client }: Cli): Promise<void> {
  try {
    const { services } = await client.call('GET /v1/services', {});
    if (services.length === 0) await client.call('POST /v1/down', { body: { hurry: false } });
  } catch {
    // The refusal is what the user is told.
  }
}

async function isRunning({ client }: Cli): Promise<boolean> {
  try {
    await client.call('GET /v1/host', {});
    return true;
  } catch (error) {
    if (error instanceof SlipwayError && error.code === 'SLIP_DAEMON_UNREACHABLE') return false;
    throw error;
  }
}

/** How long a daemon may take until it answers, in ms; it takes over what an earlier one left running first. */
const longestStart = 30_000;

/** One that does not answer in time is not left behind: it can be killed at any moment. */
async function startDaemon(cli: Cli, startTimeout: number): Promise<void> {
  const logFile = join(cli.home, 'logs', 'daemon.log');
  await mkdir(join(cli.home, 'logs'), { recursive: true, mode: 0o750 }).catch(error => {
    const message = `cannot start the daemon: cannot make the folder ${join(cli.home, 'logs')} (${error.code}); choose another home by --home or SLIPWAY_HOME`;
    throw new SlipwayError('SLIP_DAEMON_UNREACHABLE', message, { cause: error });
  });
  const log = await open(logFile, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o640);
  const { size: before } = await log.stat();
  const [executable, ...first] = cli.local.self;
  const daemon = spawn(executable, [...first, 'daemon', '--home', cli.home], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  const ended = once(daemon, 'exit') as Promise<[number | null, string | null]>;
  let exit: string | undefined;
  ended.then(
    ([code, signal]) => {
      exit = code === null ? `ended by ${signal}` : `ended with code ${code}`;
    },
    (error: Error) => {
      exit = error.message;
    },
  );
  try {
    const end = performance.now() + startTimeout;
    while (!(await isRunning(cli))) {
      if (exit === undefined && performance.now() < end) {
        await sleep(20);
        continue;
      }
      const why = exit ?? `no answer within ${startTimeout / 1000} s`;
      throw new SlipwayError('SLIP_DAEMON_UNREACHABLE', `cannot start the daemon: ${why}`, {
        details: [...(await linesSince(logFile, before)), `log: ${logFile}`],
      });
    }
  } catch (error) {
    daemon.kill('SIGKILL');
    throw error;
  } finally {
    daemon.unref();
    await log.close();
  }
}

async function linesSince(file: string, offset: number): Promise<string[]> {
  const text = (await readFile(file)).subarray(offset).toString('utf8');
  return text.trimEnd().split('\n').slice(-10);
}
