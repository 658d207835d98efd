/**
 * Users of the host that belong to one service alone, by number: there is no entry for them in the host's own list, and
 * no other program has them.
 *
 * - A number that a service got stays its own for good, since files belong to it.
 * - Two homes on one host have numbers apart.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SlipwayError } from '../domain/errors.ts';
import { homeId } from '../processes/marker.ts';
import type { SandboxUser } from '../processes/sandbox/contract.ts';
import type { StateStore } from '../state/contract.ts';

/** Above what distributions, systemd and container engines give out, and below 2 ** 31, where some programs end. */
const first = 1_900_000_000;
const perHome = 10_000;
const homes = 16_384;

export class Users {
  readonly #store: Pick<StateStore, 'users' | 'saveUsers'>;
  readonly #first: number;
  #given: Promise<Record<string, number>> | undefined;

  constructor(store: Pick<StateStore, 'users' | 'saveUsers'>, home: string) {
    this.#store = store;
    this.#first = first + (Number.parseInt(homeId(home), 16) % homes) * perHome;
  }

  /** Durable once resolved. */
  async ownOf(service: string): Promise<SandboxUser> {
    this.#given ??= this.#store.users().then(users => ({ ...users }));
    const given = await this.#given;
    if (given[service] === undefined) {
      const taken = new Set(Object.values(given));
      let uid = this.#first;
      while (taken.has(uid)) uid++;
      given[service] = uid;
      await this.#store.saveUsers({ ...given });
    }
    const uid = given[service] as number;
    return { name: `slipway-${service}`.slice(0, 32), uid, gid: uid };
  }

  /** All that were given, as lines for passwd(5) and group(5). */
  async entries(): Promise<{ readonly passwd: string; readonly group: string }> {
    const given = Object.entries((await this.#given) ?? {});
    const lines = (line: (name: string, id: number) => string) =>
      given.map(([service, id]) => `${line(`slipway-${service}`.slice(0, 32), id)}\n`).join('');
    return {
      passwd: lines((name, id) => `${name}:x:${id}:${id}:Slipway service:/nonexistent:/usr/sbin/nologin`),
      group: lines((name, id) => `${name}:x:${id}:`),
    };
  }
}

/** @throws SlipwayError SLIP_ISOLATION_UNAVAILABLE where the host has no such user */
export async function namedUser(name: string): Promise<SandboxUser> {
  try {
    const { stdout } = await promisify(execFile)('getent', ['passwd', name]);
    const [, , uid = '', gid = ''] = stdout.trim().split(':');
    if (/^\d+$/.test(uid) && /^\d+$/.test(gid)) return { name, uid: Number(uid), gid: Number(gid) };
  } catch {
    // Said below.
  }
  throw new SlipwayError('SLIP_ISOLATION_UNAVAILABLE', `cannot run as the user ${name}: this host has no such user`);
}
