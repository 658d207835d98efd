import type { Command } from 'commander';
import { instanceLabel } from '../../domain/names.ts';
import { parseCount, parseTarget, type Target } from '../arguments.ts';
import type { Cli, Run } from '../cli.ts';
import { untilInterrupted } from '../interrupt.ts';
import type { Colors } from '../terminal.ts';

interface Options {
  readonly follow?: boolean;
  readonly lines: number;
}

export function logs(program: Command, run: Run): void {
  program
    .command('logs')
    .description('show what instances wrote to stdout and stderr')
    .argument('<name[/index]>', 'a service, or one of its instances', parseTarget)
    .option('-f, --follow', 'go on with what they write from now on, until Ctrl-C')
    .option('-n, --lines <number>', 'the last so many of each instance', parseCount, 100)
    .addHelpText('after', '\nWith --json: one LogLine a line.')
    .action(
      run(({ client, colors, printLine }: Cli, { name, index }: Target, { follow = false, lines }: Options) =>
        untilInterrupted(async signal => {
          const query = { tail: lines, follow, ...(index !== undefined && { index }) };
          const read = client.stream('GET /v1/services/:name/logs', { params: { name }, query }, signal);
          for await (const line of read) {
            // One instance alone needs no name at every line.
            printLine(() => (index === undefined ? `${prefix(line, colors)} ${line.text}` : line.text), line);
          }
        }),
      ),
    );
}

/** The same colour for an instance each time. */
function prefix(line: { readonly service: string; readonly index: number }, colors: Colors): string {
  const palette = [colors.cyan, colors.yellow, colors.green, colors.magenta, colors.blue, colors.red];
  const paint = palette[line.index % palette.length] ?? colors.reset;
  return paint(`${instanceLabel(line)} |`);
}
