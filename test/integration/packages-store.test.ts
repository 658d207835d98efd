import assert from 'node:assert/strict';
import { execFileSync, fork, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rmdir,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SlipwayError } from '../../src/domain/errors.ts';
import type { UnpackLimits } from '../../src/domain/spec.ts';
import type { ReleaseStore } from '../../src/packages/contract.ts';
import { packDirectory } from '../../src/packages/pack-directory.ts';
import { createReleaseStore } from '../../src/packages/release-store.ts';
import { pax, tar, tgz, withStub, zip } from '../helpers/archives.ts';
import { eventually } from '../helpers/eventually.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const limits: UnpackLimits = { totalSize: 1e9, entries: 10_000, ratio: 1000 };
const none: ReadonlySet<string> = new Set();
const fixture = fileURLToPath(new URL('../fixtures/packages/ingest.ts', import.meta.url));

interface Place {
  readonly folder: string;
  readonly home: string;
  readonly store: ReleaseStore;
  file(name: string, content: string | Buffer): Promise<{ kind: 'path'; path: string }>;
}

async function place(t: TestContext): Promise<Place> {
  const folder = await tempDir(t);
  const home = join(folder, 'home');
  const store = createReleaseStore(home);
  // Read-only folders would stop a plain user's rm.
  t.after(() => store.collect(none).catch(() => {}));
  const file = async (name: string, content: string | Buffer) => {
    await writeFile(join(folder, name), content);
    return { kind: 'path', path: join(folder, name) } as const;
  };
  return { folder, home, store, file };
}

const failing = (code: string, why: RegExp) => (error: unknown) =>
  error instanceof SlipwayError && error.code === code && /^cannot /.test(error.message) && why.test(error.message);

function assertNothingIn(home: string): void {
  assert.deepEqual(readdirSync(join(home, 'staging')), []);
  assert.deepEqual(existsSync(join(home, 'releases')) ? readdirSync(join(home, 'releases')) : [], []);
}

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

const app = [
  { name: 'package/package.json', body: '{}' },
  { name: 'package/bin/run', body: '#!/bin/sh\n', mode: 0o6755 },
  { name: 'package/lib', type: '5', mode: 0o1777 },
  { name: 'package/lib/run', type: '2', link: '../bin/run' },
  { name: 'package/bin/again', type: '1', link: 'package/bin/run' },
];

