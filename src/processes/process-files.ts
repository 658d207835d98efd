/** What only each process by itself tells: its open files, and what it read and wrote. */
import { readdirSync } from 'node:fs';
import { KeptFile } from './kept-file.ts';

export class ProcessFiles {
  readonly #pid: string;
  readonly #io: KeptFile;
  readonly #descriptors: KeptFile;

  constructor(pid: string) {
    this.#pid = pid;
    this.#io = new KeptFile(`/proc/${pid}/io`);
    this.#descriptors = new KeptFile(`/proc/${pid}/fd`);
  }

  /** 0 where it has ended. */
  openFiles(): number {
    // From Linux 6.2 on the size of the folder is their number; before, it is 0.
    const size = this.#descriptors.size();
    if (size !== 0) return size ?? 0;
    try {
      return readdirSync(`/proc/${this.#pid}/fd`).length;
    } catch {
      return 0;
    }
  }

  /** Bytes from and to disks. */
  io(): { readonly read: number; readonly written: number } {
    const text = this.#io.read() ?? '';
    return {
      read: Number(/^read_bytes: (\d+)/m.exec(text)?.[1] ?? 0),
      written: Number(/^write_bytes: (\d+)/m.exec(text)?.[1] ?? 0),
    };
  }

  close(): void {
    this.#io.close();
    this.#descriptors.close();
  }
}
