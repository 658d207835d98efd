/**
 * What a trusted proxy says about where a request comes from: `X-Forwarded-*` and `Forwarded` (RFC 7239).
 *
 * - The client is the last address of the chain that is no trusted proxy. What stands before it anyone can have
 *   written. Where an address can't be read, the chain ends at the proxy that told it.
 * - Only what is in the one form that can't be taken for something else is believed.
 */
import { formatIp, type Ip, parseIp } from '../domain/ip.ts';
import type { Networks } from '../domain/networks.ts';
import { isAuthority } from './http1/host.ts';

export type Scheme = 'http' | 'https';

/** Values as they came; those of a repeated field with commas between them. */
export interface Told {
  for?: string;
  proto?: string;
  host?: string;
  port?: string;
  prefix?: string;
  realIp?: string;
  forwarded?: string;
}

/** The router's own knowledge. */
export interface Hop {
  /** Of the trusted proxy. */
  readonly address: string;
  readonly scheme: Scheme;
  /** That the request is for. */
  readonly host: string;
}

export interface Believed {
  /** Of the client. */
  readonly address: string;
  readonly scheme: Scheme;
  readonly host: string;
  /** What proxies have stripped from the path. */
  readonly prefix: string;
  /** Whole lines of a head, with their ends, of all but host and prefix. */
  readonly lines: string;
}

export function believe(told: Told, hop: Hop, proxies: Networks): Believed {
  const elements = told.forwarded === undefined ? undefined : parseForwarded(told.forwarded);
  const chain = told.for ? told.for.split(',') : (elements ?? []).map(element => element.for);
  const { address, from } = clientOf(chain, hop.address, proxies);
  const element = told.for ? undefined : elements?.[from];
  const scheme = schemeOf(told.proto) ?? schemeOf(element?.proto) ?? hop.scheme;
  let lines = `X-Forwarded-For: ${told.for ? `${told.for}, ` : ''}${hop.address}\r\nX-Forwarded-Proto: ${scheme}\r\n`;
  if (told.port !== undefined && isPort(told.port)) lines += `X-Forwarded-Port: ${told.port}\r\n`;
  if (told.realIp !== undefined) lines += `X-Real-IP: ${address}\r\n`;
  if (told.forwarded !== undefined) {
    lines += `Forwarded: ${elements?.length ? `${told.forwarded}, ` : ''}${forwardedElement(hop)}\r\n`;
  }
  const host = hostOf(told.host) ?? hostOf(element?.host) ?? hop.host;
  return { address, scheme, host, prefix: told.prefix && isPrefix(told.prefix) ? told.prefix : '', lines };
}

/** @returns also the place in the chain; -1 for the proxy itself */
function clientOf(chain: readonly (string | undefined)[], peer: string, proxies: Networks) {
  let found = { address: peer, from: -1 };
  for (let from = chain.length - 1; from >= 0; from--) {
    const ip = addressIn(chain[from] ?? '');
    if (ip === undefined) break;
    found = { address: formatIp(ip), from };
    if (!proxies.has(ip)) break;
  }
  return found;
}

/** Some proxies add a port. */
function addressIn(node: string): Ip | undefined {
  const [, v4, v6] = /^(?:([\d.]+)|\[([\da-fA-F:.]+)\])(?::\d{1,5})?$/.exec(node.trim()) ?? [];
  const text = v4 ?? v6 ?? node.trim();
  return text.includes('%') ? undefined : parseIp(text);
}

function schemeOf(text: string | undefined): Scheme | undefined {
  const scheme = text?.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

function hostOf(text: string | undefined): string | undefined {
  if (!text) return undefined;
  const bytes = Buffer.from(text, 'latin1');
  return isAuthority(bytes, 0, bytes.length) ? text : undefined;
}

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;
}

/** Of whole segments, and without what would lead elsewhere in a link. */
function isPrefix(text: string): boolean {
  return /^(?:\/[\w.~!$&'()*+;=:@%-]+)+$/.test(text);
}

interface Element {
  readonly for?: string;
  readonly proto?: string;
  readonly host?: string;
}

const pair = /[ \t]*(?:([!#$%&'*+.^`|~\w-]+)=(?:([!#$%&'*+.^`|~\w-]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*([;,]|$)/y;

/** RFC 7239, section 4. `undefined` where it is not in that form. */
function parseForwarded(text: string): readonly Element[] | undefined {
  const elements: Element[] = [];
  let element = new Map<string, string>();
  for (pair.lastIndex = 0; ; ) {
    const match = pair.exec(text);
    if (!match) return undefined;
    const [, name, token, quoted, end] = match;
    if (name !== undefined) {
      const key = name.toLowerCase();
      if (element.has(key)) return undefined;
      element.set(key, token ?? (quoted ?? '').replace(/\\(.)/g, '$1'));
    }
    if (end === ';') continue;
    if (element.size > 0) elements.push(Object.fromEntries(element));
    element = new Map();
    if (end === '') return elements;
  }
}

function forwardedElement({ address, scheme, host }: Hop): string {
  const node = address.includes(':') ? `"[${address}]"` : address || 'unknown';
  const named = host === '' ? '' : `;host=${/^[\w.-]+$/.test(host) ? host : `"${host}"`}`;
  return `for=${node}${named};proto=${scheme}`;
}
