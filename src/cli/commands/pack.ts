import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli, Run } from '../cli.ts';
import { formatBytes } from '../words.ts';

export function pack(program: Command, run: Run): void {
  program
    .command('pack')
    .description('make a package out of a folder: the same content gives the same bytes')
    .argument('<dir>', 'the folder')
    .option('-o, --output <file>', 'where to; else the folder’s name with .tgz, here')
    .addHelpText('after', '\nWith --json: {file, size}.')
    .action(
      run(async ({ local, print }: Cli, directory: string, { output }: { output?: string }) => {
        const folder = resolve(directory);
        const file = resolve(output ?? `${basename(folder) || 'package'}.tgz`);
        await local.pack(folder, file);
        const { size } = await stat(file);
        await print(() => `${file} (${formatBytes(size)})`, { file, size });
      }),
    );
}
