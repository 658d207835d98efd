import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/control/clock.ts';
import type { LogStore } from '../../src/logs/contract.ts';
import type { RotationStep } from '../../src/logs/rotation.ts';
import { createLogStore } from '../../src/logs/store.ts';
import { eventually } from '../helpers/eventually.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const mebibyte = 1_048_576;
const all = Number.MAX_SAFE_INTEGER;

interface Fixture {
  readonly home: string;
  readonly folder: string;
  readonly store: LogStore;
  readonly problems: string[];
}

async function fixture(t: TestContext): Promise<Fixture> {
  const home = await tempDir(t);
  const problems: string[] = [];
  const store = createLogStore({ home, clock: systemClock, onProblem: problem => problems.push(problem) });
  return { home, folder: join(home, 'logs', 'greeter'), store, problems };
}

function writer(t: TestContext, file: string, bytes: number, count?: number): ChildProcess {
  const script = fileURLToPath(new URL('../fixtures/numbered-lines.mjs', import.meta.url));
  const args = [script, file, String(bytes), ...(count === undefined ? [] : [String(count)])];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** @returns the signal that ended it */
async function rotateAndDie(folder: string, keep: number, step: RotationStep): Promise<unknown> {
  const rotator = fileURLToPath(new URL('../fixtures/rotate-and-die.ts', import.meta.url));
  const args = ['--import', 'tsx', rotator, folder, String(mebibyte), String(keep), step];
  const [, signal] = await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit');
  return signal;
}

async function texts(store: LogStore, tail = all): Promise<string[]> {
  const found: string[] = [];
  for await (const line of store.read({ service: 'greeter', index: 0, tail, follow: false })) found.push(line.text);
  return found;
}

/** That the lines are numbered one after the other, from the first one's number on. */
function assertWhole(lines: readonly string[], first: number, count: number): void {
  for (const [i, line] of lines.entries()) {
    if (Number.parseInt(line, 10) !== first + i) assert.fail(`line ${i} is ${JSON.stringify(line.slice(0, 60))}`);
  }
  assert.equal(lines.length, count);
}

function archives(folder: string): string[] {
  return readdirSync(folder).filter(name => /^0\.\d{8}\.\d+-\d+\.log$/.test(name));
}

function allocated(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).blocks * 512, 0);
}

/** Puts scripts before the tools of the host, or in their place. @returns what undoes it */
async function withTools(
  t: TestContext,
  home: string,
  scripts: Readonly<Record<string, string>>,
  othersToo = true,
): Promise<() => void> {
  const bin = await mkdtemp(join(home, 'bin-'));
  for (const [name, script] of Object.entries(scripts)) await writeFile(join(bin, name), script, { mode: 0o755 });
  const path = process.env['PATH'];
  const restore = () => {
    process.env['PATH'] = path;
  };
  t.after(restore);
  process.env['PATH'] = othersToo ? `${bin}:${path}` : bin;
  return restore;
}

test('the log of an instance is a file that only its owner and group can read', async t => {
  const { store, folder } = await fixture(t);
  const file = store.file('greeter', 0);
  assert.equal(file, join(folder, '0.log'));
  assert.equal(statSync(file).mode & 0o7777, 0o640);
  assert.equal(statSync(folder).mode & 0o7777, 0o750);
  writeFileSync(file, 'kept\n');
  assert.equal(store.file('greeter', 0), file);
  assert.deepEqual(await texts(store), ['kept']);
});

test('names that could leave the folder are refused', async t => {
  const { store } = await fixture(t);
  for (const name of ['../greeter', 'a/b', '', '.', '..', 'A', 'a\0b']) {
    assert.throws(() => store.file(name, 0), { code: 'SLIP_SERVICE_UNKNOWN' });
    assert.throws(() => store.read({ service: name, tail: 1, follow: false }), { code: 'SLIP_SERVICE_UNKNOWN' });
    await assert.rejects(store.remove(name), { code: 'SLIP_SERVICE_UNKNOWN' });
  }
  for (const index of [-1, 1.5, Number.NaN, 1e9]) {
    assert.throws(() => store.file('greeter', index), { code: 'SLIP_INSTANCE_UNKNOWN' });
  }
});

