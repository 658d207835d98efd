import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/control/clock.ts';
import type { LogLine, LogQuery, LogStore } from '../../src/logs/contract.ts';
import { longestLine } from '../../src/logs/lines.ts';
import { createLogStore } from '../../src/logs/store.ts';
import { eventually } from '../helpers/eventually.ts';
import { tempDir } from '../helpers/temp-dir.ts';

async function storeIn(t: TestContext): Promise<LogStore> {
  const onProblem = (problem: string) => assert.fail(problem);
  return createLogStore({ home: await tempDir(t), clock: systemClock, onProblem });
}

async function read(store: LogStore, query: Partial<LogQuery>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of store.read({ service: 'greeter', tail: 10, follow: false, ...query })) found.push(line.text);
  return found;
}

interface Following {
  readonly lines: readonly LogLine[];
  /** Until this many lines are there. */
  until(count: number): Promise<readonly string[]>;
  stop(): Promise<void>;
}

function follow(t: TestContext, store: LogStore, query: Partial<LogQuery> = {}): Following {
  const lines: LogLine[] = [];
  const end = new AbortController();
  const done = (async () => {
    const all = { service: 'greeter', tail: Number.MAX_SAFE_INTEGER, follow: true, ...query };
    for await (const line of store.read(all, end.signal)) lines.push(line);
  })();
  const stop = () => {
    end.abort();
    return done;
  };
  t.after(stop);
  return {
    lines,
    stop,
    until: async count => {
      await eventually(`${count} lines`, () => lines.length >= count);
      return lines.map(line => line.text);
    },
  };
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
}

test('the last lines of each instance, with who wrote them', async t => {
  const store = await storeIn(t);
  appendFileSync(store.file('greeter', 0), 'a0\na1\na2\n');
  appendFileSync(store.file('greeter', 1), 'b0\r\nb1');
  appendFileSync(store.file('greeter', 10), '');
  const found: LogLine[] = [];
  for await (const line of store.read({ service: 'greeter', tail: 2, follow: false })) found.push(line);
  assert.deepEqual(found, [
    { service: 'greeter', index: 0, text: 'a1' },
    { service: 'greeter', index: 0, text: 'a2' },
    { service: 'greeter', index: 1, text: 'b0' },
    { service: 'greeter', index: 1, text: 'b1' },
  ]);
  assert.deepEqual(await read(store, { index: 1 }), ['b0', 'b1']);
  assert.deepEqual(await read(store, { index: 7 }), []);
  assert.deepEqual(await read(store, { tail: 0 }), []);
  assert.deepEqual(await read(store, { service: 'nobody' }), []);
});

test('tails reach across archives, and never read what was punched', async t => {
  const store = await storeIn(t);
  const file = store.file('greeter', 0);
  for (let round = 0; round < 10; round += 1) {
    appendFileSync(
      file,
      numbers(round * 1000, round * 1000 + 1000)
        .join('\n')
        .concat('\n'),
    );
    await store.rotate({ rotateAt: 5_000, keep: 1_000 });
  }
  const whole = numbers(0, 10_000);
  for (const tail of [1, 5, 999, 1_001, 5_000, 9_999, 10_000, 10_001, 1_000_000]) {
    assert.deepEqual(await read(store, { tail }), whole.slice(-tail), `tail ${tail}`);
  }
});

test('a tail of overlong lines is bounded by its count', async t => {
  const store = await storeIn(t);
  const file = store.file('greeter', 0);
  appendFileSync(file, 'x'.repeat(40 * longestLine));
  assert.deepEqual(await read(store, { tail: 2 }), Array(2).fill('x'.repeat(longestLine)));
  appendFileSync(file, '\nshort\n');
  assert.deepEqual(await read(store, { tail: 2 }), ['x'.repeat(longestLine), 'short']);
  assert.equal((await read(store, { tail: 100 })).length, 41);
});

test('a log of nothing but line breaks', async t => {
  const store = await storeIn(t);
  appendFileSync(store.file('greeter', 0), '\n'.repeat(1_000_000));
  assert.equal((await read(store, { tail: 400_000 })).length, 400_000);
});

test('NUL bytes that an instance wrote are kept', async t => {
  const store = await storeIn(t);
  const file = store.file('greeter', 0);
  appendFileSync(file, `${'\0'.repeat(10_000)}\nafter\n`);
  assert.deepEqual(await read(store, {}), ['\0'.repeat(10_000), 'after']);
  await store.rotate({ rotateAt: 1_000, keep: 50 });
  assert.deepEqual(await read(store, {}), ['\0'.repeat(10_000), 'after']);
});

