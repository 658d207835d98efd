import { once } from 'node:events';
import type { Command } from 'commander';
import { formatAddress, parseAddress } from '../../config/address.ts';
import { SlipwayError } from '../../domain/errors.ts';
import { parseInstance, parseLoopback, type Target } from '../arguments.ts';
import type { Cli, Run } from '../cli.ts';
import { untilInterrupted } from '../interrupt.ts';
import { instanceName } from '../settle.ts';

interface Options {
  readonly listen: string;
}

export function proxy(program: Command, run: Run): void {
  program
    .command('proxy')
    .description('open a port of this host that leads to one instance, ready or not, until Ctrl-C')
    .argument('<name/index>', 'an instance', parseInstance)
    .option('--listen <address>', 'on loopback; port 0 is any free one', parseLoopback, '127.0.0.1:0')
    .addHelpText(
      'after',
      `
Each request goes to the instance as it is then: it may be restarted meanwhile. A browser is let in by the names of
this host and of the service's routes only, so that no page of another site can pose as one of the instance's.

With --json: {url}, once it listens.`,
    )
    .action(
      run((cli: Cli, target: Required<Target>, { listen }: Options) =>
        untilInterrupted(signal => lead(cli, target, listen, signal)),
      ),
    );
}

async function lead(cli: Cli, target: Required<Target>, listen: string, signal: AbortSignal): Promise<void> {
  const service = await cli.client.call('GET /v1/services/:name', { params: { name: target.name } }, signal);
  if (!service.instances.some(({ index }) => index === target.index)) {
    throw new SlipwayError('SLIP_INSTANCE_UNKNOWN', `cannot find instance ${instanceName(target)}`);
  }
  const { openInstancePort } = await import('../instance-port.ts');
  const { port, close } = await openInstancePort(cli, target, listen);
  const { host = '' } = parseAddress(listen) ?? {};
  const url = `http://${formatAddress({ host, port })}`;
  cli.printLine(() => `${url} leads to ${instanceName(target)}; Ctrl-C ends it`, { url });
  if (!signal.aborted) await once(signal, 'abort');
  await close();
}
