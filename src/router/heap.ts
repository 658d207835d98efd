/**
 * How a worker's heap is kept, beside what its command line says: see `router-link/command.ts`. Where V8 doesn't know a
 * flag, it says so and goes on.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * Its old objects are few, so that its heap is to be kept small; and its hot path is many small functions, more than V8
 * would make one of.
 */
const small = [
  '--optimize-for-size',
  '--max-inlined-bytecode-size=1500',
  '--max-inlined-bytecode-size-cumulative=3000',
];

export function keepHeapSmall(): void {
  for (const flag of small) setFlagsFromString(flag);
}

/**
 * A stream of HTTP/2 is dozens of Node's objects that live until it is closed: in a small heap, a quarter of the time
 * went into looking which of them still do.
 */
export function giveHeapRoom(): void {
  setFlagsFromString('--no-optimize-for-size');
}
