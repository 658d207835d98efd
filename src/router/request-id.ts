/**
 * Ids for requests that bring none: UUIDs of version 4 (RFC 9562, section 5.4).
 *
 * - They are made many at a time, as to make a single one takes as long as to read a head.
 */
import { randomFillSync } from 'node:crypto';

const batch = 128;
const idLength = 36;
const digits = Buffer.from('0123456789abcdef');
const dash = 45;

const random = Buffer.allocUnsafeSlow(16 * batch);
const octets = Buffer.allocUnsafeSlow(idLength * batch);
let text = '';
let used = 0;

export function newRequestId(): string {
  if (used === text.length) makeBatch();
  const start = used;
  used += idLength;
  return text.slice(start, used);
}

function makeBatch(): void {
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
  text = octets.toString('latin1');
  used = 0;
}
