/**
 * How far an instance is kept from others: decided by what its service asks for and what this host can do.
 *
 * - A level that was asked for is given, or the instance is not started. Only where nothing was asked for may there be
 *   less than `standard`, and then it is said why.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import type { IsolationLevel, IsolationSpec } from '../domain/isolation-spec.ts';
import type { InstanceId } from '../domain/names.ts';
import type { Place } from '../domain/place.ts';
import type { Revision } from '../domain/revision.ts';
import type { Sandbox, SandboxSupport } from '../processes/sandbox/contract.ts';
import { isKnownArchitecture, seccompFilter } from '../processes/sandbox/seccomp.ts';
import { exposureOf } from './exposure.ts';
import { Quarters } from './quarters.ts';
import { namedUser, type Users } from './users.ts';

export interface Level {
  readonly level: IsolationLevel;
  /** Why it isn't more, where nothing was asked for. */
  readonly why?: string;
}

export interface Housing {
  readonly sandbox?: Sandbox;
  /** Variables that tell the instance where its folders are. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Tenant {
  readonly id: InstanceId;
  readonly key: string;
  readonly revision: Revision;
  /** Absent: it listens nowhere. */
  readonly place: Place | undefined;
}

export class Isolation {
  readonly #home: string;
  readonly #support: SandboxSupport;
  readonly #users: Users;
  readonly #quarters: Quarters;
  #isReady = false;
  /** Lists of users and groups, by name, as this daemon left them. */
  readonly #written = new Map<string, string>();

  constructor(home: string, support: SandboxSupport, users: Users) {
    this.#home = home;
    this.#support = support;
    this.#users = users;
    this.#quarters = new Quarters(home);
  }

  get support(): SandboxSupport {
    return this.#support;
  }

  close(): Promise<void> {
    return this.#quarters.close();
  }

  /** What an instance is given where its service asks for this. */
  levelOf({ level }: Pick<IsolationSpec, 'level'>): Level {
    if (level !== undefined) return { level };
    const { standard } = this.#support;
    return standard === true ? { level: 'standard' } : { level: 'none', why: standard };
  }

  /** @throws SlipwayError SLIP_ISOLATION_UNAVAILABLE, SLIP_CONFIG_UNREADABLE */
  async house(tenant: Tenant): Promise<Housing> {
    const { id, key, revision } = tenant;
    const { isolation, secrets } = revision.spec;
    const { level } = this.levelOf(isolation);
    const sandbox = level === 'none' ? undefined : await this.#sandbox(level, tenant);
    await this.#quarters.prepare(id, key, sandbox?.user);
    const folder = await this.#quarters.placeSecrets(key, secrets, sandbox?.user);
    const inside = this.#secretsInside(key);
    const view = folder === undefined ? [] : [{ path: inside, from: folder, writable: false }];
    return {
      ...(sandbox && { sandbox: { ...sandbox, visible: [...sandbox.visible, ...view] } }),
      env: this.#environment(id, sandbox, folder && (sandbox ? inside : folder)),
    };
  }

  /** Of an instance that runs already. */
  async environmentOf({ id, key, revision }: Tenant): Promise<Readonly<Record<string, string>>> {
    const { isolation, secrets } = revision.spec;
    const isSandboxed = this.levelOf(isolation).level !== 'none';
    const user = isSandboxed ? { user: await this.#userOf(id.service, isolation) } : undefined;
    const outside = join(await this.#quarters.secretsFolder(), key);
    const folder = isSandboxed ? this.#secretsInside(key) : outside;
    return this.#environment(id, user, Object.keys(secrets).length > 0 ? folder : undefined);
  }

  /** Once nothing of it runs any more. */
  async clear(key: string): Promise<void> {
    await this.#quarters.clear(key);
    for (const file of [`${key}.mounts`, `${key}.report`].map(name => this.#file(name))) {
      if (existsSync(file)) await unlink(file);
    }
  }

  async #sandbox(level: 'standard' | 'strict', { id, key, revision, place }: Tenant): Promise<Sandbox> {
    const able = this.#support[level];
    if (able !== true) {
      throw new SlipwayError('SLIP_ISOLATION_UNAVAILABLE', `cannot isolate at level ${level}: ${able}`);
    }
    const { isolation } = revision.spec;
    const user = await this.#userOf(id.service, isolation);
    const exposed = exposureOf([revision.runtime.path, revision.launch.argv[0] ?? ''].filter(Boolean));
    const data = this.#quarters.dataOf(id);
    const tmp = this.#quarters.tmpOf(key);
    const release = join(this.#home, 'releases', revision.release);
    const { pinned } = revision.runtime;
    const runtime = pinned === undefined ? [] : [{ path: join(this.#home, 'runtimes', pinned), writable: false }];
    const secretsHome = dirname(await this.#quarters.secretsFolder());
    await this.#writeCommonFiles();
    return {
      level,
      user,
      capabilities: isolation.capabilities,
      umask: isolation.umask,
      network: isolation.network,
      hidden: [this.#home, secretsHome, ...exposed.hidden],
      visible: [
        { path: release, writable: false },
        ...runtime,
        { path: data, writable: true },
        ...(place?.socket === undefined ? [] : [{ path: dirname(place.socket), writable: true }]),
        ...exposed.visible,
        ...isolation.writable.map(path => ({ path, writable: true })),
      ],
      replaced: [
        { path: '/tmp', by: tmp, writable: true },
        { path: '/var/tmp', by: tmp, writable: true },
        { path: '/etc/passwd', by: this.#file('passwd'), writable: false },
        { path: '/etc/group', by: this.#file('group'), writable: false },
      ],
      root: this.#file('root'),
      mountList: this.#file(`${key}.mounts`),
      report: this.#file(`${key}.report`),
      filter: this.#file('filter'),
    };
  }

  #userOf(service: string, { user }: IsolationSpec) {
    return user === undefined ? this.#users.ownOf(service) : namedUser(user);
  }

  /** The same name at each launch, whatever the host has for it. */
  #secretsInside(key: string): string {
    return join(this.#home, 'secrets', key);
  }

  #environment(
    id: InstanceId,
    sandbox: Pick<Sandbox, 'user'> | undefined,
    secrets: string | undefined,
  ): Readonly<Record<string, string>> {
    const data = this.#quarters.dataOf(id);
    return {
      SLIPWAY_DATA: data,
      ...(secrets === undefined ? {} : { SLIPWAY_SECRETS: secrets }),
      ...(sandbox && { HOME: data, USER: sandbox.user.name, LOGNAME: sandbox.user.name }),
    };
  }

  /** What all instances see in place of the host's: written anew where that, or the users, have changed. */
  async #writeCommonFiles(): Promise<void> {
    if (!this.#isReady) await this.#makeFolder();
    const { passwd, group } = await this.#users.entries();
    for (const [name, own] of Object.entries({ passwd, group })) {
      const content = readFileSync(`/etc/${name}`, 'utf8') + own;
      if (this.#written.get(name) === content) continue;
      await replace(this.#file(name), Buffer.from(content));
      this.#written.set(name, content);
    }
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#file('root'), { recursive: true, mode: 0o755 });
    if (isKnownArchitecture(process.arch)) await replace(this.#file('filter'), seccompFilter(process.arch));
    this.#isReady = true;
  }

  #file(name: string): string {
    return join(this.#home, 'run', 'sandbox', name);
  }
}

/** In place: instances that run have these files mounted. */
async function replace(path: string, content: Buffer): Promise<void> {
  const before = await readFile(path).catch(() => undefined);
  if (before?.equals(content)) return;
  await writeFile(path, content, { mode: 0o644 });
}