describe('formats', { concurrency: 2 }, () => {
  it('a .tgz becomes a read-only tree without its single top folder', async t => {
    const { store, file, home } = await place(t);
    const bytes = tgz(app);
    const release = await store.ingest(await file('greeter-1.0.0.tgz', bytes), limits);
    assert.deepEqual(release, {
      digest: sha256(bytes),
      format: 'tree',
      name: 'greeter-1.0.0.tgz',
      root: join(home, 'releases', sha256(bytes), 'tree'),
      packedSize: bytes.length,
      unpackedSize: 12,
      entries: 6,
    });
    const mode = async (path: string) => ((await lstat(join(release.root, path))).mode & 0o7777).toString(8);
    assert.equal(await mode('package.json'), '444');
    assert.equal(await mode('bin/run'), '555', 'set-uid and set-gid are dropped');
    assert.equal(await mode('lib'), '555', 'the sticky bit is dropped');
    assert.equal(await mode('.'), '555');
    assert.equal(await mode('..'), '755', 'what runtimes prepare goes beside the tree');
    assert.equal(await readlink(join(release.root, 'lib/run')), '../bin/run');
    assert.equal(await readFile(join(release.root, 'bin/again'), 'utf8'), '#!/bin/sh\n');
    assert.deepEqual(await store.find(release.digest), release);
    assert.deepEqual(await store.list(), [release]);
    assert.deepEqual(await readdir(join(home, 'staging')), []);
  });

  const wheel = [{ name: 'greeter-1.0.dist-info/WHEEL', body: 'Wheel-Version: 1.0\n' }];
  const jar = [{ name: 'META-INF/MANIFEST.MF', body: 'Main-Class: A\n' }];
  const pyz = [{ name: '__main__.py', body: 'print(1)\n' }];
  const shebang = '#!/usr/bin/env python3\n';
  const kept: readonly (readonly [string, string, Buffer])[] = [
    ['app.jar', 'jar', zip(jar)],
    ['app.war', 'jar', zip([...jar, { name: 'WEB-INF/web.xml' }])],
    ['self-starting.jar', 'jar', withStub('#!/bin/sh\nexec java -jar "$0"\nexit 1\n', zip(jar))],
    ['greeter-1.0-py3-none-any.whl', 'wheel', zip(wheel)],
    ['app.pyz', 'pyz', zip(pyz)],
    ['shebang.pyz', 'pyz', withStub(shebang, zip(pyz))],
    ['script', 'binary', Buffer.from('#!/bin/sh\nexit 0\n')],
    ['program', 'binary', readFileSync(process.execPath).subarray(0, 100_000)],
    ['makeself.run', 'binary', withStub('#!/bin/sh\n# payload\n', tgz(app))],
  ];
  for (const [name, format, bytes] of kept) {
    it(`${name} is kept as the ${format} it is, whatever it is called`, async t => {
      const { store, file } = await place(t);
      const release = await store.ingest(await file(`${name}.bin`, bytes), limits);
      assert.equal(release.format, format);
      assert.equal(release.file, join(release.root, `${name}.bin`));
      assert.deepEqual(await readFile(release.file ?? ''), bytes);
      assert.equal(statSync(release.file ?? '').mode & 0o7777, format === 'binary' ? 0o555 : 0o444);
      assert.deepEqual([release.packedSize, release.unpackedSize, release.entries], [bytes.length, bytes.length, 1]);
    });
  }

  it('a plain .tar with long names, and what follows its end, is read as tar does', async t => {
    const { store, file } = await place(t);
    const long = `deep/${'n'.repeat(120)}/é-${'m'.repeat(150)}`;
    const gnuLong = `deep/${'g'.repeat(200)}`;
    const archive = tar([
      pax({ path: long }),
      { name: 'short', body: 'pax' },
      { name: '././@LongLink', type: 'L', body: `${gnuLong}\0` },
      { name: 'short', body: 'gnu' },
      { name: 'other', body: '' },
    ]);
    const release = await store.ingest(await file('a', Buffer.concat([archive, Buffer.from('garbage')])), limits);
    assert.equal(await readFile(join(release.root, long), 'utf8'), 'pax');
    assert.equal(await readFile(join(release.root, gnuLong), 'utf8'), 'gnu');
  });

  it('names are whole wherever the archive is cut for reading', async t => {
    const { store, file } = await place(t);
    // A long name lies across every 64 KiB, so that over three of them each byte of a character is cut at once.
    const every = 64 * 1024;
    const names = Array.from({ length: 24 }, (_, i) => `${i}-${'x'.repeat(i % 3)}${'/€€€€€€€€€€'.repeat(25)}`);
    let at = 0;
    const entries = names.flatMap((path, i) => {
      const filler = { name: `filler${i}`, body: Buffer.alloc((i + 1) * every - at - 3 * 512) };
      const own = [filler, pax({ path }), { name: 'short', body: 'z' }];
      at += tar(own, { end: false }).length;
      return own;
    });
    const release = await store.ingest(await file('a', tar(entries)), limits);
    for (const name of names) assert.equal(await readFile(join(release.root, name), 'utf8'), 'z');
  });

  it('zeros after the gzip stream are padding, anything else is damage', async t => {
    const { store, file, home } = await place(t);
    const damaged = await file('a', Buffer.concat([tgz(app), Buffer.alloc(700, 7)]));
    await assert.rejects(store.ingest(damaged, limits), failing('SLIP_PACKAGE_CORRUPT', /gzip stream is damaged/));
    assertNothingIn(home);
    const padded = await file('a', Buffer.concat([tgz(app), Buffer.alloc(700)]));
    assert.equal((await store.ingest(padded, limits)).entries, 6);
  });

  it('a zip becomes a tree, its links and modes with it', async t => {
    const { store, file } = await place(t);
    const big = Buffer.alloc(6_000_000, 'slip way ');
    const release = await store.ingest(
      await file(
        'site.zip',
        zip([
          { name: 'site/', mode: 0o40755 },
          { name: 'site/run.sh', body: '#!/bin/sh\n', mode: 0o104755 },
          { name: 'site/a\\b.txt', body: 'by Windows', stored: true },
          { name: 'site/link', body: 'run.sh', mode: 0o120777 },
          { name: 'site/big', body: big },
          { name: 'site/empty', body: '' },
        ]),
      ),
      limits,
    );
    assert.equal(release.format, 'tree');
    assert.equal(statSync(join(release.root, 'run.sh')).mode & 0o7777, 0o555);
    assert.equal(await readFile(join(release.root, 'a/b.txt'), 'utf8'), 'by Windows');
    assert.equal(await readlink(join(release.root, 'link')), 'run.sh');
    assert.deepEqual(await readFile(join(release.root, 'big')), big);
    assert.equal(release.unpackedSize, 10 + 10 + big.length);
  });

  it('what the usual tools pack is unpacked', async t => {
    const { store, folder } = await place(t);
    await mkdir(join(folder, 'app/src'), { recursive: true });
    await writeFile(join(folder, 'app/src/main.py'), 'print(1)\n', { mode: 0o755 });
    await symlink('src/main.py', join(folder, 'app/main'));
    execFileSync('tar', ['czf', 'gnu.tgz', 'app'], { cwd: folder });
    execFileSync('tar', ['cf', 'posix.tar', '--format=posix', 'app'], { cwd: folder });
    execFileSync('tar', ['cf', 'v7.tar', '--format=v7', 'app'], { cwd: folder });
    const trees = ['gnu.tgz', 'posix.tar', 'v7.tar'].map(name => ({ kind: 'path', path: join(folder, name) }) as const);
    for (const source of trees) {
      const release = await store.ingest(source, limits);
      assert.equal(await readFile(join(release.root, 'main'), 'utf8'), 'print(1)\n');
      assert.equal(statSync(join(release.root, 'src/main.py')).mode & 0o7777, 0o555);
    }
  });

  for (const [what, bytes] of [
    ['text', 'hello'],
    ['nothing', ''],
    ['xz', Buffer.from('fd377a585a0000', 'hex')],
    ['an empty zip', zip([])],
    ['a tar of one empty folder', tar([{ name: 'a', type: '5' }])],
  ] as const) {
    it(`refuses ${what}`, async t => {
      const { store, file, home } = await place(t);
      await assert.rejects(
        store.ingest(await file('x', bytes), limits),
        failing('SLIP_PACKAGE_UNSUPPORTED', /package x/),
      );
      assertNothingIn(home);
    });
  }
});

