/** The authority that a request is for (RFC 9110, section 7.2). */
import { isAddress, isDigit, isHostName, octet } from './octets.ts';

const longest = 262;

/** A Host header's value for comparison: lower case, without port and without the dot of a fully qualified name. */
export function normalHost(host: string): string {
  const end = host.startsWith('[') ? host.indexOf(']') + 1 : host.indexOf(':');
  const name = end > 0 ? host.slice(0, end) : host;
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}

/** An authority without user information: a name or address, and perhaps a port. It may be empty. */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > longest) return false;
  let at = start;
  if (bytes[at] === 91 /* [ */ && at < end) {
    at++;
    while (at < end && isAddress[bytes[at] as number] === 1) at++;
    if (at === end || bytes[at] !== 93 /* ] */ || at === start + 1) return false;
    at++;
  } else while (at < end && isHostName[bytes[at] as number] === 1) at++;
  if (at === end) return true;
  if (bytes[at] !== octet.colon || end - at > 6) return false;
  at++;
  while (at < end && isDigit[bytes[at] as number] === 1) at++;
  return at === end;
}
