/**
 * Reads zip files: says what kind of package one is, and unpacks it into a tree. The central directory is the only
 * authority on names; the sizes and checksums that it declares are held against what comes out.
 */
import { createReadStream, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { type Entry, fromRandomAccessReaderPromise, getFileNameLowLevel, type ZipFile } from 'yauzl';
import type { ReleaseFormat } from '../domain/revision.ts';
import type { UnpackLimits } from '../domain/spec.ts';
import { corrupt, errnoOf, hostile, quote, Refusal, tooLarge, unsupported } from './refusal.ts';
import type { TreeWriter } from './tree-writer.ts';
import { WindowReader, type ZipSource } from './zip-source.ts';

const chunkSize = 256 * 1024;
/** An entry that says to be at most this big is inflated in one go. */
const inflateAtOnce = 4 * 1024 * 1024;
const longestLink = 4096;
/** How many entries to handle before letting the event loop have a turn. */
const entriesInARow = 256;

const centralEntry = Buffer.from('PK\x01\x02', 'latin1');
const stored = 0;
const deflated = 8;

/** `S_IFMT` and its values, as `st_mode` has them (inode(7)). */
const typeMask = 0o170000;
const typeOf = { file: 0o100000, directory: 0o040000, link: 0o120000 };
/** Values of "version made by" (APPNOTE 4.4.2) whose makers put `st_mode` into the external attributes. */
const unixHosts = new Set([3, 19]);

interface Planned {
  readonly entry: Entry;
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'link';
  readonly executable: boolean;
  /** Offsets in the zip of the entry's header, its data, and its end. */
  readonly from: number;
  readonly data: number;
  readonly to: number;
}

/**
 * Reads the whole central directory, so that a damaged one is noticed even where nothing is unpacked.
 * @throws Refusal SLIP_PACKAGE_CORRUPT
 */
export async function classifyZip(source: ZipSource): Promise<Exclude<ReleaseFormat, 'binary'>> {
  let [hasManifest, hasWheel, hasMain] = [false, false, false];
  await forEachEntry(source, async entry => {
    const name = entryName(entry);
    hasManifest ||= name === 'META-INF/MANIFEST.MF';
    hasWheel ||= /^[^/]+\.dist-info\/WHEEL$/.test(name);
    hasMain ||= name === '__main__.py';
    if (entry.relativeOffsetOfLocalHeader + entry.compressedSize > source.size) {
      throw corrupt(`it is cut short: entry ${quote(name)} lies beyond its end`);
    }
  });
  return hasManifest ? 'jar' : hasWheel ? 'wheel' : hasMain ? 'pyz' : 'tree';
}

/** @throws Refusal SLIP_PACKAGE_* */
export async function readZip(source: ZipSource, limits: UnpackLimits, writer: TreeWriter): Promise<void> {
  const plan: Planned[] = [];
  await forEachEntry(source, async (entry, zip) => {
    if (plan.length >= limits.entries) throw tooLarge(`it holds more than ${limits.entries} entries`);
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    plan.push(planEntry(entry, fileDataStart));
  });
  plan.sort((a, b) => a.from - b.from);
  refuseOverlaps(plan);
  await inRows(plan, planned => soundly(() => place(source, planned, writer)));
}

function planEntry(entry: Entry, data: number): Planned {
  const name = entryName(entry);
  if (entry.isEncrypted()) throw unsupported(`entry ${quote(name)} is encrypted`);
  if (entry.compressionMethod !== stored && entry.compressionMethod !== deflated) {
    throw unsupported(`entry ${quote(name)} is compressed by a method (${entry.compressionMethod}) other than deflate`);
  }
  const mode = unixHosts.has(entry.versionMadeBy >> 8) ? entry.externalFileAttributes >>> 16 : 0;
  return {
    entry,
    name,
    kind: kindOf(name, mode & typeMask),
    executable: (mode & 0o111) !== 0,
    from: entry.relativeOffsetOfLocalHeader,
    data,
    to: data + entry.compressedSize,
  };
}

function kindOf(name: string, type: number): Planned['kind'] {
  if (type === typeOf.directory || (name.endsWith('/') && (type === 0 || type === typeOf.file))) return 'directory';
  if (type === typeOf.link && !name.endsWith('/')) return 'link';
  if (type === typeOf.file || type === 0) return 'file';
  throw hostile(name, `is of the type 0${type.toString(8)}, not a file, folder or link`);
}

/** Entries that share bytes make a small zip unpack to anything ("a better zip bomb", D. Fifield, 2019). */
function refuseOverlaps(plan: readonly Planned[]): void {
  let end = 0;
  for (const planned of plan) {
    if (planned.from < end) throw hostile(planned.name, 'shares its bytes with another entry');
    end = planned.to;
  }
}

async function place(source: ZipSource, planned: Planned, writer: TreeWriter): Promise<void> {
  if (planned.kind === 'directory') return writer.directory(planned.name);
  if (planned.kind === 'link') {
    if (planned.entry.uncompressedSize > longestLink) throw hostile(planned.name, 'is a link with an overlong target');
    const target: Buffer[] = [];
    await readContent(source, planned, chunk => target.push(Buffer.from(chunk)));
    return writer.symbolicLink(planned.name, Buffer.concat(target).toString());
  }
  const sink = writer.file(planned.name, planned.executable);
  await readContent(source, planned, chunk => sink.write(chunk));
  sink.close();
}

/** Gives the content out in chunks that are reused: take what is needed before returning. */
async function readContent(source: ZipSource, planned: Planned, take: (chunk: Buffer) => void): Promise<void> {
  const { entry, name } = planned;
  let [size, sum] = [0, 0];
  const check = (chunk: Buffer) => {
    size += chunk.length;
    if (size > entry.uncompressedSize) throw corrupt(`entry ${quote(name)} holds more than it declares`);
    sum = crc32(chunk, sum);
    take(chunk);
  };
  if (entry.compressionMethod === stored) {
    for (const chunk of rawChunks(source, planned)) check(chunk);
  } else if (entry.compressedSize <= inflateAtOnce && entry.uncompressedSize <= inflateAtOnce) {
    const packed = Buffer.concat([...rawChunks(source, planned)].map(chunk => Buffer.from(chunk)));
    check(inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.uncompressedSize) }));
  } else {
    const [start, end] = [source.start + planned.data, source.start + planned.to - 1];
    const raw = createReadStream('', { fd: source.fd, autoClose: false, start, end, highWaterMark: chunkSize });
    const inflate = createInflateRaw({ chunkSize });
    raw.once('error', error => inflate.destroy(error));
    for await (const chunk of raw.pipe(inflate)) check(chunk);
  }
  if (size !== entry.uncompressedSize) throw corrupt(`entry ${quote(name)} holds less than it declares`);
  if (sum !== entry.crc32) throw corrupt(`entry ${quote(name)} does not fit its checksum`);
}

