/** A screen that is drawn over in place: no clearing in between, so no flicker. */
import type { WriteStream } from 'node:tty';

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const noWrap = '\x1b[?7l';
const wrap = '\x1b[?7h';
const clear = '\x1b[2J';
const home = '\x1b[H';
const clearToEndOfLine = '\x1b[K';
const clearBelow = '\x1b[J';

export class Screen {
  readonly #stream: WriteStream;
  #drawn = false;

  constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  draw(text: string): void {
    const lines = text.split('\n');
    const room = Math.max(1, this.#stream.rows - 1);
    const shown =
      lines.length > room ? [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`] : lines;
    const start = this.#drawn ? home : hideCursor + noWrap + clear + home;
    this.#stream.write(`${start}${shown.map(line => `${line}${clearToEndOfLine}\n`).join('')}${clearBelow}`);
    this.#drawn = true;
  }

  close(): void {
    if (this.#drawn) this.#stream.write(wrap + showCursor);
  }
}