describe('a folder as a package', () => {
  async function folderWithEverything(t: TestContext): Promise<string> {
    const root = join(await tempDir(t), 'app');
    await mkdir(join(root, '.git'), { recursive: true });
    await mkdir(join(root, 'empty'));
    await mkdir(join(root, 'b'));
    await writeFile(join(root, '.git/config'), 'secret');
    await writeFile(join(root, `b/${'long-'.repeat(30)}é`), 'x');
    await writeFile(join(root, 'run'), '#!/bin/sh\n');
    await chmod(join(root, 'run'), 0o711);
    await symlink('../run', join(root, 'b/run'));
    return root;
  }

  it('packs to the same bytes whatever its times and order, and .git stays behind', async t => {
    const root = await folderWithEverything(t);
    await packDirectory(root, join(root, 'app.tgz'));
    const first = await readFile(join(root, 'app.tgz'));
    const other = await folderWithEverything(t);
    execFileSync('touch', ['-d', '2001-01-01', join(other, 'run')]);
    await packDirectory(other, join(root, 'app.tgz'));
    assert.deepEqual(await readFile(join(root, 'app.tgz')), first);
    await packDirectory(root, join(root, 'app.tgz'));
    assert.deepEqual(await readFile(join(root, 'app.tgz')), first, 'it does not pack itself');
    const listed = execFileSync('tar', ['tzf', join(root, 'app.tgz'), '--quoting-style=literal'], { encoding: 'utf8' });
    const long = `package/b/${'long-'.repeat(30)}é`;
    const names = ['package/', 'package/b/', long, 'package/b/run', 'package/empty/', 'package/run'];
    assert.deepEqual(listed.trimEnd().split('\n'), names);
  });

  it('becomes a release of the same content', async t => {
    const { store } = await place(t);
    const root = await folderWithEverything(t);
    const release = await store.ingest({ kind: 'path', path: root }, limits);
    assert.deepEqual([release.format, release.name], ['tree', 'app']);
    assert.deepEqual((await readdir(release.root)).sort(), ['b', 'empty', 'run']);
    assert.equal(await readFile(join(release.root, 'b/run'), 'utf8'), '#!/bin/sh\n');
    assert.equal(statSync(join(release.root, 'run')).mode & 0o7777, 0o555);
    assert.deepEqual(await store.ingest({ kind: 'path', path: root }, limits), release);
  });

  it('is refused with a link that leaves it, or more than the limits allow', async t => {
    const { store, home } = await place(t);
    const root = await folderWithEverything(t);
    const source = { kind: 'path', path: root } as const;
    await assert.rejects(
      store.ingest(source, { ...limits, entries: 4 }),
      failing('SLIP_PACKAGE_TOO_LARGE', /more than 4 entries/),
    );
    await assert.rejects(
      store.ingest(source, { ...limits, totalSize: 5 }),
      failing('SLIP_PACKAGE_TOO_LARGE', /more than 5 bytes/),
    );
    await symlink('../../elsewhere', join(root, 'b/out'));
    await assert.rejects(store.ingest(source, limits), failing('SLIP_PACKAGE_HOSTILE', /"package\/b\/out".*leaves/));
    assertNothingIn(home);
    await assert.rejects(packDirectory(root, join(root, '../x.tgz')), failing('SLIP_PACKAGE_HOSTILE', /leaves/));
    assert.deepEqual(await readdir(join(root, '..')), ['app']);
  });
});

