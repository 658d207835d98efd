/**
 * Archives that were sound once, or nearly. Whatever is done to them, they are taken or refused; nothing outside of
 * the staging folder changes, and what is taken keeps the promises made for a release. FUZZ_SECONDS sets how long.
 */
import assert from 'node:assert/strict';
import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { SlipwayError } from '../../src/domain/errors.ts';
import { asRefusal } from '../../src/packages/refusal.ts';
import { createReleaseStore } from '../../src/packages/release-store.ts';
import { unpack } from '../../src/packages/unpack.ts';
import { pax, type TarEntry, tar, withStub, type ZipEntry, zip } from '../helpers/archives.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const seconds = Number(process.env.FUZZ_SECONDS ?? 8);
const limits = { totalSize: 200_000, entries: 50, ratio: 50 };

const segment = fc.constantFrom('a', 'A', 'b', 'é', 'e\u0301', '..', '.', '', 'package', 'x'.repeat(90), 'c\\d', '\0');
const path = fc.oneof(
  { weight: 4, arbitrary: fc.array(segment, { minLength: 1, maxLength: 4 }).map(segments => segments.join('/')) },
  { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
);
const plainPath = fc
  .array(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1, maxLength: 4 })
  .map(s => s.join('/'));
const body = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.integer({ min: 0, max: 5000 }).map(n => 'slipway '.repeat(n)),
);

const tarEntry: fc.Arbitrary<readonly TarEntry[]> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ name: plainPath, body, mode: fc.nat(0o7777) }).map(entry => [entry]) },
  { weight: 2, arbitrary: fc.record({ name: plainPath, link: plainPath, type: fc.constant('2') }).map(e => [e]) },
  {
    weight: 2,
    arbitrary: fc.record({ name: path, link: path, type: fc.constantFrom(...'01256SLKxgDZ\0'), body }).map(e => [e]),
  },
  { weight: 1, arbitrary: fc.record({ name: path, body, size: fc.nat(20_000) }).map(entry => [entry]) },
  {
    weight: 1,
    arbitrary: fc.tuple(path, path, body).map(([p, l, b]) => [pax({ path: p, linkpath: l }), { name: 'x', body: b }]),
  },
);
const tarArchive = fc.array(tarEntry, { maxLength: 8 }).map(entries => tar(entries.flat()));

const zipEntry: fc.Arbitrary<ZipEntry> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ name: plainPath, body, stored: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ name: plainPath, body: plainPath, mode: fc.constant(0o120777) }) },
  { weight: 1, arbitrary: fc.record({ name: path, body, mode: fc.nat(0xffff), method: fc.constantFrom(0, 8, 9) }) },
  { weight: 1, arbitrary: fc.record({ name: path, body, size: fc.nat(9000), crc: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ name: '__main__.py', body: 'pass' }) },
);
const zipArchive = fc.array(zipEntry, { maxLength: 8 }).map(entries => zip(entries));

type Damage = (bytes: Buffer) => Buffer;
const anywhere = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 3, arbitrary: fc.constant((bytes: Buffer) => bytes) },
  fc.tuple(anywhere, fc.nat(7)).map(([at, bit]) => (bytes: Buffer) => {
    const copy = Buffer.from(bytes);
    const index = Math.floor(at * copy.length);
    if (copy.length > 0) copy[index] = (copy[index] ?? 0) ^ (1 << bit);
    return copy;
  }),
  anywhere.map(at => (bytes: Buffer) => bytes.subarray(0, Math.floor(at * bytes.length))),
  fc.tuple(anywhere, fc.uint8Array({ maxLength: 40 })).map(([at, inserted]) => (bytes: Buffer) => {
    const index = Math.floor(at * bytes.length);
    return Buffer.concat([bytes.subarray(0, index), inserted, bytes.subarray(index)]);
  }),
  fc.tuple(anywhere, fc.uint8Array({ maxLength: 8 })).map(([at, over]) => (bytes: Buffer) => {
    const copy = Buffer.from(bytes);
    copy.set(over.subarray(0, Math.max(0, copy.length - Math.floor(at * copy.length))), Math.floor(at * copy.length));
    return copy;
  }),
);

