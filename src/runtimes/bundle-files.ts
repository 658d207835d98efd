/** The files of a bundle, one by one, and the digest of them all. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../domain/revision.ts';
import type { Bundle } from './contract.ts';

export type BundleFile =
  | { readonly kind: 'file'; readonly from: string; readonly to: string; readonly isExecutable: boolean }
  | { readonly kind: 'link'; readonly target: string; readonly to: string };

/** More than any runtime has; only a folder that was taken for one has. */
const mostFiles = 100_000;

/** In order of `to`. A link that leads out of its folder is followed; one that stays inside is a link in the copy. */
export async function filesOf({ entries, omits, executable, aliases }: Bundle): Promise<readonly BundleFile[]> {
  const files = new Map<string, BundleFile>();
  for (const { from, to } of entries) {
    const root = await realpath(from);
    await collect(root, root, to === '.' ? '' : to, omits, files);
  }
  for (const alias of aliases) {
    const to = join(dirname(executable), alias);
    files.set(to, { kind: 'link', to, target: basename(executable) });
  }
  return [...files.values()].sort((a, b) => (a.to < b.to ? -1 : 1));
}

async function collect(
  from: string,
  root: string,
  to: string,
  omits: Bundle['omits'],
  files: Map<string, BundleFile>,
): Promise<void> {
  if (to !== '' && omits(to)) return;
  if (files.size > mostFiles) throw new Error(`${root} has more than ${mostFiles} files`);
  const look = await lstat(from);
  if (look.isSymbolicLink()) {
    const target = await readlink(from);
    const isInner = !target.startsWith('/') && resolve(dirname(from), target).startsWith(`${root}/`);
    if (isInner) files.set(to, { kind: 'link', to, target });
    // One that leads nowhere is as good as none.
    else if (await stat(from).catch(() => undefined)) {
      const outside = await realpath(from);
      await collect(outside, outside, to, omits, files);
    }
  } else if (look.isDirectory()) {
    for (const name of await readdir(from)) await collect(join(from, name), root, join(to, name), omits, files);
  } else if (look.isFile()) {
    files.set(to, { kind: 'file', from, to, isExecutable: (look.mode & 0o111) !== 0 });
  }
}

/** Of names, content and what may be executed; not of times and owners. */
export async function digestOf(files: readonly BundleFile[], signal: AbortSignal): Promise<Digest> {
  const whole = createHash('sha256');
  for (const file of files) {
    signal.throwIfAborted();
    const content = file.kind === 'file' ? [await contentOf(file.from, signal), file.isExecutable] : [file.target];
    whole.update(`${JSON.stringify([file.kind, file.to, ...content])}\n`);
  }
  return whole.digest('hex');
}

async function contentOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest('hex');
}
