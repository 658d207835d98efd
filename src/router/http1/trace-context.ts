/**
 * Trace Context (W3C, level 1): one name for a request on all of its way.
 *
 * The router takes no part in a trace: what comes is passed on as it is. Where nothing valid comes, it begins a trace, so
 * that its log and those behind it tell of the same one. It says `sampled` then: a service that goes by what it is told
 * would else record nothing.
 */
import { randomFillSync } from 'node:crypto';
import { Batch } from './batch.ts';

/** Version 00 is all of it; later ones may go on after a dash (section 3.2.4). An identifier of zeros is none. */
const pattern = /^(?:00|(?!ff)[\da-f]{2}(?=.{53}(?:$|-)))-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}/;
const length = 55;

export function isTraceparent(value: string): boolean {
  return pattern.test(value) && (value.length === length || !value.startsWith('00'));
}

/** 32 hexadecimal digits. @param traceparent a valid one */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

const atOnce = 256;
const digits = Buffer.from('0123456789abcdef');
const octets = Buffer.alloc(24 * atOnce);
const values = Buffer.from(`00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`.repeat(atOnce));
const traceparents = new Batch(length, makeMore);

/** The value of a Traceparent that begins a trace. */
export function newTraceparent(): string {
  return traceparents.next();
}

function makeMore(): string {
  randomFillSync(octets);
  for (let index = 0; index < octets.length; index++) {
    const octet = octets[index] as number;
    const place = index % 24;
    const at = Math.floor(index / 24) * length + 3 + 2 * place + (place < 16 ? 0 : 1);
    values[at] = digits[octet >> 4] as number;
    values[at + 1] = digits[octet & 15] as number;
  }
  return values.toString('latin1');
}
