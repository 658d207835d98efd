import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ApplyResult } from '../api-types.ts';
import type { Cli, Run } from '../cli.ts';
import { configOption, defaultConfig } from '../options.ts';
import type { Colors } from '../terminal.ts';
import { printable } from '../words.ts';

interface Options {
  readonly config: string;
  readonly dryRun?: boolean;
  readonly replace?: boolean;
}

export function apply(program: Command, run: Run): void {
  program
    .command('apply')
    .description('bring the services to what a slipway.yaml says; only what changed is touched')
    .addOption(configOption('the configuration').default(defaultConfig))
    .option('--dry-run', 'only show what would change')
    .option('--replace', 'the home followed another file until now: remove services that only that one has')
    .addHelpText('after', '\nWith --json: the ApplyResult.')
    .action(
      run(async ({ client, colors, print }: Cli, { config, dryRun = false, replace = false }: Options) => {
        const result = await client.call('POST /v1/config', { body: { path: resolve(config), dryRun, replace } });
        await print(() => changesText(result, colors), result);
      }),
    );
}

export function changesText({ changes, dryRun }: ApplyResult, colors: Colors): string {
  if (changes.length === 0) return 'nothing to change';
  const lines = changes.flatMap(({ service, action, details }) => {
    const what = action === 'router' || action === 'settings' ? action : service;
    const signs = { add: colors.green(`+ ${what}`), remove: colors.red(`- ${what}`) };
    const head = action === 'add' || action === 'remove' ? signs[action] : colors.yellow(`~ ${what}`);
    return [head, ...details.map(detail => `    ${printable(detail)}`)];
  });
  const count = `${changes.length} ${changes.length === 1 ? 'change' : 'changes'}`;
  return [...lines, dryRun ? `${count}; nothing was touched` : `${count} applied`].join('\n');
}
