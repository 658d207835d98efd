import type { Command } from 'commander';
import { parseName } from '../arguments.ts';
import type { Cli, Run } from '../cli.ts';

export function describe(program: Command, run: Run): void {
  program
    .command('describe')
    .description('show everything about a service')
    .argument('<name>', 'a service', parseName)
    .addHelpText('after', '\nWith --json: {service: Service, revisions: [Revision…]}.')
    .action(
      run(async ({ client, colors, print }: Cli, name: string) => {
        const params = { name };
        const [service, { revisions }] = await Promise.all([
          client.call('GET /v1/services/:name', { params }),
          client.call('GET /v1/services/:name/history', { params }),
        ]);
        const text = async () => (await import('../description.ts')).describeService(service, revisions, colors);
        await print(text, { service, revisions });
      }),
    );
}
