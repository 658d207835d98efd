/**
 * The worker's log: JSON lines as the daemon's own, written synchronously to a descriptor that was opened O_APPEND. It
 * never fails, and never grows by more than {@link linesPerSecond}, whatever clients and instances do.
 */
import { writeSync } from 'node:fs';

const linesPerSecond = 100;

export type LogFields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface Log {
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export function createLog(fd: number): Log {
  let second = 0;
  let written = 0;
  let dropped = 0;

  function put(level: string, fields: LogFields, msg: string): void {
    const line = JSON.stringify({ level, time: new Date().toISOString(), pid: process.pid, ...fields, msg });
    try {
      writeSync(fd, `${line}\n`);
    } catch {
      // A full disk must not stop traffic.
    }
  }

  function log(level: string, fields: LogFields, message: string): void {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) {
      if (dropped > 0) put('warn', { dropped }, 'log lines were dropped, more than were to be written in a second');
      second = now;
      written = 0;
      dropped = 0;
    }
    if (written >= linesPerSecond) {
      dropped += 1;
      return;
    }
    written += 1;
    put(level, fields, message);
  }

  return {
    info: (fields, message) => log('info', fields, message),
    warn: (fields, message) => log('warn', fields, message),
    error: (fields, message) => log('error', fields, message),
  };
}