test('a log is rotated when it has grown by rotateAt, at a line break, and its blocks are freed', async t => {
  const { store, folder } = await fixture(t);
  const file = store.file('greeter', 0);
  appendFileSync(file, 'x'.repeat(99).concat('\n').repeat(655));
  await store.rotate({ rotateAt: 65_536, keep: 5 });
  assert.deepEqual(archives(folder), [], 'one byte short of it');
  appendFileSync(file, 'y'.repeat(99).concat('\n').repeat(10));
  await store.rotate({ rotateAt: 65_536, keep: 5 });
  assert.deepEqual(archives(folder), ['0.00000001.0-65500.log']);
  const [archive = ''] = archives(folder);
  assert.equal(statSync(join(folder, archive)).mode & 0o7777, 0o640);
  assert.equal((await readFile(join(folder, archive), 'utf8')).at(-1), '\n');
  assert.equal(statSync(file).size, 66_500, 'the apparent size stays');
  assert.ok(statSync(file).blocks * 512 <= 8192, 'the blocks are freed');
  assert.equal((await texts(store)).length, 665);
});

test('nothing is lost or doubled while an instance writes 1 GB at full speed, and the disk stays bounded', async t => {
  const { store, folder, problems } = await fixture(t);
  const file = store.file('greeter', 0);
  const lines = 1_000_000;
  const child = writer(t, file, 1000, lines);
  const exit = once(child, 'exit');
  let ended = false;
  void exit.then(() => {
    ended = true;
  });
  while (!ended) {
    await store.rotate({ rotateAt: 64 * mebibyte, keep: 100 });
    await Promise.race([exit, new Promise(resolve => setTimeout(resolve, 100))]);
  }
  await store.rotate({ rotateAt: 64 * mebibyte, keep: 100 });
  assert.deepEqual(problems, []);
  let next = 0;
  for await (const { text } of store.read({ service: 'greeter', tail: all, follow: false })) {
    if (Number.parseInt(text, 10) !== next) assert.fail(`expected line ${next}, found ${text.slice(0, 40)}`);
    next += 1;
  }
  assert.equal(next, lines);
  assert.ok(statSync(file).blocks * 512 < 65 * mebibyte, 'what is archived is punched');

  await store.rotate({ rotateAt: 16 * mebibyte, keep: 2 });
  assert.equal(archives(folder).length, 2);
  assert.ok(allocated(folder) < 50 * mebibyte, `${allocated(folder)} bytes`);
});

test('only what is kept is copied: the newest lines, whole', async t => {
  const { store, folder } = await fixture(t);
  const file = store.file('greeter', 0);
  await once(writer(t, file, 100, 10_000), 'exit');
  await store.rotate({ rotateAt: 100_000, keep: 3 });
  assert.equal(archives(folder).length, 3);
  const lines = await texts(store);
  assertWhole(lines, Number.parseInt(lines[0] ?? '', 10), lines.length);
  assert.equal(Number.parseInt(lines.at(-1) ?? '', 10), 9_999);
  assert.ok(lines.length >= 2_990 && lines.length <= 4_010, String(lines.length));
});

test('older archives go as newer ones come; keep 0 keeps none and loses nothing that is not rotated', async t => {
  const { store, folder } = await fixture(t);
  const file = store.file('greeter', 0);
  for (let round = 0; round < 6; round += 1) {
    appendFileSync(file, `${round} ${'x'.repeat(97)}\n`.repeat(1000));
    await store.rotate({ rotateAt: 100_000, keep: 2 });
  }
  assert.equal(archives(folder).length, 2);
  assert.deepEqual([...new Set((await texts(store)).map(line => line[0]))], ['4', '5']);

  appendFileSync(file, `6 ${'x'.repeat(97)}\n`.repeat(1001));
  await store.rotate({ rotateAt: 100_000, keep: 0 });
  assert.equal((await texts(store)).length, 1);
  assert.equal(allocated(folder), 4096);
  appendFileSync(file, 'after\n');
  assert.deepEqual(await texts(store, 1), ['after']);
});

test('an endless line is rotated too, and comes out whole', async t => {
  const { store, folder } = await fixture(t);
  const file = store.file('greeter', 0);
  appendFileSync(file, 'z'.repeat(500_000));
  await store.rotate({ rotateAt: 100_000, keep: 9 });
  assert.equal(archives(folder).length, 5);
  assert.equal((await texts(store)).join(''), 'z'.repeat(500_000));
});

