/**
 * The key that session tickets are sealed with, in a file that all workers of a router share: a client comes back to
 * any of them without a full handshake, also after a crash. It is replaced from time to time, since whoever has it can
 * read what was said on the connections that were resumed with its tickets.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Milliseconds } from '../domain/clock.ts';
import { replaceFile } from '../state/atomic-file.ts';

/** Of a name and two keys, as OpenSSL wants them. */
const length = 48;
const replacedAfter: Milliseconds = 12 * 3_600_000;

export class TicketKey {
  readonly #path: string | undefined;
  bytes: Buffer = randomBytes(length);

  /** @param path absent: it is this process's own */
  constructor(path: string | undefined) {
    this.#path = path;
  }

  /** Takes over what the file has, or writes a new one where that is due. @returns whether it is another one now */
  refresh(): boolean {
    if (this.#path === undefined) return false;
    try {
      let found = read(this.#path);
      if (!found) {
        replaceFile(this.#path, randomBytes(length));
        // Of several workers that do the same, the last one's is there.
        found = read(this.#path);
      }
      if (!found || found.equals(this.bytes)) return false;
      this.bytes = found;
      return true;
    } catch {
      return false; // A disk that is full or gone costs resumption, no more.
    }
  }
}

/** `undefined` where there is none, or none that is to be used any more. */
function read(path: string): Buffer | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  // The clock may have been set back.
  if (!stat || Math.abs(Date.now() - stat.mtimeMs) > replacedAfter) return undefined;
  const bytes = readFileSync(path);
  return bytes.length === length ? bytes : undefined;
}
