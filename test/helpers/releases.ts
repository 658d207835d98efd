import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { crc32 } from 'node:zlib';
import type { Release, ReleaseFormat } from '../../src/domain/revision.ts';
import { tempDir } from './temp-dir.ts';

/** Content by path; executable where it begins with `#!`. */
export type Files = Readonly<Record<string, string | Buffer>>;

/** A release as the store would have left it, but for being read-only. */
export async function treeRelease(
  t: Pick<TestContext, 'after'>,
  files: Files,
  name = 'app-1.0.0.tgz',
): Promise<Release> {
  const root = await tempDir(t);
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { mode: content.toString().startsWith('#!') ? 0o755 : 0o644 });
  }
  return describe('tree', name, root);
}

export async function fileRelease(
  t: Pick<TestContext, 'after'>,
  format: Exclude<ReleaseFormat, 'tree'>,
  name: string,
  content: string | Buffer,
): Promise<Release> {
  const root = await tempDir(t);
  const file = join(root, name);
  await writeFile(file, content, { mode: format === 'binary' ? 0o755 : 0o644 });
  return { ...describe(format, name, root), file };
}

function describe(format: ReleaseFormat, name: string, root: string): Release {
  const digest = createHash('sha256').update(randomBytes(8)).digest('hex');
  return { digest, format, name, root, packedSize: 1, unpackedSize: 1, entries: 1 };
}

/** A zip whose entries are stored as they are. */
export function zipOf(files: Files): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [path, text] of Object.entries(files)) {
    const [name, content] = [Buffer.from(path), Buffer.from(text)];
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, name, content]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, rest, name);
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(locals.length, 4);
  end.writeUInt16LE(locals.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, central, Buffer.from('PK\x05\x06', 'latin1'), end]);
}
