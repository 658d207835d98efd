/** The command line's own notations. Each parser throws what commander reports as a usage error. */
import { InvalidArgumentError } from 'commander';
import { formatAddress, parseAddress } from '../config/address.ts';
import { longestDuration, parseDuration } from '../config/duration.ts';
import { serviceNamePattern } from '../domain/names.ts';

export interface Target {
  readonly name: string;
  /** One instance; absent for the whole service. */
  readonly index?: number;
}

export function parseName(text: string): string {
  if (serviceNamePattern.test(text)) return text;
  throw new InvalidArgumentError('expected the name of a service: lower-case letters, digits and inner hyphens');
}

/** `greeter` or `greeter/0`. */
export function parseTarget(text: string): Target {
  const [, name = '', index] = /^([^/]*)(?:\/(\d{1,6}))?$/.exec(text) ?? [];
  if (!serviceNamePattern.test(name)) throw new InvalidArgumentError('expected NAME or NAME/INDEX, like greeter/0');
  return index === undefined ? { name } : { name, index: Number(index) };
}

/** `greeter/0`. */
export function parseInstance(text: string): Required<Target> {
  const { name, index } = parseTarget(text);
  if (index !== undefined) return { name, index };
  throw new InvalidArgumentError('expected NAME/INDEX, like greeter/0');
}

/** @returns the address in its usual form; of this host only, since whoever reaches it reaches the instance */
export function parseLoopback(text: string): string {
  const address = parseAddress(text);
  if (address && (address.host === 'localhost' || address.host === '::1' || address.host.startsWith('127.'))) {
    return formatAddress(address);
  }
  throw new InvalidArgumentError(
    'expected a loopback address or a port alone, like 127.0.0.1:9000, [::1]:9000 or 9000',
  );
}

export interface ScaleTarget {
  readonly name: string;
  readonly instances: number;
}

/** `greeter=3`; collects several. */
export function parseScale(text: string, before: readonly ScaleTarget[] = []): readonly ScaleTarget[] {
  const [, name = '', count] = /^([^=]*)=(\d{1,6})$/.exec(text) ?? [];
  if (!serviceNamePattern.test(name)) throw new InvalidArgumentError('expected NAME=NUMBER, like greeter=3');
  if (before.some(target => target.name === name)) throw new InvalidArgumentError(`${name} is given twice`);
  return [...before, { name, instances: Number(count) }];
}

export function parseCount(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a whole number');
}

export function parseRevision(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected the number of a revision, like 3');
}

export function parseDigest(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('expected a SHA-256 digest: 64 hexadecimal digits');
}

/** @returns milliseconds */
export function parseTimeout(text: string): number {
  const duration = parseDuration(text);
  if (duration !== undefined && duration <= longestTimeout) return duration;
  throw new InvalidArgumentError('expected a duration like 90s or 5m, at most 1d');
}

const longestTimeout = Math.min(longestDuration, 86_400_000);
