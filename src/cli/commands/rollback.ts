import type { Command } from 'commander';
import { parseName, parseRevision } from '../arguments.ts';
import type { Cli, Run } from '../cli.ts';
import { rolloutTimeoutOption } from '../options.ts';
import { requireRevision, settle } from '../settle.ts';

interface Options {
  readonly to?: number;
  readonly wait?: boolean;
  readonly timeout: number;
}

export function rollback(program: Command, run: Run): void {
  program
    .command('rollback')
    .description('roll out an older revision again')
    .argument('<name>', 'a service', parseName)
    .option('--to <revision>', 'this one; else the one that last served before', parseRevision)
    .option('--wait', 'wait for the rollout; fail if it fails')
    .addOption(rolloutTimeoutOption())
    .addHelpText('after', '\nWith --json: the new Revision.')
    .action(
      run(async (cli: Cli, name: string, { to, wait, timeout }: Options) => {
        const body = to === undefined ? {} : { to };
        const revision = await cli.client.call('POST /v1/services/:name/rollback', { params: { name }, body });
        if (wait) requireRevision(await settle(cli, name, timeout), revision.number);
        const done = wait ? 'serves' : 'is being rolled out';
        await cli.print(() => `revision ${revision.number} of ${name} ${done} (${revision.package})`, revision);
      }),
    );
}
