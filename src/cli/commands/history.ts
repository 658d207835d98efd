import type { Command } from 'commander';
import { parseName } from '../arguments.ts';
import type { Cli, Run } from '../cli.ts';
import { formatTime, printable } from '../words.ts';

export function history(program: Command, run: Run): void {
  program
    .command('history')
    .description('list the revisions that are kept, newest first')
    .argument('<name>', 'a service', parseName)
    .addHelpText('after', '\nWith --json: {revisions: [Revision…]}.')
    .action(
      run(async ({ client, colors, print }: Cli, name: string) => {
        const value = await client.call('GET /v1/services/:name/history', { params: { name } });
        const rows = value.revisions.map(revision => [
          revision.current ? colors.green(`${revision.number} *`) : String(revision.number),
          printable(revision.package),
          revision.release.slice(0, 12),
          printable(revision.runtime),
          formatTime(revision.createdAt),
          printable(revision.cause),
        ]);
        const head = ['REVISION', 'PACKAGE', 'RELEASE', 'RUNTIME', 'CREATED', 'CAUSE'];
        await print(async () => (await import('../table.ts')).renderTable(head, rows, colors), value);
      }),
    );
}