test('following goes on with just the byte after the tail; a line comes once it is whole', async t => {
  const store = await storeIn(t);
  const file = store.file('greeter', 0);
  appendFileSync(file, 'old\nlast\nhalf');
  const following = follow(t, store, { tail: 2 });
  assert.deepEqual(await following.until(1), ['last']);
  appendFileSync(file, ' done\nnext\n');
  assert.deepEqual(await following.until(3), ['last', 'half done', 'next']);
});

test('following misses and doubles nothing while the log is written and rotated at full speed', async t => {
  const store = await storeIn(t);
  const file = store.file('greeter', 0);
  const following = follow(t, store);
  const script = fileURLToPath(new URL('../fixtures/numbered-lines.mjs', import.meta.url));
  const exit = once(spawn(process.execPath, [script, file, '100', '300000'], { stdio: 'inherit' }), 'exit');
  let ended = false;
  void exit.then(() => {
    ended = true;
  });
  while (!ended) {
    await store.rotate({ rotateAt: 500_000, keep: 1_000 });
    await new Promise(resolve => setImmediate(resolve));
  }
  const lines = await following.until(300_000);
  assert.equal(lines.length, 300_000);
  assert.equal(
    lines.findIndex((line, i) => Number.parseInt(line, 10) !== i),
    -1,
  );
});

test('a reader that is overtaken by the rotation is told how much it missed', async t => {
  const store = await storeIn(t);
  const file = store.file('greeter', 0);
  appendFileSync(file, 'first\n');
  const reading = store.read({ service: 'greeter', tail: 1, follow: true })[Symbol.asyncIterator]();
  t.after(() => reading.return?.());
  assert.equal((await reading.next()).value.text, 'first');
  appendFileSync(file, 'lost\n'.repeat(20_000));
  await store.rotate({ rotateAt: 50_000, keep: 0 });
  appendFileSync(file, 'last\n');
  const told = /^\[(\d+) bytes are gone: rotated away before they were read\]$/.exec((await reading.next()).value.text);
  let left = 0;
  while ((await reading.next()).value.text === 'lost') left += 1;
  assert.equal(Number(told?.[1]), (20_000 - left) * 'lost\n'.length);
});

test('instances and services that appear while following are followed from their first line', async t => {
  const store = await storeIn(t);
  const following = follow(t, store);
  appendFileSync(store.file('greeter', 0), 'zero\n');
  await following.until(1);
  appendFileSync(store.file('greeter', 1), 'one\n');
  await following.until(2);
  appendFileSync(store.file('greeter', 0), 'again\n');
  await following.until(3);
  assert.deepEqual(
    following.lines.map(({ index, text }) => `${index} ${text}`),
    ['0 zero', '1 one', '0 again'],
  );
});

test('following outlives a truncation, a removal and a new beginning', async t => {
  const store = await storeIn(t);
  const file = store.file('greeter', 0);
  appendFileSync(file, 'a long first line\n');
  const following = follow(t, store);
  await following.until(1);
  truncateSync(file, 0);
  appendFileSync(file, 'second\n');
  await following.until(2);
  await store.remove('greeter');
  appendFileSync(store.file('greeter', 0), '3rd\n');
  assert.deepEqual(await following.until(3), ['a long first line', 'second', '3rd']);
});

test('an abort ends reading, at once and without an error, and leaves no descriptor open', async t => {
  const store = await storeIn(t);
  const file = store.file('greeter', 0);
  const openHere = () =>
    readdirSync('/proc/self/fd').filter(fd => {
      const target = statSync(join('/proc/self/fd', fd), { throwIfNoEntry: false });
      return target?.ino === statSync(file).ino;
    }).length;
  appendFileSync(file, 'one\n');
  const following = follow(t, store);
  await following.until(1);
  await following.stop();
  assert.equal(openHere(), 0);
  appendFileSync(file, 'two\n');
  assert.equal(following.lines.length, 1);

  for await (const line of store.read({ service: 'greeter', tail: 5, follow: true })) {
    assert.equal(line.text, 'one');
    break;
  }
  assert.equal(openHere(), 0);
  const found: LogLine[] = [];
  for await (const line of store.read({ service: 'greeter', tail: 5, follow: true }, AbortSignal.abort()))
    found.push(line);
  assert.deepEqual(found, []);
});

test('a follower that nobody reads from holds nothing but a chunk', async t => {
  const store = await storeIn(t);
  const file = store.file('greeter', 0);
  appendFileSync(file, 'x\n');
  const reading = store.read({ service: 'greeter', tail: 1, follow: true })[Symbol.asyncIterator]();
  await reading.next();
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 50; i += 1) appendFileSync(file, Buffer.alloc(2_000_000, 'abcdefghi\n'));
  await reading.next();
  assert.ok(process.memoryUsage().rss - before < 50_000_000);
  await reading.return?.();
});
