/**
 * One daemon for each home. The lock is the kernel's: flock(2) on an open file, so it goes with its holder however
 * that died, and a stale file means nothing. Node has no flock; the `flock` program of util-linux takes it on our
 * descriptor, where it stays after that program has ended, as the lock belongs to the open file.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';

export interface HomeLock {
  release(): void;
}

/** @throws SlipwayError SLIP_DAEMON_RUNNING */
export function lockHome(home: string): HomeLock {
  const path = join(home, 'daemon.lock');
  const fd = openSync(path, 'a+', 0o600);
  const taken = takeLock(fd, path);
  if (!taken) {
    closeSync(fd);
    const holder = readFileSync(path, 'utf8').trim();
    throw new SlipwayError(
      'SLIP_DAEMON_RUNNING',
      `cannot start a second daemon on ${home}: process ${holder || 'unknown'} owns it; ` +
        'use that one (slipway apply), or stop it (slipway down)',
    );
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  let held = true;
  return {
    release: () => {
      if (held) closeSync(fd);
      held = false;
    },
  };
}

function takeLock(fd: number, path: string): boolean {
  const result = spawnSync('flock', ['--exclusive', '--nonblock', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
  if (result.error === undefined) return result.status === 0;
  return !isHolderAlive(path);
}

/** Without `flock` (macOS): the pid in the file, which a reused pid can fool. */
function isHolderAlive(path: string): boolean {
  const pid = Number(readFileSync(path, 'utf8'));
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
