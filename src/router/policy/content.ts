/**
 * What a fixed response has for a body: text, or a file.
 *
 * - A file is looked at when a table comes, and with a request at most once a second. What was last read is served, also
 *   when the file is gone.
 * - It is bounded, and is nothing but a regular file: nobody waits for a pipe.
 */
import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { extname } from 'node:path';
import type { Milliseconds } from '../../domain/clock.ts';
import type { RespondSpec } from '../../domain/route-spec.ts';
import type { Log } from '../log.ts';

const lookEvery: Milliseconds = 1_000;
const largestFile = 16 * 1024 * 1024;
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK;

export interface Content {
  readonly bytes: Buffer;
  /** A media type. */
  readonly type: string;
  /** An entity tag, with its quotes. */
  readonly tag: string;
}

export interface ContentSource {
  /** `undefined`: there is none that can be read. */
  at(now: Milliseconds): Content | undefined;
}

export function contentSource(body: RespondSpec['body'], log: Log): ContentSource {
  if ('file' in body) return new FileSource(body.file, log);
  const content = contentOf(Buffer.from(body.text), 'text/plain; charset=utf-8');
  return { at: () => content };
}

class FileSource implements ContentSource {
  readonly #path: string;
  readonly #log: Log;
  #content: Content | undefined;
  /** Changes with the file. */
  #mark = '';
  #problem = '';
  #lookedAt: Milliseconds;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#lookedAt = performance.now();
    this.#look();
  }

  at(now: Milliseconds): Content | undefined {
    if (now - this.#lookedAt >= lookEvery) {
      this.#lookedAt = now;
      this.#look();
    }
    return this.#content;
  }

  #look(): void {
    let fd: number | undefined;
    try {
      fd = openSync(this.#path, openFlags);
      const stats = fstatSync(fd);
      if (markOf(stats) !== this.#mark) {
        this.#content = contentOf(read(fd, stats), typeOf(this.#path));
        this.#mark = markOf(stats);
      }
      this.#problem = '';
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #fail({ message }: Error): void {
    if (message === this.#problem) return;
    this.#problem = message;
    this.#log.warn({ path: this.#path, cause: message }, 'cannot read the body of a fixed response');
  }
}

function read(fd: number, stats: Stats): Buffer {
  if (!stats.isFile()) throw new Error('it is not a regular file');
  if (stats.size > largestFile) throw new Error(`it has more than ${largestFile} bytes`);
  const bytes = Buffer.allocUnsafeSlow(stats.size);
  let length = 0;
  for (let count = -1; count !== 0 && length < bytes.length; length += count) {
    count = readSync(fd, bytes, { offset: length });
  }
  return bytes.subarray(0, length);
}

function markOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
}

function contentOf(bytes: Buffer, type: string): Content {
  return { bytes, type, tag: `"${hash('sha1', bytes, 'base64url')}"` };
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.htm': 'text/html; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.md': 'text/markdown; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.xml': 'application/xml',
  '.pdf': 'application/pdf',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.avif': 'image/avif',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

function typeOf(path: string): string {
  return types[extname(path).toLowerCase()] ?? 'application/octet-stream';
}
