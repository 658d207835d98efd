/**
 * How many descriptors are left. They are given out lowest first, so the number of a new one tells how many are in use.
 * Clients get no more than {@link share} of them: whoever was let in needs a connection to an instance too, and the
 * worker itself a few for its files.
 */
import { readFileSync } from 'node:fs';

const share = 3 / 4;

/** The highest descriptor for a client's connection. */
export function highestDescriptor(limits = readFileSync('/proc/self/limits', 'latin1')): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Math.floor(Number(soft) * share);
}
