/**
 * Bytes to lines. However the bytes are cut into chunks, the lines are the same. A line longer than `longestLine`
 * comes in pieces of just that many bytes, so that a program that never breaks a line can't fill memory.
 */
import { StringDecoder } from 'node:string_decoder';

export const longestLine = 65_536;

const lineFeed = 10;
const carriageReturn = 13;

export class LineSplitter {
  readonly #longest: number;
  #rest: Buffer = Buffer.alloc(0);
  /** Holds back a character that is cut in two by the pieces of a long line. */
  #decoder: StringDecoder | undefined;

  constructor(longest: number = longestLine) {
    this.#longest = longest;
  }

  *push(bytes: Buffer): Generator<string> {
    let data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let from = 0;
    // What was left over holds no line feed, so the search goes on behind it.
    let searchFrom = this.#rest.length;
    for (;;) {
      const feed = data.indexOf(lineFeed, searchFrom);
      const end = feed === -1 ? data.length : feed;
      while (end - from > this.#longest) {
        yield this.#piece(data.subarray(from, from + this.#longest));
        from += this.#longest;
      }
      if (feed === -1) break;
      yield this.#lastPiece(data.subarray(from, end));
      from = searchFrom = feed + 1;
    }
    // A copy: the caller may use its buffer again.
    data = Buffer.from(data.subarray(from));
    this.#rest = data;
  }

  /** The last line, where no line break ends it. */
  *end(): Generator<string> {
    if (this.#rest.length > 0) yield this.#lastPiece(this.#rest);
    this.#rest = Buffer.alloc(0);
  }

  #piece(bytes: Buffer): string {
    this.#decoder ??= new StringDecoder('utf8');
    return this.#decoder.write(bytes);
  }

  #lastPiece(bytes: Buffer): string {
    const line = bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes;
    const text = this.#decoder ? this.#decoder.end(line) : line.toString('utf8');
    this.#decoder = undefined;
    return text;
  }
}

/** How many lines the splitter makes of one that has so many bytes before its line feed. */
export function pieces(length: number, longest: number = longestLine): number {
  return Math.max(1, Math.ceil(length / longest));
}
