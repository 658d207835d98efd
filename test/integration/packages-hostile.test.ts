/** Archives that mean harm, or are broken: each is refused whole, and nothing of it is left anywhere. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type ErrorCode, SlipwayError } from '../../src/domain/errors.ts';
import type { UnpackLimits } from '../../src/domain/spec.ts';
import { Refusal } from '../../src/packages/refusal.ts';
import { createReleaseStore } from '../../src/packages/release-store.ts';
import { unpack } from '../../src/packages/unpack.ts';
import { pax, type TarEntry, tar, tgz, withStub, type ZipEntry, zip } from '../helpers/archives.ts';
import { eventually } from '../helpers/eventually.ts';
import { tempDir } from '../helpers/temp-dir.ts';

interface Case {
  readonly bytes: Buffer;
  readonly why: RegExp;
  readonly code: ErrorCode;
  readonly limits?: UnpackLimits;
}

/** The total is under what the ratio isn't held against, so that each limit can be met alone. */
const limits = { totalSize: 9 * 1024 * 1024, entries: 1000, ratio: 100 };
const roomy = { ...limits, totalSize: 1e9 };
const fine: TarEntry = { name: 'fine', body: 'fine' };
const zeros = Buffer.alloc(12 * 1024 * 1024);

const hostile = (bytes: Buffer, why: RegExp): Case => ({ bytes, why, code: 'SLIP_PACKAGE_HOSTILE' });
const corrupt = (bytes: Buffer, why: RegExp): Case => ({ bytes, why, code: 'SLIP_PACKAGE_CORRUPT' });
const tooLarge = (bytes: Buffer, why: RegExp): Case => ({ bytes, why, code: 'SLIP_PACKAGE_TOO_LARGE' });
const unsupported = (bytes: Buffer, why: RegExp): Case => ({ bytes, why, code: 'SLIP_PACKAGE_UNSUPPORTED' });

const inTar = (why: RegExp, ...entries: TarEntry[]) => hostile(tgz([fine, ...entries]), why);
const inZip = (why: RegExp, ...entries: ZipEntry[]) => hostile(zip([fine, ...entries]), why);

function damaged(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0x55;
  return copy;
}

/** A zip whose central directory is at its end: its entries' data come first. */
const someZip = zip([fine, { name: 'more', body: 'x'.repeat(1000), stored: true }]);
const big: TarEntry = { name: 'big', body: zeros };

