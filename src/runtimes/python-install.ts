/** Installs a Python package with its dependencies into a virtual environment, and finds out what was installed. */
import { readdir, readFile, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Release } from '../domain/revision.ts';
import type { PlanOrder } from './contract.ts';
import { copyTree } from './copy-tree.ts';
import type { Preparation } from './preparation.ts';
import { consoleScripts, headers, readWheel } from './python-metadata.ts';
import { fileIn } from './release-files.ts';

/** What pip is given: the wheel, the tree as a project, or only the tree's requirements. */
export type Installable = 'wheel' | 'project' | 'requirements';

export interface VirtualEnvironment {
  readonly folder: string;
  readonly python: string;
  /** The release's own distribution; none where only requirements were installed. */
  readonly distribution: Distribution | undefined;
}

export interface Distribution {
  readonly name: string;
  readonly scripts: readonly string[];
  /** Top-level packages that `python -m` can run. */
  readonly runnable: readonly string[];
}

export async function virtualEnvironment(
  preparation: Preparation,
  order: PlanOrder,
  what: Installable,
): Promise<VirtualEnvironment> {
  const { release, installed, prepared, signal } = order;
  const made = await preparation.ensure({
    folder: prepared,
    what: what === 'requirements' ? `the requirements of ${release.name}` : release.name,
    signal,
    async make(folder, tools) {
      const venv = join(folder, 'venv');
      await tools.run([installed.path, '-m', 'venv', venv], folder);
      const pip = [join(venv, 'bin/python'), '-m', 'pip', '--no-input', '--disable-pip-version-check'];
      const subject = await subjectFor(what, release, folder);
      await tools.run([...pip, 'install', ...(await constraintsOf(release)), ...subject.words], subject.cwd);
      // What was resolved, for the record.
      await tools.run([...pip, 'freeze'], folder);
      if (what === 'project') await rm(subject.cwd, { recursive: true });
    },
  });
  const folder = join(made, 'venv');
  return {
    folder,
    python: join(folder, 'bin/python'),
    distribution: what === 'requirements' ? undefined : await installedFrom(made, folder),
  };
}

async function subjectFor(what: Installable, release: Release, folder: string) {
  if (what === 'requirements') return { words: ['-r', 'requirements.txt'], cwd: release.root };
  if (what === 'project') {
    // Building writes into the source.
    const source = join(folder, 'source');
    await copyTree(release.root, source);
    return { words: [source], cwd: source };
  }
  const file = release.file ?? join(release.root, release.name);
  // pip refuses a wheel under any other name, and an upload can have any.
  const link = join(folder, (await readWheel(file))?.fileName ?? basename(file));
  await symlink(file, link);
  return { words: [link], cwd: folder };
}

async function constraintsOf(release: Release): Promise<readonly string[]> {
  const file = release.format === 'tree' ? await fileIn(release.root, 'constraints.txt') : undefined;
  return file === undefined ? [] : ['-c', file];
}

/** The distribution whose recorded origin (PEP 610) is in `made`; all others are its dependencies. */
async function installedFrom(made: string, venv: string): Promise<Distribution | undefined> {
  const origin = pathToFileURL(made).href;
  for (const python of await readdir(join(venv, 'lib'))) {
    const packages = join(venv, 'lib', python, 'site-packages');
    for (const name of await readdir(packages).catch(() => [])) {
      const read = (file: string) => readFile(join(packages, name, file), 'utf8').catch(() => '');
      if (!name.endsWith('.dist-info') || !(await read('direct_url.json')).includes(origin)) continue;
      const record = await read('RECORD');
      return {
        name: headers(await read('METADATA'), 'Name')[0] ?? '',
        scripts: consoleScripts(await read('entry_points.txt')),
        runnable: [...record.matchAll(/^(\w+)\/__main__\.py,/gm)].map(match => match[1] ?? ''),
      };
    }
  }
  return undefined;
}
