/** What a request's head says about where it comes from. All of it is in fields that are dropped. */
import type { Told } from '../forwarding.ts';
import { latin1 } from './head.ts';
import { octet } from './octets.ts';
import type { RequestHead } from './request-head.ts';

/** `_` in a name is not taken for `-` here: no proxy that is trusted writes that. */
const names: Readonly<Record<string, keyof Told>> = {
  'x-forwarded-for': 'for',
  'x-forwarded-proto': 'proto',
  'x-forwarded-host': 'host',
  'x-forwarded-port': 'port',
  'x-forwarded-prefix': 'prefix',
  'x-real-ip': 'realIp',
  forwarded: 'forwarded',
};

export function toldBy(bytes: Buffer, { dropped }: RequestHead): Told {
  const told: Told = {};
  for (let index = 0; index < dropped.count; index++) {
    const start = dropped.start(index);
    const colon = bytes.indexOf(octet.colon, start);
    const name = latin1(bytes, start, colon).toLowerCase();
    if (!Object.hasOwn(names, name)) continue;
    const is = names[name] as keyof Told;
    const value = latin1(bytes, colon + 1, dropped.end(index)).trim();
    if (value !== '') told[is] = told[is] === undefined ? value : `${told[is]}, ${value}`;
  }
  return told;
}
