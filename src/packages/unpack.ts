/**
 * Turns a staged package file into the folder of a release, complete and durable, but not yet at its place. Runs in
 * the worker process. On failure it leaves what it made to its caller, who owns the staging folder.
 */
import { chmodSync, closeSync, fstatSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UnpackLimits } from '../domain/spec.ts';
import { detect } from './detect.ts';
import { encodeRecord, type ReleaseRecord, recordName, treeName } from './release-record.ts';
import { syncTree } from './sync-tree.ts';
import { readTar } from './tar-reader.ts';
import { TreeWriter } from './tree-writer.ts';
import { readZip } from './zip-reader.ts';

export interface UnpackJob {
  /** The staged package; it is moved away where it stays one file. */
  readonly file: string;
  /** File name to keep it under. */
  readonly name: string;
  /** The release's folder, not there yet; on the same file system as `file`. */
  readonly release: string;
  readonly limits: UnpackLimits;
}

/** @throws Refusal; or the operating system's error */
export async function unpack(job: UnpackJob): Promise<void> {
  mkdirSync(job.release, 0o755);
  const fd = openSync(job.file, 'r');
  try {
    const record = await unpackOpened(job, fd);
    writeFileSync(join(job.release, recordName), encodeRecord(record), { flag: 'wx', mode: 0o444 });
    syncTree(job.release, record.entries);
  } finally {
    closeSync(fd);
  }
}

async function unpackOpened(job: UnpackJob, fd: number): Promise<ReleaseRecord> {
  const { name, limits } = job;
  const packedSize = fstatSync(fd).size;
  const tree = join(job.release, treeName);
  const detected = await detect(fd, packedSize);
  if (detected.kind === 'single') {
    mkdirSync(tree, 0o755);
    chmodSync(job.file, detected.format === 'binary' ? 0o555 : 0o444);
    renameSync(job.file, join(tree, name));
    chmodSync(tree, 0o555);
    return { format: detected.format, name, file: name, packedSize, unpackedSize: packedSize, entries: 1 };
  }
  const writer = new TreeWriter(join(job.release, 'unpacked'), limits, packedSize);
  try {
    if (detected.kind === 'tar') await readTar(job.file, detected.gzipped, writer);
    else await readZip(detected.source, limits, writer);
  } finally {
    writer.abandon();
  }
  const { entries, size } = writer.finish(tree);
  return { format: 'tree', name, packedSize, unpackedSize: size, entries };
}
