/** Puts the pieces of a message together, so that they go out in as few writes, and with as little copying, as may be. */
import type { Wire } from './wire.ts';

/** Up to this it costs less to copy octets into a string than to write them from where they lie. */
const mostCopied = 8 * 1024;

/**
 * `before`, the octets [start, end), and `after`, as one. A Buffer lies where the octets lay, where it fits: what is
 * in front of `start` is overwritten.
 */
export function joined(before: string, bytes: Buffer, start: number, end: number, after: string): string | Buffer {
  if (end - start <= mostCopied) {
    return start < end ? before + bytes.toString('latin1', start, end) + after : before + after;
  }
  if (after !== '' || before.length > start) {
    return Buffer.concat([Buffer.from(before, 'latin1'), bytes.subarray(start, end), Buffer.from(after, 'latin1')]);
  }
  if (before === '') return bytes.subarray(start, end);
  bytes.write(before, start - before.length, 'latin1');
  return bytes.subarray(start - before.length, end);
}

export function write(wire: Wire, before: string, bytes: Buffer, start: number, end: number, after: string): void {
  const piece = joined(before, bytes, start, end, after);
  if (piece.length > 0) wire.write(piece);
}
