/**
 * Installs a Node package's dependencies where it does not bring them: from its lock file if it has one, else
 * resolved once, at the deploy, with the lock that comes of it kept beside them.
 */
import { lstat, readFile, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import type { PlanOrder } from './contract.ts';
import { copyTree } from './copy-tree.ts';
import type { Manifest } from './node-manifest.ts';
import type { Preparation } from './preparation.ts';
import { namesIn } from './release-files.ts';

const lockFiles = ['npm-shrinkwrap.json', 'package-lock.json'];
/** npm does not read them (it does read a yarn.lock), so versions that were pinned would silently be others. */
const foreignLockFiles = ['pnpm-lock.yaml', 'bun.lock', 'bun.lockb'];
const quietly = ['--no-audit', '--no-fund', '--no-progress', '--no-update-notifier', '--logs-max=0'];

/** @returns the folder to run in: the release itself where nothing is missing, else a copy with its dependencies */
export async function withDependencies(preparation: Preparation, order: PlanOrder, manifest: Manifest) {
  const { release, installed, prepared, signal } = order;
  if (await hasDependencies(release.root, manifest)) return release.root;
  const top = await namesIn(release.root);
  const locked = lockFiles.some(name => top.includes(name));
  const foreign = foreignLockFiles.find(name => top.includes(name));
  if (!locked && foreign !== undefined) {
    throw new SlipwayError(
      'SLIP_PREPARE_FAILED',
      `cannot install the dependencies of ${release.name}: its versions are pinned by ${foreign}, which npm does not ` +
        'read; bundle node_modules in the package, or add a package-lock.json',
    );
  }
  const made = await preparation.ensure({
    folder: prepared,
    what: `the dependencies of ${release.name}`,
    signal,
    async make(folder, tools) {
      const node = installed.origin ?? installed.path;
      const npm = await npmOf(node);
      const app = join(folder, 'app');
      await copyTree(release.root, app);
      if (!locked) await dropDevDependencies(app);
      const install = locked ? ['ci'] : ['install', '--package-lock'];
      await tools.run([node, npm, ...install, '--omit=dev', ...quietly], app);
    },
  });
  return join(made, 'app');
}

/** Whether every dependency is there, bundled; what they depend on is then taken to be there too. */
async function hasDependencies(root: string, manifest: Manifest): Promise<boolean> {
  const names = Object.keys(manifest.dependencies);
  if (names.length === 0) return true;
  const top = await namesIn(root, 'node_modules');
  const scoped = await Promise.all(
    top
      .filter(name => name.startsWith('@'))
      .map(async scope => (await namesIn(root, `node_modules/${scope}`)).map(name => `${scope}/${name}`)),
  );
  const bundled = new Set([...top, ...scoped.flat()]);
  return names.every(name => bundled.has(name));
}

/** npm as it came with this Node. @throws SlipwayError SLIP_PREPARE_FAILED */
async function npmOf(node: string): Promise<string> {
  const folder = dirname(node);
  const linked = await realpath(join(folder, 'npm')).catch(() => '');
  for (const path of [join(folder, '../lib/node_modules/npm/bin/npm-cli.js'), linked]) {
    if (path.endsWith('.js') && (await lstat(path).catch(() => undefined))) return path;
  }
  throw new SlipwayError(
    'SLIP_PREPARE_FAILED',
    `cannot install dependencies: ${node} has no npm beside it; install npm, or bundle node_modules in the package`,
  );
}

/** Nobody installs them, but npm would resolve them, and old ones can make that fail. */
async function dropDevDependencies(app: string): Promise<void> {
  const path = join(app, 'package.json');
  const manifest = JSON.parse((await readFile(path, 'utf8')).replace(/^\uFEFF/, '')) as Record<string, unknown>;
  delete manifest['devDependencies'];
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`);
}
