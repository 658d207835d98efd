/** What is decided about a request before an instance is looked for. */
import type { Body } from '../http1/body.ts';
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
