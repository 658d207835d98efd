/**
 * Copies of runtimes, by the digest of what was copied: what runs on one runs on the very same for as long as there is
 * a revision of it, whatever becomes of the host's.
 *
 * - `runtimes/<digest>` is there whole, durable and tried out, or not at all: it is made beside, and renamed.
 * - Nothing in it changes after that, and everybody may read it, since instances run as users of their own.
 * - Whatever fails or is killed leaves at worst a folder that the next `collect` removes.
 */
import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, open, readdir, rename, rm, stat, symlink, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import type { Digest } from '../domain/revision.ts';
import { type BundleFile, digestOf, filesOf } from './bundle-files.ts';
import { runChild } from './child.ts';
import type { Bundle, Installed, Runtime } from './contract.ts';
import { identityOf } from './identity.ts';
import { librariesOf } from './shared-libraries.ts';
import { SharedWork } from './shared-work.ts';
import { syncTree } from './sync-tree.ts';

export interface Pinned {
  readonly digest: Digest;
  readonly installed: Installed;
  /** What an instance needs in its environment to run on it. */
  readonly env: Readonly<Record<string, string>>;
}

const digestPattern = /^[0-9a-f]{64}$/;
/** Of the copy; for what the executable is linked to beyond its own folders. */
const librariesFolder = 'libraries';
/** A proof starts the executable once; in ms. */
const proofLimit = 60_000;

export class PinnedStore {
  readonly #root: string;
  readonly #shared = new SharedWork<Pinned>();
  /** By what a host's runtime looks like: none is read twice. */
  readonly #known = new Map<string, Digest>();

  /** @param root absolute; made when needed */
  constructor(root: string) {
    this.#root = root;
  }