for (const step of ['copied', 'published', 'synced', 'punched', 'pruned'] satisfies RotationStep[]) {
  test(`kill -9 after "${step}": the next rotation ends it, nothing is lost or doubled`, async t => {
    const { store, folder, home } = await fixture(t);
    const file = store.file('greeter', 0);
    const instance = writer(t, file, 200);
    await eventually('some megabytes', () => statSync(file).size > 4 * mebibyte);
    assert.equal(await rotateAndDie(folder, 100_000, step), 'SIGKILL');
    const beforeRedone = await texts(createLogStore({ home, clock: systemClock }));
    assertWhole(beforeRedone, 0, beforeRedone.length);

    await store.rotate({ rotateAt: mebibyte, keep: 100_000 });
    instance.kill('SIGKILL');
    await once(instance, 'exit');
    await store.rotate({ rotateAt: mebibyte, keep: 100_000 });
    assert.deepEqual(
      readdirSync(folder).filter(name => name.endsWith('.partial')),
      [],
    );
    const lines = await texts(store);
    assert.ok(lines.length > (4 * mebibyte) / 200);
    // A killed writer may leave its last line unfinished.
    assertWhole(lines, 0, lines.length);
    assert.ok(statSync(file).blocks * 512 < 2 * mebibyte, 'what is archived is punched');
  });
}

test('kill -9 after "marked": what is dropped is dropped whole, and nothing after it', async t => {
  const { store, folder } = await fixture(t);
  const file = store.file('greeter', 0);
  const instance = writer(t, file, 200);
  await eventually('some megabytes', () => statSync(file).size > 2 * mebibyte);
  assert.equal(await rotateAndDie(folder, 0, 'marked'), 'SIGKILL');
  instance.kill('SIGKILL');
  await once(instance, 'exit');
  const lines = await texts(store);
  assertWhole(lines, Number.parseInt(lines[0] ?? '', 10), lines.length);
  await store.rotate({ rotateAt: 100 * mebibyte, keep: 0 });
  assert.deepEqual(await texts(store), lines);
  assert.ok(allocated(folder) < lines.length * 200 + 100_000);
});

test('a punch that a crash prevented is made up for, even when nothing needs to be rotated', async t => {
  const { store, folder } = await fixture(t);
  const file = store.file('greeter', 0);
  writeFileSync(file, 'x'.repeat(99).concat('\n').repeat(40_000));
  writeFileSync(join(folder, '0.00000001.0-4000000.log'), await readFile(file));
  await store.rotate({ rotateAt: 100 * mebibyte, keep: 3 });
  assert.ok(statSync(file).blocks * 512 <= 4096);
  assert.equal((await texts(store)).length, 40_000);
});

test('a new store goes on where the last one ended', async t => {
  const { store, home, folder } = await fixture(t);
  const file = store.file('greeter', 0);
  await once(writer(t, file, 100, 2_500), 'exit');
  await store.rotate({ rotateAt: 100_000, keep: 9 });
  const next = createLogStore({ home, clock: systemClock });
  await next.rotate({ rotateAt: 100_000, keep: 9 });
  assert.equal(archives(folder).length, 2);
  await next.rotate({ rotateAt: 40_000, keep: 9 });
  assert.equal(archives(folder).length, 3);
  assertWhole(await texts(next), 0, 2_500);
});

test('somebody truncates the live file: what is written from then on is not lost', async t => {
  const { store } = await fixture(t);
  const file = store.file('greeter', 0);
  appendFileSync(file, 'old\n'.repeat(50_000));
  await store.rotate({ rotateAt: 100_000, keep: 9 });
  truncateSync(file, 0);
  appendFileSync(file, 'new\n');
  assert.deepEqual(await texts(store), ['new']);
  await store.rotate({ rotateAt: 100_000, keep: 9 });
  assert.deepEqual(await texts(store), ['new']);
  appendFileSync(file, 'newer\n'.repeat(50_000));
  await store.rotate({ rotateAt: 100_000, keep: 9 });
  assert.equal((await texts(store)).length, 50_001);
});

test('somebody removes the live file: the next launch goes on behind its archives', async t => {
  const { store } = await fixture(t);
  const file = store.file('greeter', 0);
  appendFileSync(file, 'old\n'.repeat(50_000));
  await store.rotate({ rotateAt: 100_000, keep: 9 });
  await unlink(file);
  appendFileSync(store.file('greeter', 0), 'new\n');
  const lines = await texts(store);
  assert.equal(lines.length, 50_001);
  assert.equal(lines.at(-1), 'new');
});

