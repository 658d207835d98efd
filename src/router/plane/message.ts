/** Puts the pieces of a message together, so that they go out in one write. */
import { lend } from './memory.ts';
import type { Wire } from './wire.ts';

/** Up to this it costs less to copy octets into a string than into lent memory. */
const mostInString = 8 * 1024;

/** `before`, the octets [start, end), and `after`, as one. A Buffer is lent. */
export function joined(before: string, bytes: Buffer, start: number, end: number, after: string): string | Buffer {
  const length = end - start;
  if (length <= mostInString) {
    return length > 0 ? before + bytes.toString('latin1', start, end) + after : before + after;
  }
  const whole = before.length + length + after.length;
  const memory = lend(whole);
  if (before !== '') memory.write(before, 0, 'latin1');
  bytes.copy(memory, before.length, start, end);
  if (after !== '') memory.write(after, before.length + length, 'latin1');
  return memory.subarray(0, whole);
}

export function write(wire: Wire, before: string, bytes: Buffer, start: number, end: number, after: string): void {
  const piece = joined(before, bytes, start, end, after);
  if (piece.length > 0) wire.write(piece);
}
