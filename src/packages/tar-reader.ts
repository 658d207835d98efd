/**
 * Reads a tar archive, plain or gzipped, into a tree. As with tar, what follows the end of the archive is
 * ignored; but gzip is read to its end all the same, so that its checksum is verified.
 */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { corrupt, errnoOf, hostile, type Refusal, tooLarge, unsupported } from './refusal.ts';
import type { TreeWriter } from './tree-writer.ts';

const blockSize = 512;
const chunkSize = 512 * 1024;
/** What headers and padding may amount to: at all, and for each entry (an extended header and a long name or two). */
const overheadAllowed = 16 * 1024 * 1024;
const overheadPerEntry = 8 * 1024;
/** Type flags of extended headers and long names, and how much of them is kept together. */
const metadataTypes = Buffer.from('xgLKNX');
const longestMetadata = 64 * 1024;

/** @throws Refusal SLIP_PACKAGE_* */
export async function readTar(file: string, gzipped: boolean, writer: TreeWriter): Promise<void> {
  const archive = new TarIntake(writer);
  const source = createReadStream(file, { highWaterMark: chunkSize });
  if (!gzipped) {
    for await (const chunk of source) archive.write(chunk);
  } else {
    const gunzip = createGunzip({ chunkSize });
    source.once('error', error => gunzip.destroy(error));
    try {
      for await (const chunk of source.pipe(gunzip)) archive.write(chunk);
    } catch (error) {
      if (errnoOf(error)?.startsWith('Z_')) throw corrupt('its gzip stream is damaged or cut short', error);
      throw error;
    } finally {
      source.destroy();
    }
  }
  archive.end();
}

/** Whether it says to be one (POSIX.1-2024, pax, "ustar Interchange Format"), sound or not. */
export function claimsToBeTar(block: Buffer): boolean {
  return block.toString('latin1', 257, 262) === 'ustar';
}

/** Whether a block is a tar header, by its checksum; older formats than ustar have nothing else. */
export function isTarHeader(block: Buffer): boolean {
  if (block.length < blockSize) return false;
  let sum = 0;
  for (let i = 0; i < blockSize; i++) sum += i >= 148 && i < 156 ? 0x20 : (block[i] ?? 0);
  return sum === Number.parseInt(block.toString('latin1', 148, 156).replace(/[\0 ]+$/, ''), 8);
}

class TarIntake {
  readonly #writer: TreeWriter;
  readonly #parser = new Parser({ zstd: false });
  /** Came in, but was not given to the parser yet. */
  #held: Buffer = Buffer.alloc(0);
  #started = false;
  #read = 0;
  /** A block of zeros was the last thing seen: the archive may end here. */
  #mayEnd = false;
  #ended = false;

  constructor(writer: TreeWriter) {
    this.#writer = writer;
    this.#parser.on('warn', (_code: string, message: string | Error) => {
      throw corrupt(`it is no sound tar archive: ${message instanceof Error ? message.message : message}`);
    });
    this.#parser.on('error', (error: Error) => {
      throw corrupt(`it is no sound tar archive: ${error.message}`, error);
    });
    this.#parser.on('meta', refuseOddMetadata);
    this.#parser.on('ignoredEntry', (entry: ReadEntry) => {
      throw oddType(entry);
    });
    this.#parser.on('nullBlock', () => {
      this.#mayEnd = true;
    });
    this.#parser.on('eof', () => {
      this.#ended = true;
    });
    this.#parser.on('entry', (entry: ReadEntry) => {
      this.#mayEnd = false;
      this.#place(entry);
    });
  }

  write(chunk: Buffer): void {
    this.#read += chunk.length;
    if (this.#read - this.#writer.size > overheadAllowed + overheadPerEntry * this.#writer.entries) {
      throw tooLarge('its headers and padding outweigh its content by far');
    }
    if (this.#ended) return;
    const bytes = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    if (!this.#started && bytes.length >= blockSize) {
      refuseOddStart(bytes);
      this.#started = true;
    }
    const end = endOfWholeMetadata(bytes);
    this.#held = bytes.subarray(end);
    if (end > 0) this.#parser.write(bytes.subarray(0, end));
  }

  end(): void {
    if (!this.#started) refuseOddStart(this.#held);
    if (!this.#ended) this.#parser.write(this.#held);
    if (!this.#ended && !this.#mayEnd) throw corrupt('the tar archive is cut short: it has no end mark');
  }

  #place(entry: ReadEntry): void {
    switch (entry.type) {
      case 'File':
      case 'OldFile':
      case 'ContiguousFile': {
        const sink = this.#writer.file(entry.path, ((entry.mode ?? 0) & 0o111) !== 0);
        entry.on('data', (chunk: Buffer) => sink.write(chunk));
        entry.on('end', () => sink.close());
        return;
      }
      case 'Directory':
        this.#writer.directory(entry.path);
        break;
      case 'SymbolicLink':
        this.#writer.symbolicLink(entry.path, entry.linkpath ?? '');
        break;
      case 'Link':
        this.#writer.hardLink(entry.path, entry.linkpath ?? '');
        break;
      default:
        throw oddType(entry);
    }
    entry.resume();
  }
}

/** The parser would gunzip once more, beyond our limits, and would look for a header in anything. */
function refuseOddStart(bytes: Buffer): void {
  if (!isTarHeader(bytes)) {
    if (claimsToBeTar(bytes)) throw corrupt('it is no sound tar archive: checksum failure');
    throw unsupported('it is compressed, but holds no tar archive');
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) throw unsupported('it is compressed twice');
}

/**
 * Where to cut, so that an extended header or long name at the end of `bytes` is not torn: the parser decodes each
 * piece of it alone, which breaks a character that lies across. Content that looks like such a header costs nothing.
 */
function endOfWholeMetadata(bytes: Buffer): number {
  const end = bytes.length - (bytes.length % blockSize);
  for (let at = end - blockSize; at >= Math.max(0, end - longestMetadata); at -= blockSize) {
    if (!metadataTypes.includes(bytes[at + 156] ?? 0)) continue;
    const header = bytes.subarray(at, at + blockSize);
    const size = Number.parseInt(header.toString('latin1', 124, 136), 8);
    if (at + blockSize + size > end && isTarHeader(header)) return at;
  }
  return end;
}

function oddType(entry: ReadEntry): Refusal {
  return hostile(entry.path, `is of the type ${entry.type}, not a file, folder or link`);
}

/** What the parser would read otherwise than it is meant: it goes by lines, cuts at a NUL, knows no sparse files. */
function refuseOddMetadata(text: string): void {
  for (const record of extendedRecords(text)) {
    if (/^(link)?path=.*[\n\0]/s.test(record)) throw hostile(record, 'has a NUL or a line break in its name');
    if (record.startsWith('GNU.sparse.')) throw hostile(record, 'is a sparse file');
  }
}

/** `keyword=value` of each record `"%d %s=%s\n"` (POSIX.1-2024, pax, "pax Extended Header"); of long names, none. */
function* extendedRecords(text: string): Generator<string> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(' ', at);
    const length = space < 0 ? 0 : Number(bytes.toString('latin1', at, space));
    if (!(length > 0) || bytes.toString('latin1', at + length - 1, at + length) !== '\n') return;
    yield bytes.toString('utf8', space + 1, at + length - 1);
    at += length;
  }
}
