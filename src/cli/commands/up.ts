import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli, Run } from '../cli.ts';
import { configOption, defaultConfig, timeoutOption } from '../options.ts';

interface Options {
  readonly config: string;
  readonly detach?: boolean;
  readonly timeout: number;
}

export function up(program: Command, run: Run): void {
  program
    .command('up')
    .description('run everything that a slipway.yaml says, until Ctrl-C, which stops it all; or in the background')
    .addOption(configOption('the configuration').default(defaultConfig))
    .option('-d, --detach', 'in the background: start a daemon unless one runs, apply, wait until all is ready')
    .addOption(timeoutOption())
    .addHelpText('after', '\nWith --detach --json: {services: [Service…]}.')
    .action(
      run(async (cli: Cli, { config, detach = false, timeout }: Options) => {
        const path = resolve(config);
        if (!detach) return cli.local.runDaemon({ home: cli.home, config: path, foreground: true });
        const { upInBackground } = await import('../background.ts');
        await upInBackground(cli, path, timeout);
      }),
    );
}
