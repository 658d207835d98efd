/**
 * The releases of one home.
 *
 * Invariants:
 * - `releases/<digest>` is there whole and durable, or not at all: it is made in `staging/`, synced, renamed;
 * - nothing below `releases/<digest>/tree` changes after that; only `prepared/` beside it does;
 * - whatever fails or is killed leaves at worst a folder in `staging/`, which the next `collect` removes.
 */
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import type { Digest, Release } from '../domain/revision.ts';
import type { PackageSource, UnpackLimits } from '../domain/spec.ts';
import type { ReleaseStore, Upload } from './contract.ts';
import { digestOf, type Staged, stageFile, stageStream, stageUrl } from './intake.ts';
import { packageNameOf, safePackageName } from './package-name.ts';
import { runJob } from './package-process.ts';
import { asRefusal, errnoOf, Refusal } from './refusal.ts';
import { readRelease } from './release-record.ts';
import { readdirIfThere, Staging } from './staging.ts';

const digestPattern = /^[0-9a-f]{64}$/;
const keyPattern = /^[A-Za-z0-9][A-Za-z0-9._+@-]{0,127}$/;

/** @param home absolute; its `releases/` and `staging/` are made when needed */
export function createReleaseStore(home: string): ReleaseStore {
  return new FolderReleaseStore(home);
}

class FolderReleaseStore implements ReleaseStore {
  readonly #home: string;
  readonly #releases: string;
  readonly #staging: Staging;

  constructor(home: string) {
    this.#home = home;
    this.#releases = join(home, 'releases');
    this.#staging = new Staging(join(home, 'staging'));
  }

  async ingest(source: PackageSource, limits: UnpackLimits, signal?: AbortSignal): Promise<Release> {
    const name = packageNameOf(source);
    return await explained(`cannot take package ${name}`, signal, async () => {
      if (source.kind === 'url') {
        const known = await this.find(source.sha256.toLowerCase());
        if (known) return known;
      }
      return await this.#inStaging(async folder => {
        const file = join(folder, 'package');
        const { digest } = await stage(source, file, limits, signal);
        const known = await this.find(digest);
        if (known) return known;
        const release = join(folder, 'release');
        await runJob({ kind: 'unpack', file, name, release, limits }, signal);
        return await this.#publish(release, digest);
      });
    });
  }

  async receive(name: string, body: AsyncIterable<Uint8Array>, limits: UnpackLimits): Promise<Upload> {
    const safeName = safePackageName(name);
    return await explained(`cannot receive package ${safeName}`, undefined, async () => {
      const folder = await this.#staging.open();
      try {
        const path = join(folder.path, safeName);
        await stageStream(body, path, limits.totalSize);
        return { path, discard: () => folder.remove() };
      } catch (error) {
        await folder.remove();
        throw error;
      }
    });
  }

  async find(digest: Digest): Promise<Release | undefined> {
    return digestPattern.test(digest) ? await readRelease(join(this.#releases, digest), digest) : undefined;
  }

  async list(): Promise<readonly Release[]> {
    const found = await Promise.all((await this.#digests()).map(digest => this.find(digest)));
    return found.filter(release => release !== undefined);
  }

  async collect(keep: ReadonlySet<Digest>): Promise<readonly Digest[]> {
    const removed: Digest[] = [];
    for (const digest of await this.#digests()) {
      if (!keep.has(digest) && (await this.#remove(digest))) removed.push(digest);
    }
    await this.#staging.sweep();
    return removed;
  }

  preparedDir(digest: Digest, key: string): string {
    if (!digestPattern.test(digest)) throw new TypeError(`no digest: ${digest}`);
    if (!keyPattern.test(key)) throw new TypeError(`not to be used as a folder's name: ${key}`);
    return join(this.#releases, digest, 'prepared', key);
  }

  async #digests(): Promise<readonly Digest[]> {
    return (await readdirIfThere(this.#releases)).filter(name => digestPattern.test(name)).sort();
  }

  /** `false`: another one was faster. */
  async #remove(digest: Digest): Promise<boolean> {
    return await this.#inStaging(async folder => {
      try {
        await rename(join(this.#releases, digest), join(folder, 'release'));
        return true;
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return false;
        throw error;
      }
    });
  }

  async #publish(release: string, digest: Digest): Promise<Release> {
    const place = join(this.#releases, digest);
    await mkdir(this.#releases, { recursive: true, mode: 0o755 });
    try {
      await rename(release, place);
    } catch (error) {
      // The same package was taken twice at a time, and the other one won.
      if (errnoOf(error) !== 'ENOTEMPTY' && errnoOf(error) !== 'EEXIST') throw error;
    }
    await syncFolder(this.#releases);
    await syncFolder(this.#home);
    const published = await this.find(digest);
    if (!published) throw new Refusal('SLIP_UNPACK_FAILED', 'it was collected as soon as it was there');
    return published;
  }

  async #inStaging<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = await this.#staging.open();
    try {
      return await work(folder.path);
    } finally {
      await folder.remove();
    }
  }
}

async function stage(source: PackageSource, file: string, limits: UnpackLimits, signal?: AbortSignal): Promise<Staged> {
  if (source.kind === 'url') {
    const staged = await stageUrl(source.url, file, limits.totalSize, signal);
    if (staged.digest === source.sha256.toLowerCase()) return staged;
    throw new Refusal('SLIP_PACKAGE_DIGEST', `its SHA-256 is ${staged.digest}, expected ${source.sha256}`);
  }
  const isFolder = await stat(source.path).then(
    status => status.isDirectory(),
    () => false,
  );
  if (!isFolder) return await stageFile(source.path, file, limits.totalSize, signal);
  const packed = `${file}.tar`;
  await runJob({ kind: 'pack', directory: source.path, out: packed, limits }, signal);
  await rename(packed, file);
  return { digest: await digestOf(file), size: (await stat(file)).size };
}

/** Whatever goes wrong comes out under a stable code and says what could not be done. */
async function explained<T>(cannot: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof SlipwayError) throw error;
    const { code, message } = asRefusal(error);
    throw new SlipwayError(code, `${cannot}: ${message}`, { cause: error });
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
