/**
 * The header of the PROXY protocol, versions 1 and 2, which a proxy sends in front of all else on a connection to say
 * where it comes from ("The PROXY protocol", haproxy.org, revision of 2020-03-05).
 *
 * - The outcome doesn't depend on how the octets came.
 * - What the specification does not define is refused, as is a part that is not in its one form.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { formatIp, parseIp } from '../domain/ip.ts';
import { crc32c } from './crc32c.ts';

export interface Source {
  readonly address: string;
  readonly port: number;
}

export interface ProxyHeader {
  /** Behind the header. */
  readonly end: number;
  /** Absent where the connection is the proxy's own (`LOCAL`), or comes from what has no IP address. */
  readonly source?: Source;
}

export type ProxyRefusal =
  | 'proxy-header-missing'
  | 'proxy-header-invalid'
  | 'proxy-header-too-large'
  | 'proxy-header-checksum';

/** With its line end. */
const longestLine = 107;
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const lineStart = Buffer.from('PROXY ', 'latin1');
/** Behind this come the addresses, then what else the proxy says, each with its type and length. */
const fixedLength = 16;
/** Addresses and all; enough for a client's certificate in words. */
const longestRest = 16 * 1024;
const checksumType = 3;

/** Reads the header that begins at `start`; octets from `limit` on have not come. */
export function readProxyHeader(bytes: Buffer, start: number, limit: number): ProxyHeader | ProxyRefusal | 'more' {
  const isBinary = bytes[start] === signature[0];
  const expected = isBinary ? signature : lineStart;
  const common = Math.min(expected.length, limit - start);
  if (bytes.compare(expected, 0, common, start, start + common) !== 0) return 'proxy-header-missing';
  if (common < expected.length) return 'more';
  return isBinary ? readBinary(bytes, start, limit) : readLine(bytes, start, limit);
}

function readLine(bytes: Buffer, start: number, limit: number): ProxyHeader | ProxyRefusal | 'more' {
  const last = Math.min(limit, start + longestLine);
  const lineFeed = bytes.subarray(start, last).indexOf(10);
  if (lineFeed < 0) return limit - start < longestLine ? 'more' : 'proxy-header-too-large';
  const end = start + lineFeed + 1;
  const line = bytes.toString('latin1', start, end);
  if (/^PROXY UNKNOWN(?: [^\r\n]*)?\r\n$/.test(line)) return { end };
  const match = /^PROXY TCP([46]) ([^ ]+) ([^ ]+) (\d{1,5}) (\d{1,5})\r\n$/.exec(line);
  if (!match) return 'proxy-header-invalid';
  const [, family, source = '', destination = '', ...ports] = match;
  const isAddress = (text: string) => (family === '4' ? isIPv4(text) : isIPv6(text) && !text.includes('%'));
  if (!isAddress(source) || !isAddress(destination) || !ports.every(isPort)) return 'proxy-header-invalid';
  return { end, source: { address: normal(source), port: Number(ports[0]) } };
}

/** Digits: without zeros in front. */
function isPort(text: string): boolean {
  return (text === '0' || !text.startsWith('0')) && Number(text) <= 65_535;
}

/** Lengths of the addresses, by family; the second half of that octet is the transport. */
const addressLengths: Readonly<Record<number, number>> = { 0: 0, 1: 12, 2: 36, 3: 216 };

function readBinary(bytes: Buffer, start: number, limit: number): ProxyHeader | ProxyRefusal | 'more' {
  if (limit - start < fixedLength) return 'more';
  const command = bytes[start + 12] as number;
  const family = bytes[start + 13] as number;
  const length = bytes.readUInt16BE(start + 14);
  const isLocal = command === 0x20;
  if (!isLocal && command !== 0x21) return 'proxy-header-invalid';
  const addressLength = addressLengths[family >> 4];
  if (!isLocal && !isDefined(family, addressLength, length)) return 'proxy-header-invalid';
  if (length > longestRest) return 'proxy-header-too-large';
  const end = start + fixedLength + length;
  if (limit < end) return 'more';
  const header = bytes.subarray(start, end);
  const refusal = checked(header, fixedLength + (addressLength ?? length));
  // What a LOCAL connection says of addresses is to be discarded, whatever its form.
  if (isLocal) return refusal === 'proxy-header-checksum' ? refusal : { end };
  return refusal ?? { end, ...sourceOf(header, family >> 4) };
}

/** A family together with a transport: both unspecified, or both specified. */
function isDefined(family: number, addressLength: number | undefined, length: number): boolean {
  const transport = family & 15;
  return addressLength !== undefined && length >= addressLength && transport <= 2 && family >> 4 > 0 === transport > 0;
}

/** Goes over what follows the addresses. Of that only the checksum is looked at. */
function checked(header: Buffer, from: number): ProxyRefusal | undefined {
  let checksumAt = -1;
  for (let at = from; at < header.length; ) {
    if (at + 3 > header.length) return 'proxy-header-invalid';
    const valueAt = at + 3;
    const length = header.readUInt16BE(at + 1);
    if (valueAt + length > header.length) return 'proxy-header-invalid';
    if (header[at] === checksumType) {
      if (checksumAt >= 0 || length !== 4) return 'proxy-header-invalid';
      checksumAt = valueAt;
    }
    at = valueAt + length;
  }
  if (checksumAt < 0) return undefined;
  const before = crc32c(header.subarray(0, checksumAt));
  const sum = crc32c(header.subarray(checksumAt + 4), crc32c(new Uint8Array(4), before));
  return sum === header.readUInt32BE(checksumAt) ? undefined : 'proxy-header-checksum';
}

function sourceOf(header: Buffer, family: number): { readonly source?: Source } {
  if (family === 1) {
    const address = formatIp(header.readUInt32BE(fixedLength));
    return { source: { address, port: header.readUInt16BE(fixedLength + 8) } };
  }
  if (family !== 2) return {};
  const value = BigInt(`0x${header.toString('hex', fixedLength, fixedLength + 16)}`);
  // Once more through its text, as it may be an IPv4 address in disguise.
  return { source: { address: normal(formatIp(value)), port: header.readUInt16BE(fixedLength + 32) } };
}

function normal(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(ip);
}
