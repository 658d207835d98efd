/**
 * The folders that an instance has for itself: data that stays, temporary files and secrets that don't.
 *
 * - Secrets are kept in memory wherever the host has a file system for that.
 * - What is temporary is gone once the instance's processes are.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, lstat, mkdir, readFile, rm, rmdir, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SlipwayError } from '../domain/errors.ts';
import type { SecretSpec } from '../domain/isolation-spec.ts';
import type { InstanceId } from '../domain/names.ts';
import { homeId } from '../processes/marker.ts';
import type { SandboxUser } from '../processes/sandbox/contract.ts';

/** Linux's, in statfs(2). */
const tmpfsMagic = 0x0102_1994;

export class Quarters {
  readonly #home: string;
  #memory: Promise<string | undefined> | undefined;

  constructor(home: string) {
    this.#home = home;
  }

  dataOf({ service, index }: Pick<InstanceId, 'service' | 'index'>): string {
    return join(this.#home, 'data', service, String(index));
  }

  tmpOf(key: string): string {
    return join(this.#home, 'tmp', key);
  }

  /** Where secrets of all instances are: in memory, or on the disk where there is no such place. */
  async secretsFolder(): Promise<string> {
    this.#memory ??= memoryFolder(homeId(this.#home));
    return join((await this.#memory) ?? join(this.#home, 'run'), 'secrets');
  }

  /** Makes them, for the user that is to have them; by default the daemon's own. */
  async prepare(id: InstanceId, key: string, user: SandboxUser | undefined): Promise<void> {
    const data = this.dataOf(id);
    await mkdir(data, { recursive: true, mode: 0o755 });
    const found = await lstat(data);
    if ((found.mode & 0o7777) !== 0o700) await chmod(data, 0o700);
    if (user && (found.uid !== user.uid || found.gid !== user.gid)) await give(data, user);
    const tmp = this.tmpOf(key);
    const isNew = (await mkdir(tmp, { recursive: true, mode: 0o755 })) !== undefined;
    if (!isNew) {
      await rm(tmp, { recursive: true, force: true });
      await mkdir(tmp, { mode: 0o755 });
    }
    await chmod(tmp, 0o1777);
    if (user) await chown(tmp, user.uid, user.gid);
  }

  /**
   * @returns the folder that they are in; `undefined` where there are none
   * @throws SlipwayError SLIP_CONFIG_UNREADABLE
   */
  async placeSecrets(
    key: string,
    secrets: Readonly<Record<string, SecretSpec>>,
    user: SandboxUser | undefined,
  ): Promise<string | undefined> {
    if (Object.keys(secrets).length === 0) return undefined;
    const folder = join(await this.secretsFolder(), key);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const [name, { file }] of Object.entries(secrets)) {
      const path = join(folder, name);
      await writeFile(path, await readSecret(name, file), { mode: 0o400, flag: 'wx' });
      if (user) await chown(path, user.uid, user.gid);
    }
    if (user) await chown(folder, user.uid, user.gid);
    await chmod(folder, 0o500);
    return folder;
  }

  /** What is temporary. Data stays. */
  async clear(key: string): Promise<void> {
    for (const folder of [this.tmpOf(key), join(await this.secretsFolder(), key)]) {
      if (existsSync(folder)) await rm(folder, { recursive: true, force: true });
    }
  }

  /** Leaves no empty folder in memory behind; where secrets of running instances are, all stays. */
  async close(): Promise<void> {
    const memory = await this.#memory;
    if (memory === undefined) return;
    for (const folder of [join(memory, 'secrets'), memory]) await rmdir(folder).catch(() => {});
  }
}

async function readSecret(name: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new SlipwayError(
      'SLIP_CONFIG_UNREADABLE',
      `cannot read the file of secrets.${name}: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}; ` +
        `check that ${file} exists and that the daemon may read it`,
      { cause: error },
    );
  }
}

/** With all that is in it: it was somebody else's before. */
async function give(folder: string, user: SandboxUser): Promise<void> {
  await promisify(execFile)('chown', ['-R', '-h', `${user.uid}:${user.gid}`, folder]);
}

/** A folder of this home's own in a file system in memory, that nobody else may enter. */
async function memoryFolder(id: string): Promise<string | undefined> {
  const uid = process.getuid?.() ?? 0;
  const own = process.env['XDG_RUNTIME_DIR'];
  for (const place of [uid === 0 ? '/run' : own, '/dev/shm']) {
    if (place === undefined) continue;
    try {
      if ((await statfs(place)).type !== tmpfsMagic) continue;
      const folder = join(place, `slipway-${uid}-${id}`);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const { uid: owner, mode } = await lstat(folder);
      // Anybody may make a folder in /dev/shm.
      if (owner === uid && (mode & 0o77) === 0) return folder;
    } catch {
      // Not there, or not for this user.
    }
  }
  return undefined;
}