const packaged: fc.Arbitrary<Damage> = fc.constantFrom(
  bytes => bytes,
  bytes => gzipSync(bytes),
  bytes => withStub('#!/usr/bin/env python3\n', bytes),
);
const anyPackage = fc
  .tuple(fc.oneof(tarArchive, zipArchive), damage, packaged, damage)
  .map(([archive, before, wrap, after]) => after(wrap(before(archive))));

it('no archive does harm, whatever was done to it', async t => {
  const folder = await tempDir(t);
  const canary = join(folder, 'canary');
  await writeFile(canary, 'alive');
  let [taken, refused] = [0, 0];
  await forSeconds(
    seconds * 0.75,
    fc.asyncProperty(anyPackage, async bytes => {
      const staging = await mkdtemp(join(folder, 'staging-'));
      const [file, release] = [join(staging, 'package'), join(staging, 'release')];
      await writeFile(file, bytes);
      const failure = await unpack({ file, name: 'package', release, limits }).catch(asRefusal);
      if (failure) {
        refused++;
        assert.match(failure.code, /^SLIP_PACKAGE_(HOSTILE|CORRUPT|TOO_LARGE|UNSUPPORTED)$/, failure.stack);
      } else {
        taken++;
        assertKeepsPromises(release);
      }
      assert.deepEqual(readdirSync(folder).sort(), ['canary', staging.slice(folder.length + 1)].sort());
      assert.equal(readFileSync(canary, 'utf8'), 'alive');
      await removeAll(staging);
    }),
  );
  assert.ok(taken > 0 && refused > 0, `both happened: ${taken} taken, ${refused} refused`);
  t.diagnostic(`${taken} taken, ${refused} refused`);
});

it('the store survives every one, and keeps nothing of what it refused', async t => {
  const folder = await tempDir(t);
  const home = join(folder, 'home');
  const store = createReleaseStore(home);
  await forSeconds(
    seconds * 0.25,
    fc.asyncProperty(anyPackage, async bytes => {
      await writeFile(join(folder, 'package'), bytes);
      const source = { kind: 'path', path: join(folder, 'package') } as const;
      const release = await store.ingest(source, limits).catch((error: unknown) => {
        assert.ok(error instanceof SlipwayError && error.code.startsWith('SLIP_PACKAGE_'), String(error));
        return undefined;
      });
      assert.deepEqual(await store.list(), release ? [release] : []);
      await store.collect(new Set());
      assert.deepEqual(await readdir(folder).then(names => names.sort()), ['home', 'package']);
      assert.deepEqual(await readdir(join(home, 'staging')), []);
    }),
  );
});

async function forSeconds<T>(limit: number, property: fc.IAsyncProperty<T>): Promise<void> {
  const end = performance.now() + limit * 1000;
  while (performance.now() < end) await fc.assert(property, { numRuns: 5 });
}

function assertKeepsPromises(release: string): void {
  const tree = join(release, 'tree');
  let size = 0;
  for (const name of ['.', ...(readdirSync(tree, { recursive: true }) as string[])]) {
    const at = join(tree, name);
    const status = lstatSync(at);
    const mode = status.mode & 0o7777;
    if (status.isSymbolicLink()) {
      const end = resolved(at);
      assert.ok(end === undefined || end === tree || end.startsWith(tree + sep), `${name} leads to ${end}`);
    } else if (status.isDirectory()) {
      assert.equal(mode, 0o555, name);
    } else {
      assert.ok(status.isFile() && (mode === 0o444 || mode === 0o555), name);
      size += status.size;
    }
  }
  const { unpackedSize, entries } = JSON.parse(readFileSync(join(release, 'release.json'), 'utf8'));
  assert.ok(unpackedSize <= limits.totalSize && unpackedSize <= size && entries <= limits.entries);
}

/** Where a link ends; `undefined` where nothing is. */
function resolved(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

async function removeAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
  await rm(folder, { recursive: true });
}
