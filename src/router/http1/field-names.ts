/** The fields that the router itself reads, replaces or drops. Names are compared without regard to case. */
import { lower } from './octets.ts';

export const field = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  /** Concerns one connection only (RFC 9110, section 7.6.1), and nothing is to be read from it. */
  hop: 5,
  keepAlive: 6,
  te: 7,
  upgrade: 8,
  trailer: 9,
  expect: 10,
  maxForwards: 11,
  requestId: 12,
  /** Says where a request comes from: what a client claims there is not believed. */
  origin: 13,
  date: 14,
  contentType: 15,
  traceparent: 16,
  tracestate: 17,
} as const;

export type Field = (typeof field)[keyof typeof field];

const names: Readonly<Record<string, Field>> = {
  host: field.host,
  'content-length': field.contentLength,
  'transfer-encoding': field.transferEncoding,
  connection: field.connection,
  'keep-alive': field.keepAlive,
  'proxy-connection': field.hop,
  'proxy-authenticate': field.hop,
  'proxy-authorization': field.hop,
  te: field.te,
  upgrade: field.upgrade,
  trailer: field.trailer,
  expect: field.expect,
  'max-forwards': field.maxForwards,
  'x-request-id': field.requestId,
  'x-real-ip': field.origin,
  forwarded: field.origin,
  date: field.date,
  'content-type': field.contentType,
  traceparent: field.traceparent,
  tracestate: field.tracestate,
};

interface Known {
  readonly name: Buffer;
  readonly field: Field;
}

const byLength: Known[][] = Array.from({ length: 24 }, () => []);
for (const [name, is] of Object.entries(names)) byLength[name.length]?.push({ name: Buffer.from(name), field: is });

const forwardedPrefix = Buffer.from('x-forwarded-');
const none: readonly Known[] = [];

/** Which field the name in [start, end) is. */
export function fieldNamed(bytes: Uint8Array, start: number, end: number): Field {
  const first = lower[bytes[start] as number];
  for (const { name, field: is } of byLength[end - start] ?? none) {
    if (name[0] === first && isName(bytes, start, name)) return is;
  }
  if (first === 120 /* x */ || first === 102 /* f */) return originField(bytes, start, end);
  return field.other;
}

/** Connection can't make the router drop what a message is framed, routed or understood by. */
export function mayBeNominated(name: string): boolean {
  return !(name in names) || names[name] === field.maxForwards;
}

/** Fields that can't be trailers here: framing, routing, and what is the router's own to say. RFC 9110, 6.5.1. */
export function mayBeTrailer(is: Field): boolean {
  return is === field.other || is === field.date;
}

function isName(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let index = 1; index < name.length; index++) {
    if (lower[bytes[start + index] as number] !== name[index]) return false;
  }
  return true;
}

/** Servers that follow CGI can't tell `_` from `-` in a name, so `_` counts as `-` here. */
function originField(bytes: Uint8Array, start: number, end: number): Field {
  if (isDashed(bytes, start, end, forwardedPrefix, end - start > forwardedPrefix.length)) return field.origin;
  for (const { name, field: is } of byLength[end - start] ?? none) {
    if ((is === field.origin || is === field.requestId) && isDashed(bytes, start, end, name, true)) return field.origin;
  }
  return field.other;
}

function isDashed(bytes: Uint8Array, start: number, end: number, name: Uint8Array, fits: boolean): boolean {
  if (!fits || end - start < name.length) return false;
  for (let index = 0; index < name.length; index++) {
    const code = bytes[start + index] === 95 /* _ */ ? 45 : lower[bytes[start + index] as number];
    if (code !== name[index]) return false;
  }
  return true;
}