const rawBuffer = Buffer.allocUnsafe(chunkSize);

function* rawChunks(source: ZipSource, planned: Planned): Generator<Buffer> {
  for (let at = planned.data; at < planned.to; ) {
    const wanted = Math.min(chunkSize, planned.to - at);
    const got = readSync(source.fd, rawBuffer, 0, wanted, source.start + at);
    if (got === 0) throw corrupt('it is cut short');
    yield rawBuffer.subarray(0, got);
    at += got;
  }
}

/** As most unzippers do, a backslash is taken for the slash that it should have been (APPNOTE 4.4.17.1). */
function entryName(entry: Entry): string {
  return getFileNameLowLevel(entry.generalPurposeBitFlag, entry.fileNameRaw, entry.extraFields, false);
}

async function forEachEntry(source: ZipSource, visit: (entry: Entry, zip: ZipFile) => Promise<void>): Promise<void> {
  await soundly(async () => {
    const zip = await fromRandomAccessReaderPromise(new WindowReader(source), source.size, { decodeStrings: false });
    await inRows(zip.eachEntry(), entry => visit(entry, zip));
    refuseUncounted(source, Number(zip.readEntryCursor));
  });
}

/** A count of 16 bits has run over in archives of old tools: what it leaves out would silently be missing. */
function refuseUncounted(source: ZipSource, end: number): void {
  const next = Buffer.alloc(4);
  readSync(source.fd, next, 0, 4, source.start + end);
  if (next.equals(centralEntry)) throw corrupt('its directory holds more entries than it declares');
}

async function inRows<T>(items: Iterable<T> | AsyncIterable<T>, run: (item: T) => Promise<void>): Promise<void> {
  let count = 0;
  for await (const item of items) {
    await run(item);
    if (++count % entriesInARow === 0) await setImmediate();
  }
}

/** Whatever the zip library or zlib finds wrong is the archive's fault; what the operating system says is not. */
async function soundly(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Refusal || /^E[A-Z0-9]+$/.test(errnoOf(error) ?? '')) throw error;
    throw corrupt(`it is no sound zip file: ${error instanceof Error ? error.message : error}`, error);
  }
}
