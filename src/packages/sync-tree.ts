/** Makes a folder and all that is in it durable. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, fsyncSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** From about here on, one flush of the file system costs less than a flush of each file. */
const manyEntries = 16;

/** @throws the operating system's error, such as ENOSPC where blocks are only allocated now */
export function syncTree(folder: string, entries: number): void {
  if (entries >= manyEntries && syncFileSystem(folder)) return;
  syncEach(folder);
}

/** syncfs(2) by way of coreutils; `false` where that isn't there or fails: then {@link syncEach} says why. */
function syncFileSystem(folder: string): boolean {
  if (process.platform !== 'linux') return false;
  return spawnSync('sync', ['-f', folder], { stdio: 'ignore' }).status === 0;
}

function syncEach(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) syncEach(path);
    else if (entry.isFile()) syncOne(path);
  }
  syncOne(folder);
}

function syncOne(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
