/** `release.json`: what is known of a release besides its content. Its version is refused when newer than this one. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import type { Digest, Release, ReleaseFormat } from '../domain/revision.ts';
import { errnoOf } from './refusal.ts';

export const recordName = 'release.json';
export const treeName = 'tree';

const version = 1;
const formats: readonly string[] = ['tree', 'jar', 'wheel', 'pyz', 'binary'] satisfies ReleaseFormat[];

export interface ReleaseRecord {
  readonly format: ReleaseFormat;
  readonly name: string;
  /** Inside the tree, for a format that stays one file. */
  readonly file?: string;
  readonly packedSize: number;
  readonly unpackedSize: number;
  readonly entries: number;
}

export function encodeRecord(record: ReleaseRecord): string {
  return `${JSON.stringify({ version, ...record }, null, 2)}\n`;
}

/**
 * The release in `folder`, if there is one.
 * @throws SlipwayError SLIP_STATE_NEWER, SLIP_STATE_CORRUPT
 */
export async function readRelease(folder: string, digest: Digest): Promise<Release | undefined> {
  const path = join(folder, recordName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new SlipwayError('SLIP_STATE_CORRUPT', `cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  const { format, name, file, packedSize, unpackedSize, entries } = decodeRecord(text, path);
  const root = join(folder, treeName);
  const content = file === undefined ? {} : { file: join(root, file) };
  return { digest, format, name, root, ...content, packedSize, unpackedSize, entries };
}

function decodeRecord(text: string, path: string): ReleaseRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new SlipwayError('SLIP_STATE_CORRUPT', `cannot read ${path}: it is no JSON`, { cause: error });
  }
  const found = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  if (typeof found.version === 'number' && found.version > version) {
    throw new SlipwayError('SLIP_STATE_NEWER', `cannot read ${path}: its version ${found.version} is over ${version}`);
  }
  if (found.version !== version || !isRecord(found)) {
    throw new SlipwayError('SLIP_STATE_CORRUPT', `cannot read ${path}: it is no release record`);
  }
  return found;
}

function isRecord(found: Record<string, unknown>): found is Record<string, unknown> & ReleaseRecord {
  const sizes = [found.packedSize, found.unpackedSize, found.entries];
  return (
    formats.includes(found.format as string) &&
    typeof found.name === 'string' &&
    (found.file === undefined ? found.format === 'tree' : typeof found.file === 'string') &&
    sizes.every(size => Number.isSafeInteger(size))
  );
}
