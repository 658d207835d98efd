/**
 * Folders for work in progress. Each is named after the process that owns it, so that what a dead one left is told
 * from what is under way, without a lock.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from './refusal.ts';

export interface StagingFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/** Of this process, over all stores. */
const underWay = new Set<string>();

export class Staging {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async open(): Promise<StagingFolder> {
    const name = `${process.pid}.${(await startTime(process.pid)) ?? 0}.${randomBytes(8).toString('hex')}`;
    const path = join(this.#root, name);
    await mkdir(dirname(this.#root), { recursive: true });
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    underWay.add(path);
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      underWay.delete(path);
      throw error;
    }
    const remove = async () => {
      try {
        await removeTree(path);
      } finally {
        underWay.delete(path);
      }
    };
    return { path, remove };
  }

  /** Removes what nobody works on any more. */
  async sweep(): Promise<void> {
    for (const name of await readdirIfThere(this.#root)) {
      const path = join(this.#root, name);
      if (!underWay.has(path) && !(await ownedByAnother(name))) await removeTree(path);
    }
  }
}

export async function readdirIfThere(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

async function ownedByAnother(name: string): Promise<boolean> {
  const [pid, start] = name.split('.').map(Number);
  if (!pid || pid === process.pid) return false;
  return (await startTime(pid)) === start;
}

/** Field 22 of `/proc/PID/stat` (proc(5)): with the pid, it names a process for as long as the host is up. */
async function startTime(pid: number): Promise<number | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return undefined;
  }
}

/** Read-only folders don't stop it. */
async function removeTree(path: string): Promise<void> {
  // A worker whose parent died may still be writing for a moment: hence the retries.
  const options = { recursive: true, force: true, maxRetries: 10 };
  try {
    await rm(path, options);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES' && errnoOf(error) !== 'EPERM') throw error;
    await makeWritable(path);
    await rm(path, options);
  }
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(join(folder, entry.name));
  }
}
