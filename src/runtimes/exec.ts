/** Programs that the kernel itself can start: a binary, a Procfile's `web:` line, the one executable of a tree. */
import { SlipwayError } from '../domain/errors.ts';
import type { Release } from '../domain/revision.ts';
import { assemble, type Place, planCommand, procfileWeb } from './command.ts';
import type { Runtime } from './contract.ts';
import { type Environment, pathWith, searchPath } from './environment.ts';
import { fileIn, isExecutable, isProgram, namesIn } from './release-files.ts';

export function createExec(env: Environment): Runtime {
  return {
    name: 'exec',
    looksFor: 'a binary, a Procfile with a web: line, or exactly one executable at the top of a tree or in its bin/',

    async detects(release) {
      if (release.format === 'binary') return true;
      if (release.format !== 'tree') return false;
      return (await fileIn(release.root, 'Procfile')) !== undefined || (await programsOf(release)).length === 1;
    },

    line: 0,
    parts: () => [],
    ask: async () => ({ why: 'it is no runtime' }),
    async bundle() {
      throw new SlipwayError(
        'SLIP_RUNTIME_UNPINNABLE',
        'cannot pin a runtime where none is used: what the release brings is kept with it as it is; leave out pinRuntime',
      );
    },

    // There is nothing to find: the release brings what it needs.
    discover: async () => ({ installed: [{ version: '', path: '', foundBy: 'the release' }], unusable: [] }),
    wants: async () => undefined,

    async plan({ release, request }) {
      const place = systemPlace(release, env);
      if (request.command) return planCommand({ words: request.command, env: {} }, 'the command', request, place);
      const web = await procfileWeb(release);
      return web
        ? planCommand(web, 'the Procfile', request, place)
        : assemble([await programOf(release)], {}, request, place);
    },
  };
}

/** A place without a runtime: programs are the release's own or the system's. */
function systemPlace(release: Release, env: Environment): Place {
  return { release, root: release.root, env: { PATH: pathWith() }, folders: searchPath(env) };
}

async function programOf(release: Release): Promise<string> {
  const refuse = (why: string) =>
    new SlipwayError('SLIP_ENTRY_MISSING', `cannot run ${release.name}: ${why}; give a \`command:\``);
  if (release.file !== undefined) {
    if (await isExecutable(release.file)) return release.file;
    throw refuse('it is not executable');
  }
  const programs = await programsOf(release);
  const [program] = programs;
  if (program !== undefined && programs.length === 1) return program;
  throw refuse(
    programs.length === 0
      ? 'it has no Procfile with a web: line, and no executable at its top or in bin/'
      : `it has several executables (${programs.map(path => path.slice(release.root.length + 1)).join(', ')})`,
  );
}

/** Those at the top of the tree, else those in `bin/`. */
async function programsOf(release: Release): Promise<readonly string[]> {
  for (const folder of ['.', 'bin']) {
    const programs: string[] = [];
    for (const name of await namesIn(release.root, folder)) {
      const file = await fileIn(release.root, `${folder}/${name}`);
      if (file !== undefined && (await isProgram(file))) programs.push(file);
    }
    if (programs.length > 0) return programs;
  }
  return [];
}
