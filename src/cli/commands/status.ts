import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Service } from '../api-types.ts';
import { parseName } from '../arguments.ts';
import type { Cli, Run } from '../cli.ts';
import { CpuShare } from '../cpu-share.ts';
import { untilInterrupted } from '../interrupt.ts';
import { Screen } from '../screen.ts';

export function status(program: Command, run: Run): void {
  program
    .command('status')
    .description('show the services, or the instances of one')
    .argument('[name]', 'a service', parseName)
    .option('-w, --watch', 'draw again every second, until Ctrl-C')
    .addHelpText(
      'after',
      '\nCPU is a share of one core: over the whole run, or with --watch over the last second.\n' +
        'With --json: the Service, or {services: [Service…]}; with --watch, one a line.',
    )
    .action(
      run(async (cli: Cli, name: string | undefined, { watch = false }: { watch?: boolean }) => {
        const cpu = new CpuShare();
        if (watch) await untilInterrupted(signal => keepShowing(cli, name, cpu, signal));
        else await showOnce(cli, name, cpu);
      }),
    );
}

interface Look {
  readonly value: Service | { readonly services: readonly Service[] };
  text(): Promise<string>;
}

async function look({ client, colors }: Cli, name: string | undefined, cpu: CpuShare): Promise<Look> {
  const [value, host] = await Promise.all([
    name === undefined
      ? client.call('GET /v1/services', {})
      : client.call('GET /v1/services/:name', { params: { name } }),
    client.call('GET /v1/host', {}),
  ]);
  return {
    value,
    async text() {
      const { hostNotes, instancesText, servicesText } = await import('../status-text.ts');
      const services = 'services' in value ? value.services : [value];
      const lines = [servicesText(services, cpu, colors)];
      if (!('services' in value)) lines.push('', instancesText(value, cpu, colors));
      cpu.turn();
      return [...lines, ...hostNotes(host, colors)].join('\n');
    },
  };
}

async function showOnce(cli: Cli, name: string | undefined, cpu: CpuShare): Promise<void> {
  const { value, text } = await look(cli, name, cpu);
  await cli.print(text, value);
}

async function keepShowing(cli: Cli, name: string | undefined, cpu: CpuShare, signal: AbortSignal): Promise<void> {
  const screen = !cli.json && process.stdout.isTTY ? new Screen(process.stdout) : undefined;
  try {
    for (;;) {
      const { value, text } = await look(cli, name, cpu);
      if (screen) screen.draw(await text());
      else if (cli.json) cli.printLine(() => '', value);
      else await cli.print(text, value);
      await sleep(1000, undefined, { signal });
    }
  } finally {
    screen?.close();
  }
}
