/**
 * Sets of IP addresses, written as addresses and CIDR blocks (RFC 4632; RFC 4291, section 2.3): `10.0.0.0/8`, `::1`,
 * `fd00::/8`. A block of one family has no address of the other; `::ffff:10.0.0.0/104` is the IPv4 block `10.0.0.0/8`.
 */
import { isIP } from 'node:net';
import { type Ip, parseIp } from './ip.ts';

interface Network {
  readonly ip: Ip;
  /** Bits at the end in which its addresses differ. */
  readonly free: number;
}

export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}

/** A lookup costs by the different sizes of the blocks, not by their number. */
export class Networks {
  /** By free bits: what is in front of those. */
  readonly #v4 = new Map<number, Set<number>>();
  readonly #v6 = new Map<bigint, Set<bigint>>();

  /** What {@link isNetwork} doesn't take is in none. */
  constructor(texts: readonly string[]) {
    for (const text of texts) {
      const network = parseNetwork(text);
      if (network) this.#add(network);
    }
  }

  get isEmpty(): boolean {
    return this.#v4.size === 0 && this.#v6.size === 0;
  }

  has(ip: Ip): boolean {
    if (typeof ip === 'number') {
      for (const [free, fronts] of this.#v4) if (fronts.has(Math.floor(ip / 2 ** free))) return true;
    } else {
      for (const [free, fronts] of this.#v6) if (fronts.has(ip >> free)) return true;
    }
    return false;
  }

  #add({ ip, free }: Network): void {
    if (typeof ip === 'number') put(this.#v4, free, Math.floor(ip / 2 ** free));
    else put(this.#v6, BigInt(free), ip >> BigInt(free));
  }
}

function parseNetwork(text: string): Network | undefined {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0 || address.includes('%')) return undefined;
  const bits = family === 4 ? 32 : 128;
  if (prefix === undefined) return { ip, free: 0 };
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) return undefined;
  const free = bits - Number(prefix);
  // A block around the mapped addresses has others too, and those that are mapped are looked up as what they stand for.
  if (family === 6 && typeof ip === 'number' && free > 32) return { ip: (0xffffn << 32n) | BigInt(ip), free };
  return { ip, free };
}

function put<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set.add(value));
}
