import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Cli, Run } from '../cli.ts';
import { CpuShare } from '../cpu-share.ts';
import { untilInterrupted } from '../interrupt.ts';
import { Screen } from '../screen.ts';

export function top(program: Command, run: Run): void {
  program
    .command('top')
    .description('show what instances use, against their limits and the host’s capacity')
    .option('-1, --once', 'show it once, after a second of measuring')
    .addHelpText(
      'after',
      '\nThe busiest come first; it is drawn again every second until Ctrl-C. CPU is a share of one core in the last second.\n' +
        'With --json: {host: Host, services: [Service…]}, one a line.',
    )
    .action(
      run(async (cli: Cli, { once = false }: { once?: boolean }) => {
        const cpu = new CpuShare();
        if (cli.json && once) return showJson(cli);
        await untilInterrupted(signal => keepShowing(cli, cpu, once, signal));
      }),
    );
}

async function look({ client }: Cli) {
  const [host, { services }] = await Promise.all([
    client.call('GET /v1/host', {}),
    client.call('GET /v1/services', {}),
  ]);
  return { host, services };
}

async function showJson(cli: Cli): Promise<void> {
  const value = await look(cli);
  cli.printLine(() => '', value);
}

async function keepShowing(cli: Cli, cpu: CpuShare, once: boolean, signal: AbortSignal): Promise<void> {
  const { topText } = await import('../top-text.ts');
  const screen = !cli.json && !once && process.stdout.isTTY ? new Screen(process.stdout) : undefined;
  try {
    // What was used in the last second is known only from the second look on.
    for (let looks = 1; ; looks++) {
      const value = await look(cli);
      const text = topText(value.host, value.services, cpu, cli.colors);
      cpu.turn();
      if (screen) screen.draw(text);
      else if (cli.json) cli.printLine(() => '', value);
      else if (!once || looks > 1) cli.printLine(() => text, value);
      if (once && looks > 1) return;
      await sleep(1000, undefined, { signal });
    }
  } finally {
    screen?.close();
  }
}
