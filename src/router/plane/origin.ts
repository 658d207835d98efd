/**
 * Where the requests of a connection come from, and what instances are told about that.
 *
 * - Whether the other side is a trusted proxy is decided once, when the connection is made. Of what others say nothing
 *   is believed, and what instances are told is the same for all their requests.
 * - What is told here is of the request that was read last.
 */
import { formatIp, parseIp } from '../../domain/ip.ts';
import type { Networks } from '../../domain/networks.ts';
import { believe, type Scheme } from '../forwarding.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { toldBy } from '../http1/told.ts';
import type { Peer } from './connection.ts';

export class Origin {
  readonly #peer: Peer;
  readonly #proxies: Networks;
  /** What comes from there says where it comes from itself. */
  readonly isTrusted: boolean;
  /** Of the client. */
  address: string;
  /** Absent: there was no TLS on the way from the other side. */
  readonly tlsVersion: string | undefined;
  /** That the client used. */
  scheme: Scheme;
  /** Whole lines of a head, with their ends. */
  lines: string;
  /** That the client asked for; empty: what the request says. */
  host = '';
  /** What was stripped from the path before. */
  prefix = '';

  constructor(peer: Peer, proxies: Networks) {
    const ip = parseIp(peer.address);
    this.#peer = peer;
    this.#proxies = proxies;
    this.isTrusted = ip !== undefined && proxies.has(ip);
    this.address = peer.address;
    this.scheme = peer.scheme;
    this.tlsVersion = peer.tlsVersion;
    this.lines = `X-Forwarded-For: ${peer.address}\r\nX-Forwarded-Proto: ${peer.scheme}\r\n`;
  }

  /** Where {@link isTrusted}, and a request can't be read: it comes from the other side itself. */
  forget(): void {
    this.address = this.#peer.address;
    this.scheme = this.#peer.scheme;
  }

  /** Where {@link isTrusted}: of each request before it is looked at. */
  read(bytes: Buffer, head: RequestHead): void {
    const { address, scheme } = this.#peer;
    const believed = believe(toldBy(bytes, head), { address, scheme, host: head.host }, this.#proxies);
    this.address = believed.address;
    this.scheme = believed.scheme;
    this.lines = believed.lines;
    this.host = believed.host;
    this.prefix = believed.prefix;
  }
}

/** The one text for an address: an IPv4 client on a socket for both is told as what it is. */
export function plainAddress(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(ip);
}
