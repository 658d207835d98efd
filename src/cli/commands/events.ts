import type { Command } from 'commander';
import type { Event } from '../api-types.ts';
import { parseCount } from '../arguments.ts';
import type { Cli, Run } from '../cli.ts';
import { untilInterrupted } from '../interrupt.ts';
import type { Colors } from '../terminal.ts';
import { formatTime, printable } from '../words.ts';

interface Options {
  readonly follow?: boolean;
  readonly lines: number;
}

export function events(program: Command, run: Run): void {
  program
    .command('events')
    .description('show what happened, who asked for it, and why')
    .option('-f, --follow', 'go on with what happens from now on, until Ctrl-C')
    .option('-n, --lines <number>', 'the last so many', parseCount, 100)
    .addHelpText('after', '\nWith --json: one Event a line.')
    .action(
      run(({ client, colors, printLine }: Cli, { follow = false, lines }: Options) =>
        untilInterrupted(async signal => {
          for await (const event of client.stream('GET /v1/events', { query: { limit: lines, follow } }, signal)) {
            printLine(() => eventText(event, colors), event);
          }
        }),
      ),
    );
}

function eventText({ at, kind, service, instance, actor, message }: Event, colors: Colors): string {
  const about = instance ?? service;
  const parts = [
    colors.dim(formatTime(at)),
    colors.bold(kind),
    ...(about === undefined ? [] : [colors.cyan(about)]),
    printable(message),
    ...(actor === undefined ? [] : [colors.dim(`(${printable(actor)})`)]),
  ];
  return parts.join('  ');
}
