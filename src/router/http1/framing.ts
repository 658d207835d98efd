/** How long a body is, by Content-Length and Transfer-Encoding (RFC 9112, section 6). Nothing is guessed. */
import { isWord, latin1 } from './head.ts';
import { isDigit } from './octets.ts';
import type { Rejection } from './rejection.ts';

export class Framing {
  /** -1 for no Content-Length. */
  length = -1;
  /** Whether Content-Length can be passed on as it was written. */
  plainLength = false;
  chunked = false;

  reset(): void {
    this.length = -1;
    this.plainLength = false;
    this.chunked = false;
  }

  readLength(bytes: Uint8Array, start: number, end: number, canonical: boolean): Rejection | undefined {
    if (this.length >= 0) return 'length-repeated';
    // 15 digits stay below 2 ** 53.
    if (end === start || end - start > 15) return 'length-invalid';
    let length = 0;
    for (let at = start; at < end; at++) {
      if (isDigit[bytes[at] as number] === 0) return 'length-invalid';
      length = length * 10 + (bytes[at] as number) - 48;
    }
    this.length = length;
    this.plainLength = canonical && (bytes[start] !== 48 || end - start === 1);
    return undefined;
  }

  readCoding(bytes: Uint8Array, start: number, end: number): Rejection | undefined {
    if (this.chunked) return 'coding-repeated';
    if (!isWord(bytes, start, end, 'chunked')) return refusal(latin1(bytes, start, end));
    this.chunked = true;
    return undefined;
  }

  /** A message that is framed in two ways, or in one that its version doesn't know, is an attack or a mistake. */
  judge(minor: number): Rejection | undefined {
    if (!this.chunked) return undefined;
    if (this.length >= 0) return 'length-and-coding';
    return minor === 0 ? 'coding-version' : undefined;
  }
}

/** Where chunked is not the last coding, nobody knows where the body ends; else the codings before it are not known here. */
function refusal(codings: string): Rejection {
  return /(?:^|[ \t,])chunked$/i.test(codings) ? 'coding-unsupported' : 'coding-endless';
}