describe('sources', { concurrency: 2 }, () => {
  async function serve(t: TestContext, listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('a URL is followed over redirects, and fetched once for its digest', async t => {
    const { store } = await place(t);
    const bytes = tgz(app);
    const asked: string[] = [];
    const base = await serve(t, (request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/latest') response.writeHead(302, { location: '/files/app%20one.tgz' }).end();
      else response.end(bytes);
    });
    const source = { kind: 'url', url: `${base}/latest`, sha256: sha256(bytes).toUpperCase() } as const;
    const release = await store.ingest(source, limits);
    assert.deepEqual([release.name, release.entries], ['latest', 6]);
    assert.deepEqual(await store.ingest(source, limits), release);
    assert.deepEqual(asked, ['/latest', '/files/app%20one.tgz']);
  });

  const wrong: readonly (readonly [string, RequestListener, string, RegExp])[] = [
    ['another content', (_, response) => response.end('#!/bin/sh\n'), 'SLIP_PACKAGE_DIGEST', /expected 0{64}/],
    ['404', (_, response) => response.writeHead(404).end('no'), 'SLIP_PACKAGE_UNREADABLE', /404/],
    [
      'redirects without end',
      (_, response) => response.writeHead(301, { location: '/a' }).end(),
      'SLIP_PACKAGE_UNREADABLE',
      /more than 5 times/,
    ],
    [
      'a redirect to a file',
      (_, response) => response.writeHead(301, { location: 'file:///etc/passwd' }).end(),
      'SLIP_PACKAGE_UNREADABLE',
      /file: is neither/,
    ],
    [
      'a body that is cut short',
      (_, response) => response.writeHead(200, { 'content-length': '100' }).write('x', () => response.destroy()),
      'SLIP_PACKAGE_UNREADABLE',
      /reading it failed/,
    ],
    [
      'a body without end',
      (_, response) => {
        const more = () => {
          while (response.write(Buffer.alloc(65_536)));
        };
        response.on('drain', more);
        more();
      },
      'SLIP_PACKAGE_TOO_LARGE',
      /bigger than 1000000 bytes/,
    ],
  ];
  for (const [what, listener, code, why] of wrong) {
    it(`a URL with ${what} leaves nothing`, async t => {
      const { store, home } = await place(t);
      const url = `${await serve(t, listener)}/a`;
      const source = { kind: 'url', url, sha256: '0'.repeat(64) } as const;
      await assert.rejects(store.ingest(source, { ...limits, totalSize: 1_000_000 }), failing(code, why));
      assertNothingIn(home);
    });
  }

  it('a path that is missing, a FIFO, or too big leaves nothing', async t => {
    const { store, home, folder, file } = await place(t);
    const missing = { kind: 'path', path: join(folder, 'missing') } as const;
    await assert.rejects(store.ingest(missing, limits), failing('SLIP_PACKAGE_UNREADABLE', /ENOENT/));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    const fifo = { kind: 'path', path: join(folder, 'fifo') } as const;
    await assert.rejects(store.ingest(fifo, limits), failing('SLIP_PACKAGE_UNREADABLE', /neither a file nor a folder/));
    const script = await file('script', '#!/bin/sh\nexit 0\n');
    await assert.rejects(
      store.ingest(script, { ...limits, totalSize: 10 }),
      failing('SLIP_PACKAGE_TOO_LARGE', /bigger than 10 bytes/),
    );
    assertNothingIn(home);
  });

  it('an upload is kept under its name until it is discarded', async t => {
    const { store, home } = await place(t);
    async function* body() {
      yield Buffer.from('#!/bin/sh\n');
      yield Buffer.from('exit 0\n');
    }
    const upload = await store.receive('../../evil name.sh', body(), limits);
    const release = await store.ingest({ kind: 'path', path: upload.path }, limits);
    assert.deepEqual([release.name, release.format], ['evil_name.sh', 'binary']);
    await store.collect(new Set([release.digest]));
    assert.ok(existsSync(upload.path), 'a collection leaves it alone');
    await upload.discard();
    assert.deepEqual(await readdir(join(home, 'staging')), []);
  });

  it('an upload that breaks off or is too big leaves nothing', async t => {
    const { store, home } = await place(t);
    async function* broken() {
      yield Buffer.from('#!/bin/sh\n');
      throw new Error('aborted');
    }
    await assert.rejects(store.receive('a', broken(), limits), failing('SLIP_PACKAGE_UNREADABLE', /aborted/));
    async function* big() {
      for (;;) yield Buffer.alloc(1000);
    }
    const small = { ...limits, totalSize: 5000 };
    await assert.rejects(store.receive('a', big(), small), failing('SLIP_PACKAGE_TOO_LARGE', /bigger than 5000 bytes/));
    assertNothingIn(home);
  });
});

describe('one release for the same bytes', () => {
  it('under another name, and when several are taken at once by two stores', async t => {
    const { store, home, file } = await place(t);
    const sources = [await file('a.tgz', tgz(app)), await file('b.tgz', tgz(app))];
    const other = createReleaseStore(home);
    const releases = await Promise.all(
      [store, other].flatMap(each => sources.map(source => each.ingest(source, limits))),
    );
    assert.equal(new Set(releases.map(release => JSON.stringify(release))).size, 1);
    assert.equal((await store.list()).length, 1);
    assert.deepEqual(await readdir(join(home, 'staging')), []);
  });
});

describe('collection', () => {
  it('removes what is not kept, with what was prepared for it', async t => {
    const { store, file, home } = await place(t);
    const kept = await store.ingest(await file('a', '#!/bin/sh\n'), limits);
    const unused = await store.ingest(await file('b.tgz', tgz(app)), limits);
    const prepared = store.preparedDir(unused.digest, 'node-20.1.0');
    assert.equal(prepared, join(home, 'releases', unused.digest, 'prepared/node-20.1.0'));
    await mkdir(join(prepared, 'node_modules'), { recursive: true });
    assert.deepEqual(await store.collect(new Set([kept.digest])), [unused.digest]);
    assert.deepEqual(await store.list(), [kept]);
    assert.equal(await store.find(unused.digest), undefined);
    assert.deepEqual(await readdir(join(home, 'releases')), [kept.digest]);
    assert.deepEqual(await readdir(join(home, 'staging')), []);
  });

  it('removes what a dead process left, and nothing that is under way', async t => {
    const { store, home, file } = await place(t);
    const dead = spawnSync('true');
    await mkdir(join(home, 'staging', `${dead.pid}.1.0123456789abcdef`, 'release/tree'), { recursive: true });
    await chmod(join(home, 'staging', `${dead.pid}.1.0123456789abcdef`, 'release/tree'), 0o555);
    await mkdir(join(home, 'staging', `${process.pid}.1.fromanearlierlife`), { recursive: true });
    const source = await file('a.tgz', tgz(app));
    const underWay = store.ingest(source, limits);
    let sawWork = false;
    while ((await store.list()).length === 0) {
      sawWork ||= readdirSync(join(home, 'staging')).length > 0;
      await createReleaseStore(home).collect(new Set([sha256(await readFile(source.path))]));
    }
    await underWay;
    assert.ok(sawWork);
    assert.deepEqual(await readdir(join(home, 'staging')), []);
  });

  it('refuses names that could lead elsewhere', async t => {
    const { store } = await place(t);
    assert.throws(() => store.preparedDir('a'.repeat(64), '../x'), TypeError);
    assert.throws(() => store.preparedDir('..', 'node'), TypeError);
    assert.equal(await store.find('../../etc'), undefined);
  });

  it('says so when a record is newer or damaged', async t => {
    const { store, file, home } = await place(t);
    const { digest } = await store.ingest(await file('a', '#!/bin/sh\n'), limits);
    const record = join(home, 'releases', digest, 'release.json');
    await chmod(record, 0o644);
    await writeFile(record, '{"version": 2}');
    await assert.rejects(store.find(digest), failing('SLIP_STATE_NEWER', /version 2/));
    for (const text of ['{', '[]', '{"version": 1, "format": "jar"}']) {
      await writeFile(record, text);
      await assert.rejects(store.list(), failing('SLIP_STATE_CORRUPT', /release\.json/));
    }
  });
});

describe('interruptions', () => {
  const many = () => tgz(Array.from({ length: 9000 }, (_, i) => ({ name: `p/${i % 90}/${i}`, body: `${i}` })));

  async function workerOf(pid: number): Promise<number> {
    return await eventually('the worker at its work', () => childrenOf(pid)[0]);
  }

  it('a worker that is killed is an error like any other', async t => {
    const { store, home, file } = await place(t);
    const ingest = store.ingest(await file('a.tgz', many()), limits);
    const outcome = assert.rejects(ingest, failing('SLIP_UNPACK_FAILED', /killed by SIGKILL/));
    process.kill(await workerOf(process.pid), 'SIGKILL');
    await outcome;
    assertNothingIn(home);
  });

  it('an abort ends the worker and leaves nothing', async t => {
    const { store, home, file } = await place(t);
    const abort = new AbortController();
    const ingest = store.ingest(await file('a.tgz', many()), limits, abort.signal);
    const outcome = assert.rejects(ingest, /not wanted any more/);
    const worker = await workerOf(process.pid);
    abort.abort(new Error('not wanted any more'));
    await outcome;
    assert.ok(!existsSync(`/proc/${worker}`));
    assertNothingIn(home);
  });

  it('kill -9 of the whole at any time leaves what the next collection removes', async t => {
    const { store, home, file, folder } = await place(t);
    const source = await file('a.tgz', many());
    const wanted = await createReleaseStore(join(folder, 'reference')).ingest(source, limits);
    t.after(() => createReleaseStore(join(folder, 'reference')).collect(none));
    for (const delay of [100, 300, 500, 800]) {
      const child = fork(fixture, [home, 'forever', source.path], { execArgv: process.execArgv, stdio: 'ignore' });
      await eventually(
        'staging',
        () => existsSync(join(home, 'staging')) && readdirSync(join(home, 'staging')).length > 0,
      );
      // Not to wait for anything: it only spreads the moments at which the process dies.
      await new Promise(resolve => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      await once(child, 'exit');
      for (const release of await store.list()) {
        assert.deepEqual({ ...release, root: '' }, { ...wanted, root: '' });
        const content = await readdir(release.root, { recursive: true });
        assert.equal(content.length, wanted.entries);
      }
      await eventually('an empty staging folder', async () => {
        await store.collect(none);
        return readdirSync(join(home, 'staging')).length === 0;
      });
      assertNothingIn(home);
    }
  });

  it('a full disk is told as such and nothing is kept', async t => {
    const mounted = await smallDisk(t);
    if (!mounted) return t.skip('needs root and mount(8) to make a small disk');
    const { file } = await place(t);
    const home = join(mounted, 'home');
    const store = createReleaseStore(home);
    const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 0xff));
    const unpacksToMuch = await file(
      'a.tgz',
      tgz([0, 1, 2, 3, 4].map(i => ({ name: `f${i}`, body: Buffer.alloc(1e6) }))),
    );
    const isMuch = await file('b', Buffer.concat([Buffer.from('#!'), ...Array(12).fill(noise)]));
    for (const source of [unpacksToMuch, isMuch]) {
      await assert.rejects(store.ingest(source, limits), failing('SLIP_DISK_FULL', /disk .* is full/));
      assertNothingIn(home);
    }
    const small = await store.ingest(await file('c', '#!/bin/sh\n'), limits);
    assert.deepEqual(await store.list(), [small]);
  });

  /** 2 MB of a file system of its own, if the host lets us. */
  async function smallDisk(t: TestContext): Promise<string | undefined> {
    if (process.getuid?.() !== 0) return undefined;
    const folder = await mkdtemp(join(tmpdir(), 'slipway-test-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      await rmdir(folder);
      return undefined;
    }
    t.after(async () => {
      execFileSync('umount', [folder]);
      await rmdir(folder);
    });
    return folder;
  }

  it('a plain user can take and remove releases as well', async t => {
    if (process.getuid?.() !== 0) return t.skip('needs root to become someone else; the other tests show it');
    const { home, file, folder } = await place(t);
    const nobody = 65_534;
    const source = await file('a.tgz', tgz(app));
    const script = await file('b.zip', zip([{ name: 'x/y/z', body: '1' }]));
    await mkdir(home);
    await chown(home, nobody, nobody);
    await chmod(folder, 0o755);
    const child = fork(fixture, [home, 'once', source.path, script.path], {
      execArgv: process.execArgv,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      uid: nobody,
      gid: nobody,
    });
    const messages: unknown[] = [];
    child.on('message', message => messages.push(message));
    await once(child, 'exit');
    const digests = [sha256(tgz(app)), sha256(await readFile(script.path))].sort();
    assert.deepEqual(messages, ['taken', { removed: digests }]);
    assertNothingIn(home);
  });
});

describe('the daemon', () => {
  it('never loads what parses archives', () => {
    const seen = new Set<string>();
    const outside = new Set<string>();
    const follow = (module: URL) => {
      if (seen.has(module.href)) return;
      seen.add(module.href);
      const source = readFileSync(module, 'utf8').replace(/^import type .*$/gm, '');
      for (const [, name = ''] of source.matchAll(/(?:from|import\()\s*'([^']+)'/g)) {
        if (name.startsWith('.')) follow(new URL(name, module));
        else if (!name.startsWith('node:')) outside.add(name);
      }
    };
    follow(new URL('../../src/packages/release-store.ts', import.meta.url));
    assert.deepEqual([...outside], []);
    assert.ok(seen.size > 5);
  });
});
