/**
 * Writes to the handle of a socket, past the stream in front of it, which takes more time than a small write does.
 *
 * - Node documents no way to the handle. It is used only where it looks as is known here; else a socket's own `write`
 *   is. The class that a handle wants its requests to be of is learnt from a write that Node itself makes.
 * - Whoever writes here has nothing under way in the stream.
 */
import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';

export interface WriteRequest {
  /** Called where a write was not complete at once. @param status 0, or an error of the system, negated */
  oncomplete: (status: number) => void;
}

type RequestClass = new () => WriteRequest;

export interface WritableHandle {
  /** Octets that are written, and that the kernel has not taken. */
  readonly writeQueueSize: number;
  /** @returns 0, or an error of the system, negated */
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
}

let requestClass: RequestClass | undefined;

/** The handle of a socket that is connected. */
export function handleOf(socket: Socket): WritableHandle | undefined {
  const handle = (socket as unknown as { _handle?: Partial<WritableHandle> | null })._handle;
  const isKnown =
    (handle?.constructor.name === 'TCP' || handle?.constructor.name === 'Pipe') &&
    typeof handle.writeQueueSize === 'number' &&
    typeof handle.writeLatin1String === 'function' &&
    typeof handle.writeBuffer === 'function';
  return isKnown ? (handle as WritableHandle) : undefined;
}

/** For one write at a time; it can be used again unless the write was not complete at once. */
export function writeRequest(oncomplete: (status: number) => void): WriteRequest | undefined {
  if (!requestClass) return undefined;
  const request = new requestClass();
  request.oncomplete = oncomplete;
  return request;
}

/** The next write of a string on this handle shows what class requests are of. */
export function learnFrom(handle: WritableHandle): void {
  handle.writeLatin1String = (request, text) => {
    if (request.constructor.name === 'WriteWrap') requestClass = request.constructor as RequestClass;
    delete (handle as Partial<WritableHandle>).writeLatin1String;
    return handle.writeLatin1String(request, text);
  };
}

export function writeError(status: number): Error {
  const code = getSystemErrorName(status);
  return Object.assign(new Error(`write ${code}`), { code, errno: status, syscall: 'write' });
}