const cases: Readonly<Record<string, Case>> = {
  'tar: an absolute path': inTar(/absolute path/, { name: '/tmp/slipway-evil' }),
  'tar: a path that climbs out': inTar(/climbs out/, { name: '../../slipway-evil' }),
  'tar: a path that climbs out further on': inTar(/climbs out/, { name: 'a/b/../../../slipway-evil' }),
  'tar: a long name that climbs out': inTar(/climbs out/, pax({ path: '../slipway-evil' }), fine),
  'tar: a GNU long name that climbs out': inTar(/climbs out/, { name: 'L', type: 'L', body: '../evil\0' }, fine),
  'tar: a NUL in a long name': inTar(/NUL/, pax({ path: 'a\0b' }), fine),
  'tar: a line break in a long name': inTar(/line break/, pax({ path: 'a\nb' }), fine),
  'tar: a name that is not UTF-8': inTar(/not UTF-8/, { name: Buffer.from([0x61, 0xff, 0x62]) }),
  'tar: an overlong name': inTar(/over 255 bytes/, pax({ path: 'x'.repeat(300) }), { name: 'y' }),
  'tar: an overlong path': inTar(/over 2048 bytes/, pax({ path: 'x/'.repeat(2000) }), { name: 'y' }),
  'tar: a link to an absolute path': inTar(/absolute path/, { name: 'a', type: '2', link: '/etc/passwd' }),
  'tar: a link that leaves': inTar(/leaves the tree/, { name: 'a', type: '2', link: '../../etc/passwd' }),
  'tar: links that leave as a chain': inTar(
    /leaves the tree/,
    { name: 'd/up', type: '2', link: '..' },
    { name: 'd/out', type: '2', link: 'up/../x' },
  ),
  'tar: a link out of the folder that is stripped': hostile(
    tgz([
      { name: 'package/a', body: '' },
      { name: 'package/link', type: '2', link: '../release.json' },
    ]),
    /leaves the tree/,
  ),
  'tar: a file written through a link': inTar(
    /leads through "d", which is a link/,
    { name: 'd', type: '2', link: '.' },
    { name: 'd/x', body: 'evil' },
  ),
  'tar: a file written over a link': inTar(
    /there twice, first as a link/,
    { name: 'd', type: '2', link: 'fine' },
    { name: 'd', body: 'evil' },
  ),
  'tar: a link over a folder': inTar(/there twice/, { name: 'd/x' }, { name: 'd', type: '2', link: 'e' }),
  'tar: a loop of links': inTar(/loop/, { name: 'a', type: '2', link: 'b' }, { name: 'b', type: '2', link: 'a' }),
  'tar: a hard link to outside': inTar(/absolute path/, { name: 'a', type: '1', link: '/etc/passwd' }),
  'tar: a hard link that climbs out': inTar(/climbs out/, { name: 'a', type: '1', link: '../../x' }),
  'tar: a hard link to nothing': inTar(/no file that came before/, { name: 'a', type: '1', link: 'missing' }),
  'tar: a hard link to a link': inTar(
    /no file that came before/,
    { name: 'l', type: '2', link: 'fine' },
    { name: 'a', type: '1', link: 'l' },
  ),
  'tar: a character device': inTar(/CharacterDevice/, { name: 'a', type: '3' }),
  'tar: a block device': inTar(/BlockDevice/, { name: 'a', type: '4' }),
  'tar: a FIFO': inTar(/FIFO/, { name: 'a', type: '6' }),
  'tar: a sparse file': inTar(/SparseFile/, { name: 'a', type: 'S', body: 'x' }),
  'tar: a sparse file by extended header': inTar(/sparse/, pax({ 'GNU.sparse.major': '1' }), { name: 'a', body: 'x' }),
  'tar: an unknown type': inTar(/not a file, folder or link/, { name: 'a', type: 'Z' }),
  'tar: an overlong extended header': inTar(/ExtendedHeader/, pax({ comment: 'x'.repeat(2 ** 20) }), { name: 'a' }),
  'tar: the same file twice': inTar(/there twice/, fine),
  'tar: names that differ in case': inTar(/collides/, { name: 'FINE' }),
  'tar: folders that differ in case': inTar(/collides/, { name: 'a/x' }, { name: 'A/y' }),
  'tar: names that differ in Unicode form': inTar(/collides/, { name: 'caf\u00e9' }, { name: 'cafe\u0301' }),
  'tar: a file that is a folder too': inTar(/leads through "fine", which is a file/, { name: 'fine/x' }),
  'tar: the root as a file': inTar(/would replace/, { name: './', type: '2', link: 'x' }),

  'zip: an absolute path': inZip(/absolute path/, { name: '/tmp/slipway-evil' }),
  'zip: a drive letter': inZip(/absolute path/, { name: 'C:\\evil' }),
  'zip: a path that climbs out': inZip(/climbs out/, { name: '../evil' }),
  'zip: a path that climbs out by backslashes': inZip(/climbs out/, { name: '..\\..\\evil' }),
  'zip: a NUL in a name': inZip(/NUL/, { name: 'a\0b' }),
  'zip: a name that is not UTF-8': inZip(/not UTF-8/, { name: Buffer.from([0xff, 0xfe]) }),
  'zip: a link that leaves': inZip(/leaves the tree/, { name: 'a', body: '../x', mode: 0o120777 }),
  'zip: a link with an overlong target': inZip(/overlong/, { name: 'a', body: 'x'.repeat(5000), mode: 0o120777 }),
  'zip: a file written through a link': inZip(
    /leads through/,
    { name: 'd', body: '.', mode: 0o120777 },
    { name: 'd/x', body: 'evil' },
  ),
  'zip: a device': inZip(/type 020000/, { name: 'a', mode: 0o020644 }),
  'zip: a FIFO': inZip(/type 010000/, { name: 'a', mode: 0o010644 }),
  'zip: the same file twice': inZip(/there twice/, { name: 'fine', body: 'other' }),
  'zip: names that differ in case': inZip(/collides/, { name: 'Fine', body: 'other' }),
  'zip: entries that share bytes': inZip(/shares its bytes/, { name: 'again', body: 'fine', sameBytesAs: 0 }),

  'gzip cut short': corrupt(tgz([fine, { name: 'a', body: noise(5000) }]).subarray(0, -200), /cut short/),
  'gzip without its checksum': corrupt(tgz([fine]).subarray(0, -8), /cut short/),
  'gzip with a wrong checksum': corrupt(damaged(tgz([fine]), tgz([fine]).length - 6), /damaged/),
  'gzip with damage inside': corrupt(damaged(tgz([fine]), 30), /damaged/),
  'tar cut short in an entry': corrupt(tar([fine, big]).subarray(0, 100_000), /cut short|no sound tar/),
  'tar cut short between entries': corrupt(tar([fine, fine], { end: false }).subarray(0, 1024), /no end mark/),
  'tar with a damaged header': corrupt(damaged(tar([fine, { name: 'next' }]), 1024), /checksum failure/),
  'tar with a damaged first header': corrupt(damaged(tar([fine]), 0), /tar/),
  'zip cut short': corrupt(someZip.subarray(0, -30), /no sound zip/),
  'zip without its directory': corrupt(someZip.subarray(0, 500), /no sound zip/),
  'zip with damage in an entry': corrupt(damaged(someZip, someZip.indexOf('xxxx') + 5), /checksum/),
  'zip with a damaged deflate stream': corrupt(damaged(someZip, 36), /zip|checksum|declares/),
  'zip that declares less than it holds': corrupt(zip([{ name: 'a', body: zeros, size: 100 }]), /zip|declares/),
  'zip that declares less of what is much': corrupt(
    zip([{ name: 'a', body: zeros, size: 5_000_000 }]),
    /more than it declares/,
  ),
  'zip that declares more than it holds': corrupt(zip([{ name: 'a', body: 'x', size: 50 }]), /less than it declares/),
  'zip with a wrong checksum': corrupt(zip([{ name: 'a', body: 'x', crc: 1 }]), /checksum/),
  'zip with something behind it': corrupt(Buffer.concat([someZip, Buffer.from('x')]), /no sound zip/),
  'zip with entries that it does not count': corrupt(zip([fine, { name: 'more' }], 1), /more entries than it declares/),
  'jar cut short': corrupt(zip([{ name: 'META-INF/MANIFEST.MF', body: 'x' }]).subarray(0, -1), /no sound zip/),
  'pyz cut short': corrupt(withStub('#!/usr/bin/python3\n', zip([{ name: '__main__.py' }])).subarray(0, -9), /zip/),

  'a bomb by its ratio': { ...tooLarge(tgz([big]), /100 times its own size/), limits: roomy },
  'a bomb by its ratio, zipped': { ...tooLarge(zip([big]), /100 times its own size/), limits: roomy },
  'a bomb by its size': tooLarge(tgz([{ name: 'a', body: Buffer.alloc(limits.totalSize + 1) }]), /more than 9437184 b/),
  'a bomb by its size, zipped': tooLarge(zip([{ name: 'a', body: Buffer.alloc(limits.totalSize + 1) }]), /more than 9/),
  'a bomb by its entries': tooLarge(tgz(Array.from({ length: 1001 }, (_, i) => ({ name: `${i}` }))), /1000 entries/),
  'a bomb by its entries, zipped': tooLarge(
    zip(Array.from({ length: 1001 }, (_, i) => ({ name: `${i}` }))),
    /1000 entr/,
  ),
  'a bomb by its folders': tooLarge(tgz([pax({ path: 'd/'.repeat(1001) }), { name: 'd', type: '5' }]), /1000 entries/),
  'a bomb of padding': tooLarge(gzipSync(Buffer.concat([tar([fine]), zeros, zeros])), /headers and padding/),

  'a gzip of something else': unsupported(gzipSync('hello'), /no tar archive/),
  'a gzip in a gzip': unsupported(gzipSync(tgz([fine])), /no tar archive/),
  'zip: an encrypted entry': unsupported(zip([{ name: 'a', flags: 1 }]), /encrypted/),
  'zip: an unknown method': unsupported(zip([{ name: 'a', method: 12 }]), /method \(12\)/),
};

