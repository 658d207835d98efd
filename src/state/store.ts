import { unlinkSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import { instanceKey, parseInstanceKey, serviceNamePattern } from '../domain/names.ts';
import type { ServiceRecord } from '../domain/service.ts';
import { syncFolder } from './atomic-file.ts';
import type { AppliedConfig, InstanceRecord, StateStore } from './contract.ts';
import { DocumentKind } from './document.ts';
import { configMigrations, serviceMigrations } from './migrations.ts';

const serviceKind = new DocumentKind<ServiceRecord>('service', serviceMigrations);
const instanceKind = new DocumentKind<InstanceRecord>('instance');
const usersKind = new DocumentKind<Readonly<Record<string, number>>>('users');
const configKind = new DocumentKind<AppliedConfig>('config', configMigrations);

/** Opens the state under a home, making its folders. What a crash left half written is removed. */
export async function openStateStore(home: string): Promise<StateStore> {
  const folders = { services: join(home, 'services'), instances: join(home, 'instances') };
  for (const folder of Object.values(folders)) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeHalfWritten(folder);
  }
  const servicePath = (name: string) => join(folders.services, `${name}.json`);
  const instancePath = (key: string) => join(folders.instances, `${key}.json`);
  const configPath = join(home, 'config.json');
  const usersPath = join(home, 'users.json');
  const queue = new Map<string, Promise<void>>();

  /** One after the other for each name, so that the last call wins on disk too. */
  function inOrder(name: string, write: () => Promise<void>): Promise<void> {
    const before = queue.get(name) ?? Promise.resolve();
    const mine = before.catch(() => {}).then(write);
    queue.set(name, mine);
    const forget = () => {
      if (queue.get(name) === mine) queue.delete(name);
    };
    mine.then(forget, forget);
    return mine;
  }

  return {
    services: async () => {
      const names = (await documentsIn(folders.services)).filter(name => serviceNamePattern.test(name));
      const records = await Promise.all(names.map(name => serviceKind.read(servicePath(name))));
      for (const [at, record] of records.entries()) requireName(record, names[at]);
      return records.filter(record => record !== undefined);
    },
    saveService: record => inOrder(record.name, () => serviceKind.write(servicePath(record.name), record)),
    removeService: name =>
      inOrder(name, async () => {
        await rm(servicePath(name), { force: true });
        await syncFolder(folders.services);
      }),
    instances: async () => {
      const keys = (await documentsIn(folders.instances)).filter(key => parseInstanceKey(key) !== undefined);
      const records = await Promise.all(keys.map(key => readOrForget(instancePath(key), key)));
      return records.filter(record => record !== undefined);
    },
    saveInstance: record => instanceKind.overwrite(instancePath(instanceKey(record.id)), record),
    removeInstance: id => {
      try {
        unlinkSync(instancePath(instanceKey(id)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    },
    users: async () => (await usersKind.read(usersPath)) ?? {},
    saveUsers: users => inOrder('', () => usersKind.write(usersPath, users)),
    config: () => configKind.read(configPath),
    saveConfig: config => configKind.write(configPath, config),
  };
}

/**
 * A power cut can leave an instance's record empty, since it isn't synced. Nothing is lost with it: no process
 * survived that cut, and one that is alive without a record is found by its trace.
 */
async function readOrForget(path: string, key: string): Promise<InstanceRecord | undefined> {
  try {
    const record = await instanceKind.read(path);
    if (record !== undefined && (record.id === undefined || instanceKey(record.id) !== key)) throw misplaced(path);
    return record;
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== 'SLIP_STATE_CORRUPT') throw error;
    await rm(path, { force: true });
    return undefined;
  }
}

/** A copy under another name would be two services of one name. */
function requireName(record: ServiceRecord | undefined, name: string | undefined): void {
  if (record !== undefined && record.name !== name) throw misplaced(`services/${name}.json`);
}

function misplaced(path: string): SlipwayError {
  const expected = 'expected the document that its name says; restore it from a backup or remove it';
  return new SlipwayError('SLIP_STATE_CORRUPT', `cannot read ${path}: ${expected}`);
}

async function documentsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter(name => name.endsWith('.json')).map(name => name.slice(0, -'.json'.length));
}

async function removeHalfWritten(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith('.new')) await rm(join(folder, name), { force: true });
  }
}
