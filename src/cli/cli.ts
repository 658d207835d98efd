/** What every command is handed: where to ask, how to speak. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Client } from '../api/client.ts';
import { defaultHome } from './home.ts';
import type { Local } from './local.ts';
import { type Colors, colorsFor } from './terminal.ts';

export interface Cli {
  readonly home: string;
  readonly socketPath: string;
  readonly client: Client;
  readonly local: Local;
  /** For programs: JSON on standard output, and nothing else there. */
  readonly json: boolean;
  /** Of standard output. */
  readonly colors: Colors;
  /** A block of text, or in JSON the value: the same value that the API gives. */
  print(text: () => string | Promise<string>, value: unknown): Promise<void>;
  /** One line of a stream, or in JSON the value on one line. */
  printLine(text: () => string, value: unknown): void;
  /** To standard error, for people only: what is going on. */
  note(text: string): void;
}

export interface GlobalOptions {
  readonly home?: string;
  readonly json?: boolean;
}

export function openCli({ home, json = false }: GlobalOptions, local: Local): Cli {
  const absoluteHome = resolve(home ?? defaultHome(process.env, process.getuid?.()));
  const socketPath = local.socketPath(absoluteHome);
  return {
    home: absoluteHome,
    socketPath,
    client: new Client({ socketPath, actor: `cli uid ${process.getuid?.() ?? 'unknown'}` }),
    local,
    json,
    colors: colorsFor(process.stdout, process.env),
    async print(text, value) {
      process.stdout.write(`${json ? JSON.stringify(value, null, 2) : await text()}\n`);
    },
    printLine(text, value) {
      process.stdout.write(`${json ? JSON.stringify(value) : text()}\n`);
    },
    note(text) {
      if (!json) process.stderr.write(`${text}\n`);
    },
  };
}

/** Makes an action of commander out of a command: opens the CLI by the global options, wherever they stood. */
export function runWith(local: Local) {
  return <Args extends unknown[]>(command: (cli: Cli, ...args: Args) => Promise<void>) =>
    async (...args: [...Args, Command]): Promise<void> => {
      const commander = args.at(-1) as Command;
      await command(openCli(commander.optsWithGlobals(), local), ...(args.slice(0, -1) as unknown as Args));
    };
}

export type Run = ReturnType<typeof runWith>;
