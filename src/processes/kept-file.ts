/**
 * A file of the kernel's that is read again and again: it stays open, since to open it costs several times what reading
 * does.
 *
 * - Of the descriptors that this process may have, most stay free for others: beyond a share of them, a file is opened
 *   for each reading.
 * - One of a process that has ended gives nothing, whoever has its pid by then.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

/** Larger than what any of these files holds. */
const buffer = Buffer.allocUnsafe(16 * 1024);

const share = 1 / 4;
let mostKept: number | undefined;
let kept = 0;

export class KeptFile {
  readonly #path: string;
  #fd = -1;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns `undefined` where there is no such file, or no longer */
  read(): string | undefined {
    return this.#use(fd => buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0)));
  }

  /** The number that is all there is in it. */
  number(): number | undefined {
    const text = this.read();
    return text === undefined ? undefined : Number(text);
  }

  size(): number | undefined {
    return this.#use(fd => fstatSync(fd).size);
  }

  close(): void {
    if (this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
    kept -= 1;
  }

  #use<T>(look: (fd: number) => T): T | undefined {
    try {
      if (this.#fd >= 0) return look(this.#fd);
      const fd = openSync(this.#path, 'r');
      mostKept ??= descriptorLimit() * share;
      if (kept < mostKept) {
        this.#fd = fd;
        kept += 1;
        return look(fd);
      }
      try {
        return look(fd);
      } finally {
        closeSync(fd);
      }
    } catch {
      this.close();
      return undefined;
    }
  }
}

function descriptorLimit(): number {
  const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  return soft === undefined ? 1024 : Number(soft);
}

/** The number behind a name in text of lines such as `inactive_file 4096`. */
export function counterIn(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const at = text.startsWith(`${name} `) ? 0 : text.indexOf(`\n${name} `) + 1;
  if (at === 0 && !text.startsWith(`${name} `)) return undefined;
  const start = at + name.length + 1;
  const end = text.indexOf('\n', start);
  return Number(text.slice(start, end < 0 ? undefined : end));
}
