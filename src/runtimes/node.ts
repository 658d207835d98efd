/** Node.js packages: what `npm start` or `npx NAME` would run, without npm in between. */
import { dirname, join } from 'node:path';
import { parseVersionRange } from '../domain/version-range.ts';
import { assemble, type Place, planCommand, procfileWeb } from './command.ts';
import type { Runtime } from './contract.ts';
import type { Finder, Search } from './discovery.ts';
import { type Environment, pathWith, searchPath } from './environment.ts';
import { isNodeScript, nodeEntry } from './node-entry.ts';
import { readManifest } from './node-manifest.ts';
import { withDependencies } from './node-packages.ts';
import type { Preparation } from './preparation.ts';
import { fileIn } from './release-files.ts';
import type { PlainCommand } from './words.ts';

const search: Search = {
  executable: /^node(js)?$/,
  variables: [],
  collections: [
    { by: 'nvm', folder: '~/.nvm/versions/node' },
    { by: 'asdf', folder: '~/.asdf/installs/nodejs' },
    { by: 'mise', folder: '~/.local/share/mise/installs/node' },
  ],
  ask: ['-p', 'process.version + "\\n" + process.execPath'],
  read: output => {
    const [version = '', path = ''] = output.trim().split('\n');
    return { version: version.replace(/^v/, ''), path };
  },
};

export function createNode(finder: Finder, preparation: Preparation, env: Environment): Runtime {
  return {
    name: 'node',
    looksFor: 'a package.json',

    async detects(release) {
      return release.format === 'tree' && (await fileIn(release.root, 'package.json')) !== undefined;
    },

    line: 1,
    parts: path => [path],
    ask: path => finder.ask(search, path),
    bundle: async ({ path }) => ({
      entries: [{ from: path, to: 'bin/node' }],
      omits: () => false,
      executable: 'bin/node',
      aliases: [],
      proof: { ask: ['-p', 'process.execPath'], read: output => [output.trim()] },
    }),

    discover: extra => finder.find(search, extra),

    async wants(release) {
      const asked = (await readManifest(release).catch(() => undefined))?.engines.node;
      const range = asked === undefined ? undefined : parseVersionRange(asked);
      return range && { range, by: 'engines.node of its package.json' };
    },

    async plan(order) {
      const { release, installed, request } = order;
      const manifest = await readManifest(release);
      const root = await withDependencies(preparation, order, manifest);
      const bins = join(root, 'node_modules/.bin');
      const place: Place = {
        release,
        root,
        env: { PATH: pathWith(bins, dirname(installed.path)), NODE_ENV: 'production' },
        folders: [bins, dirname(installed.path), ...searchPath(env)],
        runtime: { path: installed.path, names: /^node(js)?$/, interprets: isNodeScript },
      };
      if (request.command) return planCommand({ words: request.command, env: {} }, 'the command', request, place);
      const web = await procfileWeb(release);
      if (web && !isNpmStart(web)) return planCommand(web, 'the Procfile', request, place);
      const entry = await nodeEntry(manifest, root, installed.path, release.name);
      return assemble(entry.words, { ...web?.env, ...entry.env }, request, place);
    },
  };
}

function isNpmStart({ words }: PlainCommand): boolean {
  return /^npm (run )?start$/.test(words.join(' '));
}