test('somebody removes the archives: the hole is neither shown nor archived', async t => {
  const { store, folder, home } = await fixture(t);
  const file = store.file('greeter', 0);
  await once(writer(t, file, 100, 15_000), 'exit');
  await store.rotate({ rotateAt: mebibyte / 2, keep: 9 });
  for (const name of archives(folder)) await unlink(join(folder, name));
  const lines = await texts(store);
  assert.ok(lines.length > 0 && lines.length < 6_000);
  const next = createLogStore({ home, clock: systemClock });
  await next.rotate({ rotateAt: 5_000, keep: 9_999 });
  assert.ok(archives(folder).length > 0);
  const after = await texts(next);
  assertWhole(after.slice(1), Number.parseInt(after[1] ?? '', 10), lines.length - 1);
  assert.ok(after.every(line => !line.includes('\0')));
});

test('where no hole can be punched nothing is rotated, nothing lost, and it is said once', async t => {
  const { store, folder, home, problems } = await fixture(t);
  appendFileSync(store.file('greeter', 0), 'line\n'.repeat(50_000));
  const restorePath = await withTools(t, home, {}, false);
  await store.rotate({ rotateAt: 1000, keep: 2 });
  await store.rotate({ rotateAt: 1000, keep: 2 });
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? '', /^cannot rotate logs under .*, they grow without a limit: .*fallocate/);
  assert.deepEqual(archives(folder), []);
  restorePath();

  const fallocate = '#!/bin/sh\necho "fallocate: fallocate failed: Operation not supported" >&2; exit 1\n';
  await withTools(t, home, { fallocate });
  const other: string[] = [];
  const next = createLogStore({ home, clock: systemClock, onProblem: problem => other.push(problem) });
  await next.rotate({ rotateAt: 1000, keep: 2 });
  await next.rotate({ rotateAt: 1000, keep: 2 });
  assert.equal(other.length, 1);
  assert.match(other[0] ?? '', /Operation not supported/);
  assert.equal((await texts(next)).length, 50_000);
});

test('a copy that fails leaves the log as it is, stops no other log, and is told once', async t => {
  const { store, folder, home, problems } = await fixture(t);
  for (const index of [0, 1]) appendFileSync(store.file('greeter', index), 'line\n'.repeat(2_000));
  const dd = '#!/bin/sh\ncase "$*" in */0.*) echo "No space left on device" >&2; exit 1;; esac; exec /bin/dd "$@"\n';
  const restorePath = await withTools(t, home, { dd });
  await store.rotate({ rotateAt: 10_000, keep: 2 });
  await store.rotate({ rotateAt: 10_000, keep: 2 });
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? '', /^cannot rotate .*0\.log: No space left on device$/);
  assert.deepEqual(readdirSync(folder).sort(), ['0.log', '1.00000001.0-10000.log', '1.log']);
  restorePath();
  await store.rotate({ rotateAt: 10_000, keep: 2 });
  assert.deepEqual(archives(folder), ['0.00000001.0-10000.log']);
  assert.equal((await texts(store)).length, 2_000);
});

test('a full disk: what could be archived is punched, which makes room for the rest', async t => {
  const { store, folder, home, problems } = await fixture(t);
  const file = store.file('greeter', 0);
  await once(writer(t, file, 100, 10_000), 'exit');
  const dd =
    '#!/bin/sh\ncase "$*" in *skip=0*) exec /bin/dd "$@";; esac; head -c 999 /dev/zero > "${2#of=}"; echo full >&2; exit 1\n';
  const restorePath = await withTools(t, home, { dd });
  await store.rotate({ rotateAt: 400_000, keep: 9 });
  assert.match(problems.join(), /^cannot rotate .*0\.log: full$/);
  assert.deepEqual(readdirSync(folder), ['0.00000001.0-400000.log', '0.log']);
  assert.ok(statSync(file).blocks * 512 < 620_000);
  restorePath();
  await store.rotate({ rotateAt: 400_000, keep: 9 });
  assert.equal(problems.length, 1);
  assert.equal(archives(folder).length, 2);
  assertWhole(await texts(store), 0, 10_000);
});

test('the logs of a removed service are gone, and may begin again', async t => {
  const { store, folder } = await fixture(t);
  appendFileSync(store.file('greeter', 0), 'line\n'.repeat(50_000));
  await store.rotate({ rotateAt: 100_000, keep: 2 });
  const rotation = store.rotate({ rotateAt: 10_000, keep: 2 });
  await store.remove('greeter');
  await rotation;
  assert.throws(() => statSync(folder), { code: 'ENOENT' });
  await store.rotate({ rotateAt: 100_000, keep: 2 });
  await store.remove('greeter');
  assert.deepEqual(await texts(store), []);
  appendFileSync(store.file('greeter', 0), 'again\n');
  assert.deepEqual(await texts(store), ['again']);
});
