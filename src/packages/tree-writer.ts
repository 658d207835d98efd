/**
 * The one way by which entries of archives reach the disk, whatever the format.
 *
 * Invariants:
 * - only regular files and folders exist while content is written; symbolic links are made last, once all of them are
 *   known to end inside the tree. So nothing can be written through one;
 * - what is written is counted as it is written; what an archive declares is never believed;
 * - files end up 0444 or 0555 and folders 0555: no other mode bit of the archive survives.
 */
import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { UnpackLimits } from '../domain/spec.ts';
import { EntryLedger } from './entry-policy.ts';
import { tooLarge, unsupported } from './refusal.ts';
import { SizeBudget } from './size-budget.ts';

const createNew = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

export interface FileSink {
  write(chunk: Uint8Array): void;
  close(): void;
}

export interface WrittenTree {
  readonly entries: number;
  readonly size: number;
}

export class TreeWriter {
  readonly #root: string;
  readonly #limits: UnpackLimits;
  readonly #budget: SizeBudget;
  readonly #ledger = new EntryLedger();
  #open: number | undefined;

  /** @param root made here; must not exist */
  constructor(root: string, limits: UnpackLimits, packedSize: number) {
    this.#root = root;
    this.#limits = limits;
    this.#budget = new SizeBudget(limits, packedSize);
    mkdirSync(root, 0o755);
  }

  get size(): number {
    return this.#budget.used;
  }

  get entries(): number {
    return this.#ledger.size;
  }

  directory(name: string): void {
    this.#makeFolders(this.#ledger.directory(name).folders);
  }

  /** One file at a time: close it before the next one. */
  file(name: string, executable: boolean): FileSink {
    const { path, folders } = this.#ledger.file(name);
    this.#makeFolders(folders);
    const fd = openSync(`${this.#root}/${path}`, createNew, executable ? 0o555 : 0o444);
    this.#open = fd;
    return {
      write: chunk => {
        this.#budget.take(chunk.length);
        for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
      },
      close: () => {
        this.#open = undefined;
        closeSync(fd);
      },
    };
  }

  symbolicLink(name: string, target: string): void {
    this.#makeFolders(this.#ledger.link(name, target).folders);
  }

  hardLink(name: string, target: string): void {
    const { path, folders, source } = this.#ledger.hardLink(name, target);
    this.#makeFolders(folders);
    linkSync(`${this.#root}/${source}`, `${this.#root}/${path}`);
  }

  /** Strips a single top folder, makes the links, moves the tree to where it belongs and makes it read-only. */
  finish(tree: string): WrittenTree {
    const top = this.#ledger.soleFolder() ?? '';
    const stripped = top === '' ? 0 : 1;
    if (this.#ledger.size === stripped) throw unsupported('it holds nothing');
    this.#ledger.verifyLinks(top);

    renameSync(join(this.#root, top), tree);
    if (stripped) rmdirSync(this.#root);
    const placed = (path: string) => join(tree, path.slice(stripped && top.length + 1));
    for (const { kind, path, target } of this.#ledger.entries()) {
      if (kind === 'link') symlinkSync(target ?? '', placed(path));
    }
    for (const { kind, path } of this.#ledger.entries()) if (kind === 'directory') chmodSync(placed(path), 0o555);
    chmodSync(tree, 0o555);
    return { entries: this.#ledger.size - stripped, size: this.#budget.used };
  }

  /** Lets go of a file that was left open by a failure. */
  abandon(): void {
    if (this.#open !== undefined) closeSync(this.#open);
    this.#open = undefined;
  }

  #makeFolders(folders: readonly string[]): void {
    if (this.#ledger.size > this.#limits.entries) throw tooLarge(`it holds more than ${this.#limits.entries} entries`);
    for (const folder of folders) mkdirSync(`${this.#root}/${folder}`, 0o755);
  }
}
