/**
 * Listening sockets for the texts of `domain/listen.ts`; their addresses are `host:port` or `[v6]:port`. Each stands
 * for exactly what it says: `[::]:80` takes no IPv4 connections, so it can stand beside `0.0.0.0:80`. What is spoken
 * there is nothing to the socket, so one socket can be kept where only the scheme changes.
 */
import { lookup } from 'node:dns/promises';
import { createServer, isIP, isIPv6, type Server, type Socket } from 'node:net';
import { SlipwayError } from '../domain/errors.ts';
import { formatListen, type Listen, parseListen } from '../domain/listen.ts';

/** As the kernel allows it: `net.core.somaxconn` cuts it down. A crash of the worker is waited out in there. */
const backlog = 4096;

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** @throws SlipwayError SLIP_LISTEN_FAILED where it is none */
export function listenOf(text: string): Listen {
  const listen = parseListen(text);
  if (!listen) throw listenFailure(text, 'expected host:port, with http://, https:// or tcp:// in front or without');
  return listen;
}

/** @throws SlipwayError SLIP_LISTEN_FAILED where there is no address in it */
export function parseListenAddress(text: string): ListenAddress {
  const { address } = listenOf(text);
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535) {
    throw listenFailure(text, 'expected host:port with a port of at most 65535, such as 0.0.0.0:8080 or [::1]:8080');
  }
  return { host, port };
}

/** Host names become IP addresses. @throws SlipwayError SLIP_LISTEN_FAILED */
export async function resolveListenAddress(text: string): Promise<ListenAddress> {
  const { host, port } = parseListenAddress(text);
  if (isIP(host)) return { host, port };
  try {
    return { host: (await lookup(host)).address, port };
  } catch (error) {
    throw listenFailure(text, `the host name does not resolve (${codeOf(error)})`, error);
  }
}

/** What `server.listen` must be given. */
function listenOptions(at: ListenAddress) {
  return { host: at.host, port: at.port, backlog, ipv6Only: isIPv6(at.host), exclusive: true };
}

/**
 * Binds all or none. When it resolves, none of the servers has had a chance to accept a connection; it stays so
 * until the caller returns to the event loop.
 * @throws SlipwayError SLIP_LISTEN_FAILED
 */
export async function bindAll(texts: readonly string[]): Promise<readonly Server[]> {
  const resolved = await Promise.all(texts.map(resolveListenAddress));
  const outcomes = await Promise.allSettled(resolved.map((at, index) => bound(createServer(), at, texts[index] ?? '')));
  const servers = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.find(outcome => outcome.status === 'rejected');
  if (failed) {
    for (const server of servers) server.close();
    throw failed.reason;
  }
  return servers;
}

/** Resolves once `server` listens. @throws SlipwayError SLIP_LISTEN_FAILED */
export function bound(server: Server, at: ListenAddress | { readonly fd: number }, text: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const refused = (error: Error) => reject(listenFailure(text, reasonOf(error), error));
    server.once('error', refused);
    server.listen('fd' in at ? { fd: at.fd, backlog } : listenOptions(at), () => {
      server.off('error', refused);
      resolve(server);
    });
  });
}

/** `127.0.0.1:8080`, `https://[::1]:8443`: where it really listens. */
export function boundText(server: Server, listen: Listen): string {
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('the server does not listen on TCP');
  const host = at.family === 'IPv6' ? `[${at.address}]` : at.address;
  return formatListen({ ...listen, address: `${host}:${at.port}` });
}

/** Of a listening server, to hand to a child, or of a connection. */
export function descriptorOf(open: Server | Socket): number {
  const fd = (open as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) throw new Error('it is not open');
  return fd;
}

export function sameAddresses(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && new Set([...one, ...other]).size === new Set(one).size;
}

/**
 * Which sockets stay: for each of `wanted` one of `current` with the same text, or else with the same host and port, as
 * they were asked for or as they are bound.
 * `undefined` where there is none. No socket is given twice.
 */
export function keptOf<T extends { readonly address: string; readonly bound: string }>(
  current: readonly T[],
  wanted: readonly string[],
): readonly (T | undefined)[] {
  const free = new Set(current);
  const take = (fits: (one: T) => boolean) => {
    const found = [...free].find(fits);
    if (found) free.delete(found);
    return found;
  };
  const same = wanted.map(text => take(one => one.address === text));
  return wanted.map((text, index) => {
    const { address } = listenOf(text);
    return (
      same[index] ?? take(one => listenOf(one.address).address === address || listenOf(one.bound).address === address)
    );
  });
}

function listenFailure(text: string, reason: string, cause?: unknown): SlipwayError {
  return new SlipwayError('SLIP_LISTEN_FAILED', `cannot listen on ${text}: ${reason}`, { cause });
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (code === 'EADDRINUSE') return 'another process listens there; stop it or choose another address';
  if (code === 'EACCES') return 'permission denied; choose a port of 1024 or above, or run with CAP_NET_BIND_SERVICE';
  if (code === 'EADDRNOTAVAIL') return 'this host has no such address';
  return (error as Error).message;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
