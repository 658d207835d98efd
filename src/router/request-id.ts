/** Ids for requests that bring none: UUIDs of version 4 (RFC 9562, section 5.4). */
import { randomFillSync } from 'node:crypto';
import { Batch } from './http1/batch.ts';

const atOnce = 128;
const idLength = 36;
const digits = Buffer.from('0123456789abcdef');
const dash = 45;

const random = Buffer.allocUnsafeSlow(16 * atOnce);
const octets = Buffer.allocUnsafeSlow(idLength * atOnce);
const ids = new Batch(idLength, makeMore);

export function newRequestId(): string {
  return ids.next();
}

function makeMore(): string {
  randomFillSync(random);
  let at = 0;
  for (let from = 0; from < random.length; from++) {
    const index = from % 16;
    let octet = random[from] as number;
    if (index === 6) octet = (octet & 0x0f) | 0x40; // The version.
    if (index === 8) octet = (octet & 0x3f) | 0x80; // The variant.
    if (index === 4 || index === 6 || index === 8 || index === 10) octets[at++] = dash;
    octets[at++] = digits[octet >> 4] as number;
    octets[at++] = digits[octet & 15] as number;
  }
  return octets.toString('latin1');
}
