import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SlipwayError } from '../../src/domain/errors.ts';
import { Preparation, type Task } from '../../src/runtimes/preparation.ts';
import { eventually } from '../helpers/eventually.ts';
import { tempDir } from '../helpers/temp-dir.ts';

async function setUp(t: TestContext, limit = 60_000) {
  const folder = join(await tempDir(t), 'prepared');
  let runs = 0;
  const preparation = () => new Preparation(process.env, '/', limit);
  const task: Task = {
    folder,
    what: 'the dependencies of app.tgz',
    async make(made, tools) {
      runs++;
      await tools.run(['/bin/sh', '-c', 'echo working; echo done > result'], made);
    },
  };
  return { folder, preparation, task, runs: () => runs };
}

test('what was made is used again, by the next daemon too', async t => {
  const { preparation, task, runs } = await setUp(t);
  const made = await preparation().ensure(task);
  assert.equal(await readFile(join(made, 'result'), 'utf8'), 'done\n');
  assert.equal(await preparation().ensure(task), made);
  assert.equal(runs(), 1);
  assert.match(await readFile(join(task.folder, 'prepare.log'), 'utf8'), /^\$ \/bin\/sh -c .*\nworking\n$/);
});

test('those who ask at the same time share the work', async t => {
  const { preparation, task, runs } = await setUp(t);
  const one = preparation();
  const made = await Promise.all([one.ensure(task), one.ensure(task), one.ensure(task)]);
  assert.equal(new Set(made).size, 1);
  assert.equal(runs(), 1);
});

test('a try that was cut off is done again, and its remains are removed', async t => {
  const { folder, preparation, task } = await setUp(t);
  await mkdir(join(folder, 'try-00000000/half'), { recursive: true });
  for (const record of [undefined, '', '{"version":1,"made":"../../etc"}', '{"version":1,"made":"try-11111111"}']) {
    if (record !== undefined) await writeFile(join(folder, 'prepared.json'), record);
    const made = await preparation().ensure(task);
    const tries = (await readdir(folder)).filter(name => name.startsWith('try-'));
    assert.deepEqual([join(folder, tries[0] ?? '')], [made]);
    assert.equal(tries.length, 1);
    await rm(join(folder, 'prepared.json'));
  }
});

test('a command that fails is shown with both ends of its output, and leaves only the log', async t => {
  const { folder, preparation, task } = await setUp(t);
  const failing: Task = {
    ...task,
    make: (made, tools) => tools.run(['/bin/sh', '-c', 'seq 1 50; echo no such package >&2; exit 3'], made),
  };
  await assert.rejects(preparation().ensure(failing), (error: unknown) => {
    assert(error instanceof SlipwayError);
    assert.equal(error.code, 'SLIP_PREPARE_FAILED');
    assert.match(error.message, /^cannot install the dependencies of app\.tgz: `sh -c .*` exited 3$/);
    assert.equal(error.details.at(-2), 'no such package');
    assert(['1', '50'].every(line => error.details.includes(line)) && !error.details.includes('20'), 'both ends');
    return true;
  });
  assert.deepEqual(await readdir(folder), ['prepare.log']);
  assert((await preparation().ensure(task)).startsWith(folder), 'the next try may succeed');
});

test('a program that is not there is no crash', async t => {
  const { preparation, task } = await setUp(t);
  const failing: Task = { ...task, make: (made, tools) => tools.run(['/no/such/npm'], made) };
  await assert.rejects(preparation().ensure(failing), { code: 'SLIP_PREPARE_FAILED', message: /ENOENT/ });
});

test('a command that takes too long is ended, with what it started', async t => {
  const { preparation, task } = await setUp(t, 300);
  const mark = `3${process.pid}1`;
  const slow: Task = {
    ...task,
    make: (made, tools) => tools.run(['/bin/sh', '-c', `sleep ${mark} & sleep ${mark}; wait`], made),
  };
  await assert.rejects(preparation().ensure(slow), { code: 'SLIP_PREPARE_FAILED', message: /not done within 0\.3 s/ });
  await gone(mark);
});

test('giving up ends the work once nobody waits for it, and it can begin anew', async t => {
  const { folder, preparation, task } = await setUp(t);
  const mark = `4${process.pid}2`;
  const slow = (signal: AbortSignal): Task => ({
    ...task,
    signal,
    make: (made, tools) => tools.run(['/bin/sh', '-c', `sleep ${mark} & sleep ${mark}; wait`], made),
  });
  const one = preparation();
  const [first, second] = [new AbortController(), new AbortController()];
  const results = [one.ensure(slow(first.signal)), one.ensure(slow(second.signal))];
  const refused = results.map(result => assert.rejects(result, { message: 'enough' }));
  await eventually('both sleeps', () => running(mark) >= 2);
  first.abort(new Error('enough'));
  await refused[0];
  assert(running(mark) >= 2, 'the other one still waits');
  second.abort(new Error('enough'));
  await refused[1];
  await gone(mark);
  assert.deepEqual(await readdir(folder), ['prepare.log']);
  await one.ensure(task);
});

/** Zombies have no command line any more. */
function running(mark: string): number {
  const commands = readdirSync('/proc').map(name => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'latin1');
    } catch {
      return '';
    }
  });
  return commands.filter(command => command === `sleep\0${mark}\0`).length;
}

function gone(mark: string): Promise<unknown> {
  return eventually(`the end of sleep ${mark}`, () => running(mark) === 0);
}
