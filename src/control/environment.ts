/**
 * The environment of an instance, made from nothing: what the daemon itself was given does not leak in. Later
 * layers win: host basics, its own folders, the runtime's needs, the service's `env`, then who the instance is.
 */
import { readFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { SlipwayError } from '../domain/errors.ts';
import type { InstanceId } from '../domain/names.ts';
import { type Place, placeholdersOf } from '../domain/place.ts';
import { expandPlaceholdersInEnv } from '../domain/placeholders.ts';
import type { Revision } from '../domain/revision.ts';
import type { EnvValue } from '../domain/spec.ts';

/** @throws SlipwayError SLIP_CONFIG_UNREADABLE when a secret's file can't be read */
export async function environmentOf(
  id: InstanceId,
  revision: Revision,
  place: Place | undefined,
  housing: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const { spec, launch } = revision;
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(spec.env)) given[name] = await readValue(name, value);
  return {
    ...hostBasics(),
    ...housing,
    ...expandPlaceholdersInEnv(launch.env, placeholdersOf(place)),
    ...given,
    ...(spec.port === false || place?.port === undefined ? {} : { [spec.port.env]: String(place.port) }),
    ...(spec.socket === false || place?.socket === undefined ? {} : { [spec.socket.env]: place.socket }),
    SLIPWAY_SERVICE: id.service,
    SLIPWAY_INSTANCE: String(id.index),
    SLIPWAY_REVISION: String(id.revision),
  };
}

function hostBasics(): Record<string, string> {
  const { username } = userInfo();
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: homedir(),
    USER: username,
    LOGNAME: username,
    LANG: 'C.UTF-8',
    ...(process.env['TZ'] === undefined ? {} : { TZ: process.env['TZ'] }),
  };
}

/** One line break at the end of a secret's file is the editor's, not the secret's. */
async function readValue(name: string, value: EnvValue): Promise<string> {
  if (value.kind !== 'file') return value.value;
  try {
    return (await readFile(value.path, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new SlipwayError(
      'SLIP_CONFIG_UNREADABLE',
      `cannot read the file of env.${name}: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}; ` +
        `check that ${value.path} exists and that the daemon may read it`,
      { cause: error },
    );
  }
}
