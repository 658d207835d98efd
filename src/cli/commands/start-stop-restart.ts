import { type Command, Option } from 'commander';
import type { Service } from '../api-types.ts';
import { parseTarget, type Target } from '../arguments.ts';
import type { Cli, Run } from '../cli.ts';
import { timeoutOption } from '../options.ts';
import { instanceName, requireReady, settle } from '../settle.ts';

interface Options {
  readonly wait: boolean;
  readonly timeout: number;
}

const verbs = {
  start: { description: 'start a service, or one instance', done: 'started' },
  stop: { description: 'drain and stop a service, or one instance', done: 'stopped' },
  restart: { description: 'restart a service one instance after the other, or one instance', done: 'restarted' },
} as const;

export function startStopRestart(program: Command, run: Run): void {
  for (const verb of Object.keys(verbs) as (keyof typeof verbs)[]) {
    program
      .command(verb)
      .description(verbs[verb].description)
      .argument('<name[/index]>', 'a service, or one of its instances', parseTarget)
      .addOption(new Option('--no-wait', 'return as soon as the daemon has taken it on'))
      .addOption(timeoutOption())
      .addHelpText('after', '\nWith --json: the Service.')
      .action(run((cli: Cli, target: Target, options: Options) => act(cli, verb, target, options)));
  }
}

async function act(cli: Cli, verb: keyof typeof verbs, target: Target, { wait, timeout }: Options): Promise<void> {
  const { name, index } = target;
  const body = index === undefined ? {} : { index };
  let service: Service = await cli.client.call(`POST /v1/services/:name/${verb}`, { params: { name }, body });
  if (wait) {
    service = await settle(cli, name, timeout);
    if (verb !== 'stop') requireReady(service, index);
  }
  await cli.print(() => `${instanceName(target)} ${wait ? verbs[verb].done : `is being ${verbs[verb].done}`}`, service);
}
