/**
 * The access log's file.
 *
 * - It never stands in the way: lines are gathered and written by other threads, one batch at a time; where the disk is
 *   full or slow they are dropped, and counted.
 * - A batch is whole lines in one write to a file that was opened O_APPEND, so several workers can share it.
 * - A file that was moved away is let go of within a second or so, and one is made in its place.
 */
import { constants, writeSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Milliseconds } from '../../domain/clock.ts';
import type { AccessLogSpec } from '../../domain/router-spec.ts';
import type { Log } from '../log.ts';
import { type Access, accessLine } from './access-line.ts';

const writeEvery: Milliseconds = 250;
const lookEvery: Milliseconds = 1_000;
const batchSize = 64 * 1024;
/** Characters, which are octets here. */
const mostWaiting = 4 * 1024 * 1024;

/** Not one that waits for a reader, where the path is a pipe. */
const openFlags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

export interface AccessLogParts {
  readonly log: Log;
  /** From 0 to below 1. */
  readonly random: () => number;
}

export class AccessLog {
  readonly spec: AccessLogSpec;
  readonly #parts: AccessLogParts;
  #waiting = '';
  #lines = 0;
  #file: FileHandle | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** The end of a line is missing in the file. */
  #isTorn = false;
  #problem = '';
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #isClosed = false;
  /** Lines that were lost. */
  dropped = 0;

  constructor(spec: AccessLogSpec, parts: AccessLogParts) {
    this.spec = spec;
    this.#parts = parts;
  }

  add(access: Access): void {
    const { sample } = this.spec;
    if (access.status < 500 && sample < 1 && this.#parts.random() >= sample) return;
    if (this.#isClosed || this.#waiting.length > mostWaiting) {
      this.dropped++;
      return;
    }
    this.#waiting += accessLine(access);
    this.#lines++;
    this.#writeSoon();
  }

  /** Writes what there is, within `patience`; lines that come later are dropped. */
  async close(patience: Milliseconds = 1_000): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const written = async () => {
      await this.#writing;
      await this.#write();
      await this.#file?.close();
    };
    await Promise.race([written(), sleep(patience, undefined, { ref: false })]);
  }

  /** For a process that is about to end without waiting for anything. */
  flushNow(): void {
    if (!this.#file || this.#waiting === '') return;
    try {
      writeSync(this.#file.fd, this.#taken());
    } catch {
      // There is nobody left to tell.
    }
  }

  #writeSoon(): void {
    if (this.#writing) return;
    if (this.#waiting.length >= batchSize) this.#begin();
    // A process that has nothing else to do is about to end, and closes the log then.
    else this.#timer ??= setTimeout(() => this.#begin(), writeEvery).unref();
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#waiting !== '' && !this.#isClosed) this.#writeSoon();
    });
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    if (this.#waiting === '') return;
    let lines = 0;
    try {
      const file = await this.#current();
      lines = this.#lines;
      const batch = Buffer.from(this.#taken(), 'latin1');
      for (let at = 0; at < batch.length; ) {
        const { bytesWritten } = await file.write(batch, at);
        at += bytesWritten;
        this.#isTorn = at < batch.length;
      }
      this.#problem = '';
    } catch (error) {
      if (lines === 0) {
        lines = this.#lines;
        this.#taken();
      }
      this.dropped += lines;
      this.#fail(error as Error);
    }
  }

  #taken(): string {
    const batch = this.#isTorn ? `\n${this.#waiting}` : this.#waiting;
    this.#waiting = '';
    this.#lines = 0;
    this.#isTorn = false;
    return batch;
  }

  /** The file that has the path now. */
  async #current(): Promise<FileHandle> {
    const now = performance.now();
    if (this.#file && now - this.#lookedAt < lookEvery) return this.#file;
    this.#lookedAt = now;
    if (this.#file && !(await this.#hasPath(this.#file))) {
      await this.#file.close();
      this.#file = undefined;
      this.#isTorn = false;
    }
    this.#file ??= await open(this.spec.path, openFlags, 0o640);
    return this.#file;
  }

  async #hasPath(file: FileHandle): Promise<boolean> {
    const own = await file.stat();
    const there = await stat(this.spec.path).catch(() => undefined);
    return there !== undefined && there.ino === own.ino && there.dev === own.dev;
  }

  #fail({ message }: Error): void {
    if (message === this.#problem) return;
    this.#problem = message;
    this.#parts.log.warn({ path: this.spec.path, cause: message }, 'cannot write the access log: lines are dropped');
  }
}
