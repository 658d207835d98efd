/**
 * Command lines that name their program: `command:` in the configuration, a Procfile's `web:` line. Programs are
 * looked for once, at the deploy, so that a revision records exactly what it starts.
 */
import { isAbsolute, join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import type { LaunchPlan, Release } from '../domain/revision.ts';
import type { RunRequest } from './contract.ts';
import { fileIn, isExecutable, textIn } from './release-files.ts';
import { type PlainCommand, parseWords } from './words.ts';

/** Where a release runs, and what its runtime adds to that. */
export interface Place {
  readonly release: Release;
  /** Folder of the release, or of its prepared copy. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  /** Folders in which programs are looked for, in order. */
  readonly folders: readonly string[];
  /** The chosen runtime: its executable, the names that mean it, and what it can be handed as its first argument. */
  readonly runtime?: {
    readonly path: string;
    readonly names: RegExp;
    interprets(file: string): Promise<boolean>;
  };
}

/** @param by what gave the command, for messages: `the command`, `the Procfile` */
export async function planCommand(
  command: PlainCommand,
  by: string,
  request: RunRequest,
  place: Place,
): Promise<LaunchPlan> {
  const [name = '', ...rest] = command.words;
  const program = await findProgram(name, place);
  if (program === undefined) {
    throw new SlipwayError(
      'SLIP_ENTRY_MISSING',
      `cannot run ${place.release.name}: ${by} starts with ${JSON.stringify(name)}, which is no executable in the ` +
        'release nor on the PATH; correct it or install the program',
      { details: name.includes('/') ? [] : [place.root, ...place.folders].map(folder => `looked in ${folder}`) },
    );
  }
  const { runtime } = place;
  const handOver = runtime && program !== runtime.path && (await runtime.interprets(program));
  return assemble([...(handOver ? [runtime.path] : []), program, ...rest], command.env, request, place);
}

/** The whole plan around the words that start the release: `runtimeArgs` in front of them, `args` behind. */
export function assemble(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  request: RunRequest,
  place: Place,
): LaunchPlan {
  const [program = '', ...rest] = words;
  if (request.runtimeArgs.length > 0 && program !== place.runtime?.path) {
    throw new SlipwayError(
      'SLIP_CONFIG_INVALID',
      `cannot hand runtimeArgs to ${program}, since it is no runtime; put them into args, or name a \`runtime:\``,
    );
  }
  return {
    argv: [program, ...request.runtimeArgs, ...rest, ...request.args],
    cwd: place.root,
    env: { ...place.env, ...env },
  };
}

async function findProgram(name: string, { root, folders, runtime }: Place): Promise<string | undefined> {
  if (runtime?.names.test(name)) return runtime.path;
  if (isAbsolute(name)) return (await isExecutable(name)) ? name : undefined;
  const own = await fileIn(root, name);
  if (own !== undefined && (await isExecutable(own))) return own;
  if (name === '' || name.includes('/')) return undefined;
  for (const folder of folders) {
    const path = join(folder, name);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/**
 * The `web:` line of a tree's Procfile; `undefined` where it has none.
 * @throws SlipwayError SLIP_ENTRY_MISSING where the line needs a shell
 */
export async function procfileWeb(release: Release): Promise<PlainCommand | undefined> {
  const text = release.format === 'tree' ? await textIn(release.root, 'Procfile') : undefined;
  const line = text === undefined ? undefined : /^web[ \t]*:(.*)$/m.exec(text)?.[1];
  if (line === undefined) return undefined;
  const web = parseWords(line);
  if ('words' in web) return web;
  throw new SlipwayError(
    'SLIP_ENTRY_MISSING',
    `cannot run the web: line of ${release.name}'s Procfile without a shell: ${web.why}; put it into a script of the ` +
      'release, or give a `command:`',
  );
}
