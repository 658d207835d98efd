/** Python: wheels and projects in a virtual environment of their own, zipapps and trees as they are. */
import { dirname, join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import type { Release } from '../domain/revision.ts';
import { assemble, type Place, planCommand, procfileWeb } from './command.ts';
import type { Installed, Runtime } from './contract.ts';
import type { Finder, Search } from './discovery.ts';
import { type Environment, pathWith, searchPath } from './environment.ts';
import type { Preparation } from './preparation.ts';
import { pythonBundle } from './python-bundle.ts';
import { type Distribution, type Installable, type VirtualEnvironment, virtualEnvironment } from './python-install.ts';
import { type PyProject, parsePyProject, readWheel, sameDistribution } from './python-metadata.ts';
import { fileIn, head, textIn } from './release-files.ts';

const aboutItself = `
import os, platform, sys
virtual = sys.prefix != getattr(sys, "base_prefix", sys.prefix)
path = sys.executable if virtual else os.path.realpath(sys.executable)
sys.stdout.write(platform.python_version() + "\\n" + path + "\\n")
`;

const search: Search = {
  executable: /^python(\d(\.\d+)?)?$/,
  variables: [],
  collections: [
    { by: 'pyenv', folder: '~/.pyenv/versions' },
    { by: 'asdf', folder: '~/.asdf/installs/python' },
    { by: 'mise', folder: '~/.local/share/mise/installs/python' },
    { by: 'uv', folder: '~/.local/share/uv/python' },
  ],
  ask: ['-c', aboutItself],
  read: output => {
    const [version = '', path = ''] = output.trim().split('\n');
    return { version, path };
  },
};

export function createPython(finder: Finder, preparation: Preparation, env: Environment): Runtime {
  return {
    name: 'python',
    looksFor:
      'a .whl or .pyz, or a tree with a project in pyproject.toml, a __main__.py, or requirements.txt and main.py or app.py',

    async detects(release) {
      if (release.format === 'wheel' || release.format === 'pyz') return true;
      if (release.format !== 'tree') return false;
      const kind = await installableOf(release);
      return kind === 'project' || (await scriptOf(release, kind === 'requirements')) !== undefined;
    },

    // 3.11 and 3.12 have different libraries, in different folders.
    line: 2,
    parts: path => [path],
    ask: path => finder.ask(search, path),
    bundle: pythonBundle,

    discover: extra => finder.find(search, extra),

    async wants(release) {
      if (release.format === 'wheel' && release.file !== undefined) {
        const range = (await readWheel(release.file).catch(() => undefined))?.requires;
        return range && { range, by: 'Requires-Python of the wheel' };
      }
      const range = (await pyProjectOf(release))?.requires;
      return range && { range, by: 'its pyproject.toml' };
    },

    async plan(order) {
      const { release, installed, request } = order;
      const kind = await installableOf(release);
      const venv = kind && (await virtualEnvironment(preparation, order, kind));
      const place = placeOf(release, installed, venv, env);
      if (request.command) return planCommand({ words: request.command, env: {} }, 'the command', request, place);
      const web = await procfileWeb(release);
      if (web) return planCommand(web, 'the Procfile', request, place);
      const words = await entryOf(release, venv);
      return assemble([venv?.python ?? installed.path, ...words], {}, request, place);
    },
  };
}

function placeOf(
  release: Release,
  installed: Installed,
  venv: VirtualEnvironment | undefined,
  env: Environment,
): Place {
  const bins = [...(venv ? [join(venv.folder, 'bin')] : []), dirname(installed.path)];
  return {
    release,
    root: release.root,
    env: {
      PATH: pathWith(...bins),
      PYTHONUNBUFFERED: '1',
      // A release stays as it is, and nothing of whoever owns the home folder gets in.
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONNOUSERSITE: '1',
      ...(venv ? { VIRTUAL_ENV: venv.folder } : {}),
    },
    folders: [...bins, ...searchPath(env)],
    runtime: { path: venv?.python ?? installed.path, names: /^python3?$/, interprets: isPythonScript },
  };
}

/** What pip has to install, if anything. */
async function installableOf(release: Release): Promise<Installable | undefined> {
  if (release.format === 'wheel') return 'wheel';
  if (release.format !== 'tree') return undefined;
  if ((await pyProjectOf(release))?.installable || (await fileIn(release.root, 'setup.py'))) return 'project';
  return (await fileIn(release.root, 'requirements.txt')) ? 'requirements' : undefined;
}

async function pyProjectOf(release: Release): Promise<PyProject | undefined> {
  const text = release.format === 'tree' ? await textIn(release.root, 'pyproject.toml') : undefined;
  return text === undefined ? undefined : parsePyProject(text);
}

/** The words after `python`. @throws SlipwayError SLIP_ENTRY_MISSING */
async function entryOf(release: Release, venv: VirtualEnvironment | undefined): Promise<readonly string[]> {
  if (release.format === 'pyz' && release.file !== undefined) return [release.file];
  const distribution = venv?.distribution;
  const script = distribution && ownOf(distribution.scripts, distribution);
  if (venv && script !== undefined) return [join(venv.folder, 'bin', script)];
  const tree = release.format === 'tree' ? await scriptOf(release, venv !== undefined) : undefined;
  if (tree !== undefined) return [tree];
  const runnable = distribution && ownOf(distribution.runnable, distribution);
  if (runnable !== undefined) return ['-m', runnable];
  const scripts = distribution?.scripts ?? [];
  throw new SlipwayError(
    'SLIP_ENTRY_MISSING',
    `cannot run ${release.name} with Python: ${
      scripts.length > 0
        ? `it has several console scripts (${scripts.join(', ')}), none of its own name`
        : 'it has no console script and no __main__'
    }; give a \`command:\`${scripts.length > 0 ? ` such as [${scripts[0]}]` : ''}`,
  );
}

/** The only one, or the one that is called like the distribution. */
function ownOf(names: readonly string[], distribution: Distribution): string | undefined {
  return names.length === 1 ? names[0] : names.find(name => sameDistribution(name, distribution.name));
}

/** What Python can run of a tree. `main.py` and `app.py` only count beside something that says it's Python's. */
async function scriptOf(release: Release, declared: boolean): Promise<string | undefined> {
  if (await fileIn(release.root, '__main__.py')) return release.root;
  if (!declared) return undefined;
  return (await fileIn(release.root, 'main.py')) ?? (await fileIn(release.root, 'app.py'));
}

async function isPythonScript(file: string): Promise<boolean> {
  const start = (await head(file, 1024)).toString('latin1');
  if (!start.startsWith('#!')) return file.endsWith('.py');
  // Where the path of Python is too long for the kernel, pip lets sh read the second line and Python all of it.
  return /^#!.*\bpython/.test(start) || /^#!\/bin\/sh\n'''exec' .*\bpython/.test(start);
}
