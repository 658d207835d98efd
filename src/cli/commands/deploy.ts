import { open, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { SlipwayError } from '../../domain/errors.ts';
import type { Revision } from '../api-types.ts';
import { parseCount, parseDigest, parseName } from '../arguments.ts';
import type { Cli, Run } from '../cli.ts';
import { rolloutTimeoutOption } from '../options.ts';
import { requireRevision, settle } from '../settle.ts';

interface Options {
  readonly instances?: number;
  readonly sha256?: string;
  readonly wait?: boolean;
  readonly timeout: number;
}

export function deploy(program: Command, run: Run): void {
  program
    .command('deploy')
    .description('roll out another package: new instances get requests when ready, and a failure leaves the old ones')
    .argument('<name>', 'a service', parseName)
    .argument('<package>', 'a file, a folder, or an http(s) URL with --sha256')
    .option('--instances <number>', 'scale to this many as well', parseCount)
    .option('--sha256 <digest>', 'refuse a file or download of other bytes than these', parseDigest)
    .option('--wait', 'wait for the rollout; fail if it fails')
    .addOption(rolloutTimeoutOption())
    .addHelpText('after', '\nWith --json: the Revision.')
    .action(
      run(async (cli: Cli, name: string, from: string, options: Options) => {
        const revision = await hand(cli, name, from, options);
        if (options.wait) requireRevision(await settle(cli, name, options.timeout), revision.number);
        const done = options.wait ? 'serves' : 'is being rolled out';
        await cli.print(
          () => `revision ${revision.number} of ${name} ${done} (${revision.package}, ${revision.runtime})`,
          revision,
        );
      }),
    );
}

async function hand(cli: Cli, name: string, from: string, { instances, sha256 }: Options): Promise<Revision> {
  const scaled = instances !== undefined && { instances };
  const params = { name };
  if (/^https?:\/\//i.test(from)) {
    if (sha256 === undefined)
      throw usage(`cannot deploy from ${from} without --sha256: a URL is fetched only against a digest`);
    const body = { package: { url: from, sha256 }, ...scaled };
    return cli.client.call('POST /v1/services/:name/deploy', { params, body });
  }
  if (await isFolder(from)) {
    if (sha256 !== undefined)
      throw usage('cannot check --sha256 against a folder: only files and downloads have a digest');
    return cli.client.call('POST /v1/services/:name/deploy', { params, body: { package: resolve(from), ...scaled } });
  }
  // As a stream, since the daemon may run as a user who can't read it.
  const query = { filename: basename(from), ...(sha256 !== undefined && { sha256 }), ...scaled };
  const file = await openPackage(from);
  return cli.client.upload(name, query, file.createReadStream());
}

function usage(message: string): SlipwayError {
  return new SlipwayError('SLIP_USAGE', message);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  );
}

async function openPackage(path: string) {
  try {
    return await open(path, 'r');
  } catch (error) {
    const why = unreadable[(error as NodeJS.ErrnoException).code ?? ''] ?? String(error);
    throw new SlipwayError('SLIP_PACKAGE_UNREADABLE', `cannot read the package ${path}: ${why}`, { cause: error });
  }
}

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is nothing at this path',
  ENOTDIR: 'there is nothing at this path',
  EACCES: 'this user may not read it',
};
