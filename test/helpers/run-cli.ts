/** The command line as users have it: a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const loader = import.meta.resolve('tsx');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly home: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function spawnCli(args: readonly string[], { home, cwd = home, env = {} }: CliOptions): ChildProcess {
  const { PATH, TMPDIR } = process.env;
  return spawn(process.execPath, ['--import', loader, main, ...args], {
    cwd,
    env: { PATH, ...(TMPDIR !== undefined && { TMPDIR }), HOME: home, SLIPWAY_HOME: home, ...env },
  });
}

export async function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const child = spawnCli(args, options);
  const stdout = textOf(child.stdout);
  const stderr = textOf(child.stderr);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: await stdout, stderr: await stderr };
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += chunk;
  return text;
}
