import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import test, { type TestContext } from 'node:test';
import { Crew } from '../../src/router/crew.ts';
import { identityOf, isAlive } from '../../src/router-link/identity.ts';
import { eventually } from '../helpers/eventually.ts';

function crewOf(t: TestContext, program: readonly [string, ...string[]]) {
  const started: { readonly child: ChildProcess; readonly at: number }[] = [];
  const retired: string[] = [];
  const recorded: (readonly number[])[] = [];
  const state = { isActive: true };
  t.after(() => {
    state.isActive = false;
    for (const { child } of started) child.kill('SIGKILL');
  });
  const crew: Crew<string> = new Crew<string>(
    {
      isActive: () => state.isActive,
      spawn: () => {
        const child = spawn(program[0], program.slice(1));
        started.push({ child, at: performance.now() });
        return child;
      },
      retire: peer => void retired.push(peer),
      changed: () => void recorded.push(crew.processes().map(({ pid }) => pid)),
      log: { info: () => {}, warn: () => {}, error: () => {} },
    },
    [],
  );
  const workerOf = (index: number) => {
    const worker = identityOf(started[index]?.child.pid ?? 0);
    assert.ok(worker);
    return worker;
  };
  return { crew, started, retired, recorded, state, workerOf };
}

test('as many as are wanted; who is too many is told to go, once it can be told', t => {
  const { crew, started, retired, recorded, workerOf } = crewOf(t, ['sleep', '60']);
  crew.want(3);
  assert.equal(started.length, 3);
  assert.deepEqual(
    recorded.at(-1),
    started.map(({ child }) => child.pid),
  );
  crew.joined('first', workerOf(0));
  crew.want(1);
  assert.deepEqual(retired, ['first'], 'the others have not spoken yet');
  crew.joined('second', workerOf(1));
  assert.deepEqual(retired, ['first', 'second']);
  assert.deepEqual(recorded.at(-1), [started[2]?.child.pid]);
  crew.want(2);
  assert.equal(started.length, 4);
});

test('one that dies is followed by another at once, and so is one that leaves by itself', async t => {
  const { crew, started, workerOf } = crewOf(t, ['sleep', '60']);
  crew.want(1);
  crew.joined('first', workerOf(0));
  started[0]?.child.kill('SIGKILL');
  await eventually('another', () => started.length === 2);
  crew.joined('second', workerOf(1));
  crew.left(workerOf(1));
  assert.equal(started.length, 3);
  assert.ok(isAlive(workerOf(1)), 'it finishes what it has');
});

test('those that die before they speak are followed later and later', async t => {
  const { crew, started } = crewOf(t, ['false']);
  crew.want(2);
  await eventually('some attempts', () => started.length >= 5);
  const [first, , , , fifth] = started;
  assert.ok((fifth?.at ?? 0) - (first?.at ?? 0) >= 290, 'there are pauses');
});

test('nothing is started while the main worker hands over', async t => {
  const { crew, started, state } = crewOf(t, ['sleep', '60']);
  state.isActive = false;
  crew.want(2);
  assert.equal(started.length, 0);
});
