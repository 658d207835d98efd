/** Brings the bytes of a package into a staging folder, hashing and counting them on the way. */
import { createHash } from 'node:crypto';
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../domain/revision.ts';
import { tooLarge, unreadable } from './refusal.ts';

export interface Staged {
  readonly digest: Digest;
  readonly size: number;
}

const chunkSize = 512 * 1024;
const mostRedirects = 5;

/**
 * Writes a stream to `file`, which must not be there yet.
 * @throws Refusal SLIP_PACKAGE_UNREADABLE when the stream fails, SLIP_PACKAGE_TOO_LARGE
 */
export async function stageStream(
  body: AsyncIterable<Uint8Array>,
  file: string,
  maxSize: number,
  signal?: AbortSignal,
): Promise<Staged> {
  const hash = createHash('sha256');
  let size = 0;
  async function* measured(): AsyncGenerator<Uint8Array> {
    for await (const chunk of readably(body)) {
      size += chunk.length;
      if (size > maxSize) throw tooLarge(`it is itself bigger than ${maxSize} bytes`);
      hash.update(chunk);
      yield chunk;
    }
  }
  const sink = createWriteStream(file, { flags: 'wx', mode: 0o600, highWaterMark: chunkSize });
  await pipeline(measured(), sink, signal ? { signal } : {});
  return { digest: hash.digest('hex'), size };
}

/** @throws Refusal as of {@link stageStream} */
export async function stageFile(path: string, file: string, maxSize: number, signal?: AbortSignal): Promise<Staged> {
  // Without O_NONBLOCK, opening a FIFO would wait for its writer.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: Error) => {
    throw unreadable(`cannot open ${path}: ${error.message}`, error);
  });
  try {
    if (!(await handle.stat()).isFile()) throw unreadable(`${path} is neither a file nor a folder`);
    const body = handle.createReadStream({ highWaterMark: chunkSize, autoClose: false });
    return await stageStream(body, file, maxSize, signal);
  } finally {
    await handle.close();
  }
}

/** @throws Refusal as of {@link stageStream} */
export async function stageUrl(url: string, file: string, maxSize: number, signal?: AbortSignal): Promise<Staged> {
  const response = await fetchFollowing(url, signal);
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw unreadable(`the server answered ${response.status} ${response.statusText}`.trimEnd());
  }
  return await stageStream(response.body, file, maxSize, signal);
}

export async function digestOf(file: string): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: chunkSize })) hash.update(chunk);
  return hash.digest('hex');
}

async function fetchFollowing(url: string, signal: AbortSignal | undefined): Promise<Response> {
  let target = url;
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const { protocol } = parseUrl(target);
    if (protocol !== 'http:' && protocol !== 'https:') throw unreadable(`${protocol} is neither http: nor https:`);
    // `identity`: the digest is that of the package, not of what a transfer coding made of it.
    const headers = { 'accept-encoding': 'identity' };
    const response = await fetch(target, { redirect: 'manual', headers, ...(signal && { signal }) }).catch(
      (error: Error & { cause?: Error }) => {
        throw unreadable(`cannot fetch it: ${error.cause?.message ?? error.message}`, error);
      },
    );
    const location = response.headers.get('location');
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    target = new URL(location, target).href;
  }
  throw unreadable(`it is redirected more than ${mostRedirects} times`);
}

function parseUrl(url: string): URL {
  if (!URL.canParse(url)) throw unreadable('its address is no URL');
  return new URL(url);
}

/** Tells a source that fails from a disk that does. */
async function* readably(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw unreadable(`reading it failed: ${error instanceof Error ? error.message : error}`, error);
  }
}
