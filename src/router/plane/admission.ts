/** What is decided about a request before an instance is looked for. */
import type { HashKey } from '../../domain/traffic-spec.ts';
import { hashOf } from '../balancer/hash.ts';
import { noKey } from '../balancer/policy.ts';
import type { Body } from '../http1/body.ts';
import { fieldValue } from '../http1/field-value.ts';
import { isTraced } from '../http1/forwarded-request.ts';
import type { RequestHead } from '../http1/request-head.ts';

/** RFC 9110, section 7.6.2. */
export function mayGoOn({ maxForwards, method }: RequestHead): boolean {
  return maxForwards !== 0 || !isTraced(method);
}

/**
 * Whether an upgrade is passed on. HTTP/2 over cleartext can't be: its streams could not be balanced, and RFC 9113 has
 * withdrawn this way to it. Nor can one with a body, which would have to be framed and tunnelled at once. A server may
 * ignore the wish (RFC 9110, section 7.8).
 */
export function canUpgrade(head: RequestHead, body: Body): boolean {
  if (head.upgrade === '' || body.kind === 'chunked' || head.framing.length > 0) return false;
  return !head.upgrade.split(',').some(name => name.trim().toLowerCase() === 'h2c');
}

export function stripped(path: string, prefix: string): string {
  if (!prefix) return path;
  const rest = path.slice(prefix.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** What a client is known by to a service whose requests go by that; {@link noKey} where it doesn't say. */
export function hashed(by: HashKey, bytes: Buffer, head: RequestHead, address: string): number {
  if (by.kind === 'source') return hashOf(address);
  const value = fieldValue(bytes, head, by.kind === 'header' ? by.name : 'cookie');
  const text = by.kind === 'header' ? value : value && cookieNamed(value, by.name);
  return text ? hashOf(text) : noKey;
}

/** RFC 6265, section 5.4. */
function cookieNamed(list: string, name: string): string | undefined {
  for (const pair of list.split(/[;,]/)) {
    const end = pair.indexOf('=');
    if (end > 0 && pair.slice(0, end).trim() === name) return pair.slice(end + 1).trim();
  }
  return undefined;
}
