/** What a Connection field says (RFC 9110, section 7.6.1; RFC 9112, section 9). */
import { mayBeNominated } from './field-names.ts';
import { isWord, latin1 } from './head.ts';

export class ConnectionOptions {
  close = false;
  keepAlive = false;
  upgrade = false;
  te = false;
  /** In lower case: other fields that are for this connection only. */
  nominated: Set<string> | undefined;

  reset(): void {
    this.close = false;
    this.keepAlive = false;
    this.upgrade = false;
    this.te = false;
    this.nominated = undefined;
  }

  /** Adds what the value in [start, end) says. */
  read(bytes: Uint8Array, start: number, end: number): void {
    if (isWord(bytes, start, end, 'keep-alive')) this.keepAlive = true;
    else if (isWord(bytes, start, end, 'close')) this.close = true;
    else this.#readList(bytes, start, end);
  }

  #readList(bytes: Uint8Array, start: number, end: number): void {
    for (const part of latin1(bytes, start, end).toLowerCase().split(',')) {
      const option = part.trim();
      if (option === 'close') this.close = true;
      else if (option === 'keep-alive') this.keepAlive = true;
      else if (option === 'upgrade') this.upgrade = true;
      else if (option === 'te') this.te = true;
      else if (option !== '' && mayBeNominated(option)) {
        this.nominated ??= new Set();
        this.nominated.add(option);
      }
    }
  }

  /** Whether the sender keeps the connection (RFC 9112, section 9.3). */
  persists(minor: number): boolean {
    return !this.close && (minor > 0 || this.keepAlive);
  }
}
