/** Addresses to listen on. */
import { isIPv4, isIPv6 } from 'node:net';

export interface Address {
  readonly host: string;
  readonly port: number;
}

const hostName = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

/**
 * `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`; a port alone means 127.0.0.1, since listening to the whole network
 * should be asked for in so many words. `undefined` for anything else. Port 0 lets the system choose.
 */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) return undefined;
  const [, v6, other] = match;
  if (v6 !== undefined) return isIPv6(v6) ? { host: v6, port } : undefined;
  if (other === undefined) return { host: '127.0.0.1', port };
  const numeric = /^[\d.]+$/.test(other);
  return (numeric ? isIPv4(other) : hostName.test(other)) ? { host: other, port } : undefined;
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
