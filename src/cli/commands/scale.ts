import type { Command } from 'commander';
import { parseScale, type ScaleTarget } from '../arguments.ts';
import type { Cli, Run } from '../cli.ts';
import { timeoutOption } from '../options.ts';
import { requireReady, settle } from '../settle.ts';

export function scale(program: Command, run: Run): void {
  program
    .command('scale')
    .description('set how many instances there should be')
    .argument('<name=number...>', 'services and their instances', parseScale)
    .option('--no-wait', 'return as soon as the daemon has taken it on')
    .addOption(timeoutOption())
    .addHelpText('after', '\nWith --json: {services: [Service…]}.')
    .action(
      run(async (cli: Cli, targets: readonly ScaleTarget[], options: { wait: boolean; timeout: number }) => {
        const { client } = cli;
        let services = [];
        for (const { name, instances } of targets) {
          services.push(await client.call('POST /v1/services/:name/scale', { params: { name }, body: { instances } }));
        }
        if (options.wait) {
          services = await Promise.all(targets.map(({ name }) => settle(cli, name, options.timeout)));
          for (const service of services) requireReady(service);
        }
        const lines = targets.map(
          ({ name, instances }) =>
            `${name} ${options.wait ? 'has' : 'is going to have'} ${instances} ${instances === 1 ? 'instance' : 'instances'}`,
        );
        await cli.print(() => lines.join('\n'), { services });
      }),
    );
}
