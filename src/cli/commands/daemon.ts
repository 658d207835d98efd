import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli, Run } from '../cli.ts';
import { configOption } from '../options.ts';

export function daemon(program: Command, run: Run): void {
  program
    .command('daemon')
    .description(
      'run the daemon; when it ends by SIGTERM, instances and router run on and the next one takes them over',
    )
    .addOption(configOption('apply this one at the start; else the one that was applied last'))
    .action(
      run(({ home, local }: Cli, { config }: { config?: string }) =>
        local.runDaemon({ home, foreground: false, ...(config !== undefined && { config: resolve(config) }) }),
      ),
    );
}