/** Hardly compressible, and the same each time. */
function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0, x = 1; i < size; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = x >>> 24;
  }
  return bytes;
}

function refusedAs({ code, why }: Case) {
  return (error: unknown) => {
    assert.ok(error instanceof Refusal || error instanceof SlipwayError, String(error));
    assert.match(error.message, why);
    assert.equal(error.code, code);
    return true;
  };
}

describe('a hostile or broken package', () => {
  for (const [what, wrong] of Object.entries(cases)) {
    it(`is refused, and touches only what is staged: ${what}`, async t => {
      const folder = await tempDir(t);
      const staging = join(folder, 'staging');
      await mkdir(staging);
      const [file, release] = [join(staging, 'package'), join(staging, 'release')];
      await writeFile(file, wrong.bytes);
      const openBefore = readdirSync('/proc/self/fd').length;
      const job = { file, name: 'package', release, limits: wrong.limits ?? limits };
      await assert.rejects(unpack(job), refusedAs(wrong));
      assert.deepEqual(readdirSync(folder), ['staging']);
      assert.deepEqual(readdirSync(staging).sort(), ['package', 'release']);
      assert.ok(!existsSync(join(release, 'release.json')));
      assert.ok(!existsSync('/tmp/slipway-evil'));
      await eventually('no file left open', () => readdirSync('/proc/self/fd').length <= openBefore);
    });
  }

  const throughTheStore = [
    'tar: a file written through a link',
    'zip: a path that climbs out by backslashes',
    'gzip cut short',
    'jar cut short',
    'a bomb by its folders',
    'zip: an encrypted entry',
  ];
  for (const what of throughTheStore) {
    it(`leaves nothing in the store: ${what}`, async t => {
      const folder = await tempDir(t);
      const wrong = cases[what];
      assert.ok(wrong);
      await writeFile(join(folder, 'package'), wrong.bytes);
      const store = createReleaseStore(join(folder, 'home'));
      const ingest = store.ingest({ kind: 'path', path: join(folder, 'package') }, limits);
      await assert.rejects(ingest, (error: Error) => {
        assert.match(error.message, /^cannot take package package: /);
        return refusedAs(wrong)(error);
      });
      assert.deepEqual(readdirSync(folder).sort(), ['home', 'package']);
      assert.deepEqual(readdirSync(join(folder, 'home')), ['staging']);
      assert.deepEqual(readdirSync(join(folder, 'home/staging')), []);
    });
  }
});
