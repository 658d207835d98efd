import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { formatDuration } from '../../config/duration.ts';
import { SlipwayError } from '../../domain/errors.ts';
import type { Host } from '../api-types.ts';
import type { Cli, Run } from '../cli.ts';
import { timeoutOption } from '../options.ts';

interface Options {
  readonly now?: boolean;
  readonly timeout: number;
}

export function down(program: Command, run: Run): void {
  program
    .command('down')
    .description('stop every service and the router, then the daemon')
    .option('--now', 'skip drains and graces')
    .addOption(timeoutOption())
    .addHelpText('after', '\nWith --json: the Host that was.')
    .action(
      run(async (cli: Cli, { now = false, timeout }: Options) => {
        const host = await cli.client.call('GET /v1/host', {});
        const end = AbortSignal.timeout(timeout);
        try {
          await stopDaemon(cli, now, end);
          while (isAlive(host.pid)) await sleep(20, undefined, { signal: end });
        } catch (error) {
          if (!end.aborted) throw error;
          const message = `cannot wait any longer: the daemon (pid ${host.pid}) is still stopping after ${formatDuration(timeout)}`;
          throw new SlipwayError('SLIP_WAIT_TIMEOUT', message, { cause: error });
        }
        await cli.print(() => 'everything is stopped', host);
      }),
    );
}

/** The daemon may be gone before its answer has left. */
async function stopDaemon({ client }: Cli, hurry: boolean, signal: AbortSignal): Promise<Host | undefined> {
  try {
    return await client.call('POST /v1/down', { body: { hurry } }, signal);
  } catch (error) {
    if (error instanceof SlipwayError && error.code === 'SLIP_DAEMON_UNREACHABLE') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
