/** Tells what a package is by its bytes; its name is not asked. */
import { readSync } from 'node:fs';
import { Refusal, unsupported } from './refusal.ts';
import { claimsToBeTar, isTarHeader } from './tar-reader.ts';
import { classifyZip } from './zip-reader.ts';
import { type ZipSource, zipAfterStub } from './zip-source.ts';

export type Detected =
  | { readonly kind: 'tar'; readonly gzipped: boolean }
  | { readonly kind: 'zip'; readonly source: ZipSource }
  | { readonly kind: 'single'; readonly format: 'jar' | 'wheel' | 'pyz' | 'binary' };

const headSize = 4096;
const elf = Buffer.from('\x7fELF', 'latin1');
const zipEntry = Buffer.from('PK\x03\x04', 'latin1');
const emptyZip = Buffer.from('PK\x05\x06', 'latin1');

/** @throws Refusal SLIP_PACKAGE_UNSUPPORTED, SLIP_PACKAGE_CORRUPT */
export async function detect(fd: number, size: number): Promise<Detected> {
  const head = Buffer.alloc(Math.min(headSize, size));
  readSync(fd, head, 0, head.length, 0);
  if (head[0] === 0x1f && head[1] === 0x8b) return { kind: 'tar', gzipped: true };
  if (startsWith(head, elf)) return { kind: 'single', format: 'binary' };
  if (startsWith(head, zipEntry) || startsWith(head, emptyZip)) return asZip({ fd, start: 0, size });
  if (head.toString('latin1', 0, 2) === '#!') return script(fd, size, head);
  if (isTarHeader(head) || claimsToBeTar(head)) return { kind: 'tar', gzipped: false };
  throw unsupported(`its content is ${nameOf(head)}, none of the formats that Slipway takes`);
}

async function asZip(source: ZipSource): Promise<Detected> {
  const format = await classifyZip(source);
  return format === 'tree' ? { kind: 'zip', source } : { kind: 'single', format };
}

/** A zip may hide behind a `#!` line: a .pyz, or a JAR that starts itself. Any other payload is the script's own. */
async function script(fd: number, size: number, head: Buffer): Promise<Detected> {
  const lineEnd = head.indexOf('\n') + 1;
  const claimsZip = lineEnd > 0 && startsWith(head.subarray(lineEnd), zipEntry);
  try {
    const found = await asZip(zipAfterStub(fd, size));
    if (found.kind === 'single') return found;
  } catch (error) {
    if (claimsZip || !(error instanceof Refusal)) throw error;
  }
  return { kind: 'single', format: 'binary' };
}

function startsWith(bytes: Buffer, magic: Buffer): boolean {
  return bytes.subarray(0, magic.length).equals(magic);
}

function nameOf(head: Buffer): string {
  const hex = head.toString('hex', 0, 6);
  if (hex === 'fd377a585a00') return 'xz-compressed';
  if (hex.startsWith('28b52ffd')) return 'zstd-compressed';
  if (hex.startsWith('425a68')) return 'bzip2-compressed';
  if (hex.startsWith('377abcaf271c')) return 'a 7z archive';
  if (hex.startsWith('4d5a')) return 'a Windows executable';
  return head.length === 0 ? 'empty' : 'unknown';
}
