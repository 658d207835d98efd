/**
 * The memory that octets come into and go out from. All connections share it: what comes is dealt with before anything
 * else comes, and what goes out is nearly always taken by the kernel at once, so an idle connection holds none.
 *
 * - Octets in `landing` are valid until whoever is told of them returns. Nothing is written from there.
 * - A message in `lent` memory is its user's until the next message is put together, or longer if it is claimed.
 */

const landingSize = 64 * 1024;
/** A full landing, and a head in front of it. */
const lentSize = landingSize + 32 * 1024;
const mostSpare = 8;

/** Where all reads land. Reads are synchronous, so no two are under way. */
export const landing = Buffer.allocUnsafeSlow(landingSize);

let lent: Buffer = Buffer.allocUnsafeSlow(lentSize);
const spare: Buffer[] = [];
const claimed = new WeakSet<ArrayBufferLike>();

/** @returns memory for a message of that length, with nothing in it */
export function lend(length: number): Buffer {
  return length <= lentSize ? lent : Buffer.allocUnsafeSlow(length);
}

/** The message, if it is in lent memory, is needed for longer. */
export function claim(message: Buffer): void {
  if (message.buffer !== lent.buffer) return;
  claimed.add(lent.buffer);
  lent = spare.pop() ?? Buffer.allocUnsafeSlow(lentSize);
}

/** A message is needed no more; where it was in memory of ours, that is lent again. */
export function giveBack({ buffer }: Buffer): void {
  if (claimed.delete(buffer) && spare.length < mostSpare) spare.push(Buffer.from(buffer as ArrayBuffer));
}