  /** @throws SlipwayError SLIP_RUNTIME_UNPINNABLE, SLIP_DISK_FULL */
  async pin(runtime: Runtime, installed: Installed, signal: AbortSignal | undefined): Promise<Pinned> {
    return this.#shared.join(installed.path, signal, async own => {
      try {
        return await this.#pin(runtime, installed, own);
      } catch (error) {
        own.throwIfAborted();
        if (error instanceof SlipwayError) throw error;
        const { code, message } = error as NodeJS.ErrnoException;
        const why = code === 'ENOSPC' ? `the disk of ${this.#root} is full` : message;
        throw new SlipwayError(
          code === 'ENOSPC' ? 'SLIP_DISK_FULL' : 'SLIP_RUNTIME_UNPINNABLE',
          `cannot pin ${installed.path}: ${why}`,
          { cause: error },
        );
      }
    });
  }

  async collect(keep: ReadonlySet<Digest>): Promise<void> {
    for (const name of await readdir(this.#root).catch(() => [])) {
      if (!keep.has(name)) await removeTree(join(this.#root, name));
    }
  }

  async #pin(runtime: Runtime, installed: Installed, signal: AbortSignal): Promise<Pinned> {
    const bundle = await runtime.bundle(installed);
    const look = `${installed.path} ${await identityOf(runtime.parts(installed.path))}`;
    const known = this.#known.get(look);
    if (known !== undefined && (await this.#has(known))) return this.#pinned(known, bundle, installed);
    const files = await withLibraries(installed.path, await filesOf(bundle), signal);
    const digest = await digestOf(files, signal);
    if (!(await this.#has(digest))) await this.#copy(digest, files, bundle, signal);
    this.#known.set(look, digest);
    return this.#pinned(digest, bundle, installed);
  }

  async #pinned(digest: Digest, { executable }: Bundle, installed: Installed): Promise<Pinned> {
    const folder = join(this.#root, digest);
    const path = join(folder, executable);
    return { digest, installed: { ...installed, path, origin: installed.path }, env: await loaderEnvironment(folder) };
  }

  async #has(digest: Digest): Promise<boolean> {
    return digestPattern.test(digest) && (await isFolder(join(this.#root, digest)));
  }

  async #copy(digest: Digest, files: readonly BundleFile[], bundle: Bundle, signal: AbortSignal): Promise<void> {
    await mkdir(this.#root, { recursive: true });
    await chmod(this.#root, 0o755);
    const work = join(this.#root, `try-${randomBytes(8).toString('hex')}`);
    try {
      await copyFiles(files, work, signal);
      await prove(work, files, bundle, signal);
      await syncTree(work, signal);
      signal.throwIfAborted();
      await rename(work, join(this.#root, digest));
      await syncFolder(this.#root);
    } catch (error) {
      await removeTree(work).catch(() => {});
      throw error;
    }
  }
}

/** @throws SlipwayError SLIP_RUNTIME_UNPINNABLE */
async function withLibraries(
  executable: string,
  files: readonly BundleFile[],
  signal: AbortSignal,
): Promise<readonly BundleFile[]> {
  const own = files.flatMap(file => (file.kind === 'file' ? [file.from] : []));
  const libraries = await librariesOf(own, undefined, signal);
  if (libraries === undefined) throw unpinnable(executable, '`ldd` does not tell what it is linked to');
  const known = new Set(own);
  const more = [...libraries].filter(library => !known.has(library)).sort();
  return [
    ...files,
    ...more.map(from => ({
      kind: 'file' as const,
      from,
      to: join(librariesFolder, basename(from)),
      isExecutable: false,
    })),
  ];
}

async function copyFiles(files: readonly BundleFile[], folder: string, signal: AbortSignal): Promise<void> {
  const folders = new Set([folder]);
  for (const file of files) {
    signal.throwIfAborted();
    const path = join(folder, file.to);
    for (let at = dirname(path); at.startsWith(`${folder}/`); at = dirname(at)) folders.add(at);
    await mkdir(dirname(path), { recursive: true });
    if (file.kind === 'link') {
      await symlink(file.target, path);
      continue;
    }
    await copyFile(file.from, path);
    await chmod(path, file.isExecutable ? 0o555 : 0o444);
    // Python takes what it compiled for stale where the source has another time.
    const { atime, mtime } = await stat(file.from);
    await utimes(path, atime, mtime);
  }
  for (const one of folders) await chmod(one, 0o555);
}

/** Runs it where it is, and looks where everything comes from. @throws SlipwayError SLIP_RUNTIME_UNPINNABLE */
async function prove(folder: string, files: readonly BundleFile[], bundle: Bundle, signal: AbortSignal): Promise<void> {
  const { executable, proof } = bundle;
  const path = join(folder, executable);
  const env = await loaderEnvironment(folder);
  const argv = [path, ...proof.ask];
  const limited = AbortSignal.any([signal, AbortSignal.timeout(proofLimit)]);
  const { code, output } = await runChild({ argv, cwd: '/', env, signal: limited });
  const copied = files.flatMap(file => (file.kind === 'file' ? [join(folder, file.to)] : []));
  const libraries = await librariesOf(copied, env['LD_LIBRARY_PATH'], signal);
  const from = bundle.entries[0]?.from ?? path;
  if (code !== 0) throw unpinnable(from, `its copy does not run: ${output.trim().split('\n').at(-1) ?? ''}`);
  const outside = [...proof.read(output), ...(libraries ?? ['?'])].filter(one => !one.startsWith(`${folder}/`));
  const strange = outside.find(one => one !== folder);
  if (strange !== undefined) throw unpinnable(from, `its copy would still use ${strange}`);
}

async function loaderEnvironment(folder: string): Promise<Readonly<Record<string, string>>> {
  const libraries = join(folder, librariesFolder);
  return (await isFolder(libraries)) ? { LD_LIBRARY_PATH: libraries } : {};
}

function unpinnable(path: string, why: string): SlipwayError {
  return new SlipwayError(
    'SLIP_RUNTIME_UNPINNABLE',
    `cannot pin ${path}: ${why}; name another installation under \`runtimes:\`, or leave out pinRuntime`,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    () => false,
  );
}

/** Read-only folders don't stop it. */
async function removeTree(path: string): Promise<void> {
  await makeWritable(path);
  await rm(path, { recursive: true, force: true });
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o700).catch(() => {});
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}
