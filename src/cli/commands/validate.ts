import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli, Run } from '../cli.ts';
import { configOption, defaultConfig } from '../options.ts';
import { printable } from '../words.ts';

export function validate(program: Command, run: Run): void {
  program
    .command('validate')
    .description('check a slipway.yaml, without a daemon')
    .addOption(configOption('the configuration').default(defaultConfig))
    .addHelpText('after', '\nWith --json: {file, services: [name…], warnings: [line…]}.')
    .action(
      run(async ({ colors, local, print }: Cli, { config }: { config: string }) => {
        const file = resolve(config);
        const { services, warnings } = await local.validate(file);
        const count = `${services.length} ${services.length === 1 ? 'service' : 'services'}`;
        const lines = [...warnings.map(warning => colors.yellow(printable(warning))), `${file} is valid: ${count}`];
        await print(() => lines.join('\n'), { file, services, warnings });
      }),
    );
}
