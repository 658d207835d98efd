/**
 * IP addresses as numbers: an IPv4 address is a `number`, an IPv6 address a `bigint`. An IPv4-mapped IPv6 address
 * (RFC 4291, section 2.5.5.2) is the IPv4 address that it stands for, so one address has one number.
 */
import { isIPv4, isIPv6 } from 'node:net';

export type Ip = number | bigint;

const mappedPrefix = 0xffffn;

/** A zone (`fe80::1%eth0`) is left away. `undefined` where it is no address. */
export function parseIp(text: string): Ip | undefined {
  if (isIPv4(text)) return numberOf(text);
  if (!isIPv6(text)) return undefined;
  const zone = text.indexOf('%');
  const value = wordsOf(zone < 0 ? text : text.slice(0, zone)).reduce((sum, word) => (sum << 16n) | BigInt(word), 0n);
  return value >> 32n === mappedPrefix ? Number(value & 0xffff_ffffn) : value;
}

/** The one text for an address (RFC 5952). */
export function formatIp(ip: Ip): string {
  if (typeof ip === 'number') return [24, 16, 8, 0].map(shift => (ip >>> shift) & 255).join('.');
  const words = Array.from({ length: 8 }, (_, index) => Number((ip >> BigInt(112 - 16 * index)) & 0xffffn));
  const { start, length } = longestZeros(words);
  const hex = (some: readonly number[]) => some.map(word => word.toString(16)).join(':');
  return length < 2 ? hex(words) : `${hex(words.slice(0, start))}::${hex(words.slice(start + length))}`;
}

function numberOf(dotted: string): number {
  return dotted.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function wordsOf(text: string): readonly number[] {
  const [front = '', back] = text.split('::');
  const before = wordsIn(front);
  if (back === undefined) return before;
  const after = wordsIn(back);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function wordsIn(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(':').flatMap(part => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const value = numberOf(part);
    return [value >>> 16, value & 0xffff];
  });
}

/** The first of the longest runs of words that are 0. */
function longestZeros(words: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start++) {
    let end = start;
    while (end < words.length && words[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
    start = Math.max(start, end - 1);
  }
  return best;
}
