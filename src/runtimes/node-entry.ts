/**
 * What a Node package runs: `scripts.start` where no shell is needed for it, then `bin`, then `main`, as npm itself
 * would have it. A field that leads to nothing in the release is passed over, and named if all of them do: published
 * packages often keep a `start` that only works in their repository.
 */
import { basename, extname, join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import type { Manifest } from './node-manifest.ts';
import { fileIn, head, isExecutable } from './release-files.ts';
import { type PlainCommand, parseWords } from './words.ts';

/** Node's own options that take the next word as their value. */
const takesValue = /^(-r|--require|--import|--loader|--experimental-loader|-C|--conditions|--env-file)$/;

type Attempt = PlainCommand | { readonly why: string };

/** @param root the package's folder, with its dependencies */
export async function nodeEntry(manifest: Manifest, root: string, node: string, packageName: string) {
  const reasons: string[] = [];
  for (const attempt of [fromStart, fromBin, fromMain]) {
    const found = await attempt(manifest, root, node);
    if ('words' in found) return found;
    reasons.push(found.why);
  }
  throw new SlipwayError(
    'SLIP_ENTRY_MISSING',
    `cannot run ${packageName} with Node: neither scripts.start nor bin nor main of its package.json leads to a ` +
      'program; add one of them, or give a `command:`',
    { details: reasons },
  );
}

/** Whether the file is for Node to run: anything but a program or a script that names another interpreter. */
export async function isNodeScript(file: string): Promise<boolean> {
  if (/^\.[cm]?js$/.test(extname(file))) return true;
  const start = (await head(file, 128)).toString('latin1').split('\n')[0] ?? '';
  if (start.startsWith('#!')) return /\bnode(js)?\b/.test(start);
  return !start.includes('\0') && !start.startsWith('\x7fELF');
}

async function fromStart(manifest: Manifest, root: string, node: string): Promise<Attempt> {
  const { start } = manifest.scripts;
  if (start === undefined) return { why: 'scripts.start is not there' };
  const command = parseWords(start);
  if ('why' in command) return { why: `scripts.start is no plain command: ${command.why}` };
  const [program = '', ...args] = command.words;
  if (/^node(js)?$/.test(program)) {
    const script = args.find((arg, i) => !arg.startsWith('-') && !takesValue.test(args[i - 1] ?? ''));
    if (script !== undefined && (await moduleAt(root, script)) === undefined) {
      return { why: `scripts.start runs ${script}, which is not in the release` };
    }
    return { words: [node, ...args], env: command.env };
  }
  const own = Object.entries(binsOf(manifest)).find(([name]) => name === program)?.[1];
  const file = await programAt(root, [own, program, join('node_modules/.bin', program)]);
  if (file === undefined) return { why: `scripts.start runs ${program}, which is not in the release` };
  return { words: [...(await startOf(file, node)), ...args], env: command.env };
}

async function fromBin(manifest: Manifest, root: string, node: string): Promise<Attempt> {
  const bins = Object.entries(binsOf(manifest));
  const chosen = bins.length === 1 ? bins[0] : bins.find(([name]) => name === shortName(manifest));
  if (!chosen) {
    const names = bins.map(([name]) => name).join(', ');
    return { why: bins.length === 0 ? 'bin is not there' : `bin names several programs, none like itself: ${names}` };
  }
  const file = await programAt(root, [chosen[1]]);
  return file === undefined
    ? { why: `bin names ${chosen[1]}, which is not in the release` }
    : { words: await startOf(file, node), env: {} };
}

async function fromMain(manifest: Manifest, root: string, node: string): Promise<Attempt> {
  for (const main of [manifest.main, 'index.js', 'server.js']) {
    const file = main === undefined ? undefined : await moduleAt(root, main);
    if (file !== undefined) return { words: [node, file], env: {} };
  }
  return { why: `${manifest.main ?? 'main'} is not there, nor is index.js or server.js` };
}

function shortName(manifest: Manifest): string {
  return basename(manifest.name);
}

function binsOf(manifest: Manifest): Readonly<Record<string, string>> {
  return typeof manifest.bin === 'string' ? { [shortName(manifest)]: manifest.bin } : manifest.bin;
}

/** Follows Node's own rules for a path without an extension, as far as they can lead to a script. */
async function moduleAt(root: string, path: string): Promise<string | undefined> {
  for (const suffix of ['', '.js', '.cjs', '.mjs', '/index.js']) {
    const file = await fileIn(root, path + suffix);
    if (file !== undefined) return file;
  }
  return undefined;
}

async function programAt(root: string, paths: readonly (string | undefined)[]): Promise<string | undefined> {
  for (const path of paths) {
    const file = path === undefined ? undefined : await fileIn(root, path);
    if (file !== undefined && ((await isNodeScript(file)) || (await isExecutable(file)))) return file;
  }
  return undefined;
}

async function startOf(file: string, node: string): Promise<readonly string[]> {
  return (await isNodeScript(file)) ? [node, file] : [file];
}
