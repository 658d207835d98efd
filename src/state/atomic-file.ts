/**
 * A file is whole or not there: it is written beside its place and renamed into it. What is durable has also
 * reached the disk, name included, when the call returns.
 */
import { closeSync, constants, fstatSync, openSync, renameSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';

let counter = 0;

function besides(path: string): string {
  counter += 1;
  return `${path}.${process.pid}.${counter}.new`;
}

/** Survives a power cut once resolved. Mode 0600. @throws SlipwayError SLIP_DISK_FULL */
export async function writeDurably(path: string, data: string): Promise<void> {
  const temporary = besides(path);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw asDiskFull(error, path);
  }
  await syncFolder(dirname(path));
}

/**
 * Survives the death of this process, not a power cut: for what says which processes are alive, since none of them
 * survives that either. Synchronous, so that nothing can come between the record and what it announces. Mode 0600.
 */
export function replaceFile(path: string, data: string | Buffer): void {
  const temporary = besides(path);
  try {
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      writeFileSync(fd, data);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // It may never have been made.
    }
    throw asDiskFull(error, path);
  }
}

/** As much as the kernel takes over at once: a writer that is killed has written all of it or nothing. */
const page = Buffer.alloc(4096);

/**
 * As `replaceFile` at a small part of its cost, for a file that nobody reads while this process lives: a text that fits
 * into a page is written over the last one, with blanks behind it so that all are equally long. A file that is new may
 * be left empty.
 */
export function overwriteFile(path: string, data: string): void {
  const length = Buffer.byteLength(data);
  if (length > page.length) {
    replaceFile(path, data);
    return;
  }
  page.write(data);
  page.fill(' ', length);
  if (!overwritePage(path)) replaceFile(path, page);
}

/** @returns `false` where something else than a page is in its place */
function overwritePage(path: string): boolean {
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    try {
      const { size } = fstatSync(fd);
      return (size === 0 || size === page.length) && writeSync(fd, page) === page.length;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw asDiskFull(error, path);
  }
}

/** Makes the names in a folder durable: what was renamed into it or removed from it. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function asDiskFull(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new SlipwayError('SLIP_DISK_FULL', `cannot write ${path}: the disk is full`, { cause: error });
}
