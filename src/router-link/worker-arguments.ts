/** The command line of a router worker: what its holder was started with, and so every worker of that holder. */
import { parseArgs } from 'node:util';
import { list, parseJson, text } from './check.ts';

export interface WorkerArguments {
  readonly home: string;
  /** The command line that these arguments follow; a successor is started by it. */
  readonly command: readonly string[];
  /** In the order of the inherited descriptors, which begin at {@link firstDescriptor}. */
  readonly listen: readonly string[];
  /** `PID.STARTTIME` of the worker that this one takes over from, which is alive and drains. */
  readonly succeeds?: string;
  /** Set by the holder itself, and by the main worker for the further ones. */
  readonly holder?: number;
  /** Whether it is a further worker, that takes its orders from the main one. */
  readonly further?: boolean;
}

export type HeldArguments = WorkerArguments & { readonly holder: number };

export const firstDescriptor = 3;

export function formatWorkerArguments(given: WorkerArguments): readonly string[] {
  return [
    '--home',
    given.home,
    ...given.listen.flatMap(address => ['--listen', address]),
    ...(given.succeeds === undefined ? [] : ['--succeeds', given.succeeds]),
    '--command',
    JSON.stringify(given.command),
    ...(given.holder === undefined ? [] : ['--holder', String(given.holder)]),
    ...(given.further === true ? ['--further'] : []),
  ];
}

/** @throws Error where they are none that {@link formatWorkerArguments} made */
export function parseWorkerArguments(args: readonly string[]): WorkerArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      home: { type: 'string' },
      listen: { type: 'string', multiple: true },
      succeeds: { type: 'string' },
      command: { type: 'string' },
      holder: { type: 'string' },
      further: { type: 'boolean' },
    },
  });
  if (values.home === undefined || values.command === undefined) {
    throw new Error('the router is started by the daemon, which gives it --home, --listen and --command');
  }
  return {
    home: values.home,
    listen: values.listen ?? [],
    command: parseJson(values.command, list(text(4096), 64)),
    ...(values.succeeds === undefined ? {} : { succeeds: values.succeeds }),
    ...(values.holder === undefined ? {} : { holder: Number(values.holder) }),
    ...(values.further === undefined ? {} : { further: values.further }),
  };
}
