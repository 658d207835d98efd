/**
 * Packs a folder into an archive whose bytes depend on nothing but names, contents, links and executable bits: entries
 * are sorted, times and owners are zero. What {@link EntryLedger} would refuse when unpacking is refused here already.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Header, Pax } from 'tar';
import { SlipwayError } from '../domain/errors.ts';
import type { UnpackLimits } from '../domain/spec.ts';
import { EntryLedger } from './entry-policy.ts';
import { asRefusal, corrupt, hostile, Refusal, tooLarge, unreadable } from './refusal.ts';

/** As in `npm pack`: a single top folder, which unpacking strips again. */
const topFolder = 'package';
const blockSize = 512;
const chunkSize = 256 * 1024;
const compressionLevel = 6;
const notPacked = new Set(['.git']);

type Found =
  | { readonly kind: 'directory'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string; readonly path: string }
  | { readonly kind: 'link'; readonly name: string; readonly target: string };

/**
 * Writes `outFile` in one go: a plain tar where its name ends in `.tar`, else gzipped. `.git` and `outFile` itself
 * are left out.
 * @throws SlipwayError SLIP_PACKAGE_UNREADABLE, SLIP_PACKAGE_HOSTILE, SLIP_PACKAGE_TOO_LARGE, SLIP_DISK_FULL
 */
export async function packDirectory(directory: string, outFile: string, limits?: UnpackLimits): Promise<void> {
  try {
    await pack(directory, outFile, limits);
  } catch (error) {
    const { code, message } = error instanceof Refusal ? error : asPackRefusal(error);
    throw new SlipwayError(code, `cannot pack ${directory}: ${message}`, { cause: error });
  }
}

/** @throws Refusal; or the operating system's error */
export async function pack(directory: string, outFile: string, limits?: UnpackLimits): Promise<void> {
  const root = await realpath(directory);
  const out = join(await realpath(dirname(outFile)), basename(outFile));
  const unfinished = `${out}.${process.pid}.tmp`;
  const packer = new Packer(root, new Set([out, unfinished]), limits);
  try {
    const file = await open(unfinished, 'wx');
    const sink = file.createWriteStream();
    if (out.endsWith('.tar')) await pipeline(packer.blocks(), sink);
    else await pipeline(packer.blocks(), createGzip({ level: compressionLevel }), sink);
    await rename(unfinished, out);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

class Packer {
  readonly #root: string;
  readonly #skip: ReadonlySet<string>;
  readonly #limits: UnpackLimits | undefined;
  readonly #ledger = new EntryLedger();
  #size = 0;

  constructor(root: string, skip: ReadonlySet<string>, limits: UnpackLimits | undefined) {
    this.#root = root;
    this.#skip = skip;
    this.#limits = limits;
  }

  async *blocks(): AsyncGenerator<Buffer> {
    const found: Found[] = [];
    for await (const entry of this.#walk(this.#root, topFolder)) found.push(entry);
    this.#ledger.verifyLinks(topFolder);
    for (const entry of found) {
      if (entry.kind === 'file') yield* this.#fileBlocks(entry.name, entry.path);
      else if (entry.kind === 'link') yield header({ path: entry.name, type: 'SymbolicLink', linkpath: entry.target });
      else yield header({ path: `${entry.name}/`, type: 'Directory', mode: 0o755 });
    }
    yield Buffer.alloc(2 * blockSize);
  }

  async *#walk(folder: string, name: string): AsyncGenerator<Found> {
    this.#ledger.directory(name);
    yield { kind: 'directory', name };
    const children = (await readdir(folder)).filter(child => !notPacked.has(child));
    for (const child of children.sort(byBytes)) {
      const [path, childName] = [join(folder, child), `${name}/${child}`];
      if (this.#skip.has(path)) continue;
      const status = await lstat(path);
      if (status.isDirectory()) {
        yield* this.#walk(path, childName);
      } else if (status.isSymbolicLink()) {
        const target = await readlink(path);
        this.#ledger.link(childName, target);
        yield { kind: 'link', name: childName, target };
      } else if (status.isFile()) {
        this.#ledger.file(childName);
        yield { kind: 'file', name: childName, path };
      } else {
        throw hostile(childName, 'is a device, socket or FIFO, not a file, folder or link');
      }
      if (this.#limits && this.#ledger.size > this.#limits.entries) {
        throw tooLarge(`it holds more than ${this.#limits.entries} entries`);
      }
    }
  }

  async *#fileBlocks(name: string, path: string): AsyncGenerator<Buffer> {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size, mode } = await file.stat();
      this.#size += size;
      if (this.#limits && this.#size > this.#limits.totalSize) {
        throw tooLarge(`it holds more than ${this.#limits.totalSize} bytes`);
      }
      yield header({ path: name, type: 'File', mode: mode & 0o111 ? 0o755 : 0o644, size });
      yield* exactly(file, size, name);
      const padding = -size & (blockSize - 1);
      if (padding) yield Buffer.alloc(padding);
    } finally {
      await file.close();
    }
  }
}

/** The header promised `size` bytes: no more and no fewer may follow. */
async function* exactly(file: FileHandle, size: number, name: string): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    const length = Math.min(chunkSize, size - at);
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
    if (bytesRead === 0) throw corrupt(`${name} became shorter while it was packed`);
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

interface HeaderFields {
  readonly path: string;
  readonly type: 'File' | 'Directory' | 'SymbolicLink';
  readonly mode?: number;
  readonly size?: number;
  readonly linkpath?: string;
}

/** With an extended header before it where a plain one can't hold the name or size. */
function header({ path, type, mode = 0o777, size = 0, linkpath = '' }: HeaderFields): Buffer {
  const block = Buffer.alloc(blockSize);
  const plain = new Header({
    path,
    type,
    mode,
    size,
    linkpath,
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
    mtime: new Date(0),
  });
  if (!plain.encode(block)) return block;
  const extended = new Pax({ path, ...(linkpath && { linkpath }), ...(size && { size }) });
  return Buffer.concat([extended.encode(), block]);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function asPackRefusal(error: unknown): Refusal {
  const refusal = asRefusal(error);
  return refusal.code === 'SLIP_DISK_FULL' ? refusal : unreadable(refusal.message, error);
}
