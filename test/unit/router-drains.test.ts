import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { Drains } from '../../src/router/drains.ts';
import { identityOf } from '../../src/router-link/identity.ts';

function drains(others: Parameters<typeof made>[0] = []) {
  return made(others);
}

function made(others: readonly NonNullable<ReturnType<typeof identityOf>>[]) {
  const state = { table: new Set<string>(), version: 1, leaving: new Map<string, number>(), told: [] as string[] };
  const subject = new Drains<string>({
    balancer: { has: id => state.table.has(id), leaving: () => state.leaving },
    tableVersion: () => state.version,
    others,
    applied: peer => void state.told.push(`${peer}: applied`),
    drained: (peer, endpoint) => void state.told.push(`${peer}: ${endpoint}`),
  });
  return { subject, state };
}

test('told to each who waits, once nothing has it and nothing is in flight', () => {
  const { subject, state } = drains();
  state.table.add('a');
  state.leaving.set('b', 1);
  subject.wait('one', 'a');
  subject.wait('two', 'a');
  subject.wait('one', 'b');
  subject.wait('gone', 'b');
  subject.forget('gone');
  subject.review();
  assert.deepEqual(state.told, []);
  state.table.clear();
  subject.review();
  assert.deepEqual(state.told, ['one: a', 'two: a']);
  state.leaving.clear();
  subject.review();
  subject.review();
  assert.deepEqual(state.told, ['one: a', 'two: a', 'one: b']);
});

test('a live predecessor counts: unheard, or heard of an older table, it holds everything up', async t => {
  const child = spawn('sleep', ['60']);
  t.after(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  const worker = identityOf(child.pid ?? 0);
  assert.ok(worker);
  const { subject, state } = drains([worker]);
  state.version = 5;
  subject.wait('one', 'a');
  subject.review();
  subject.report({ type: 'report', worker, table: 4, inFlight: {} });
  subject.review();
  subject.report({ type: 'report', worker, table: 5, inFlight: { a: 1 } });
  subject.review();
  assert.deepEqual(state.told, []);
  subject.report({ type: 'report', worker, table: 5, inFlight: {} });
  subject.review();
  assert.deepEqual(state.told, ['one: a']);

  subject.report({ type: 'report', worker, table: 5, inFlight: { b: 1 } });
  subject.wait('one', 'b');
  subject.review();
  assert.equal(state.told.length, 1);
  child.kill('SIGKILL');
  await once(child, 'exit');
  subject.review();
  assert.deepEqual(state.told, ['one: a', 'one: b'], 'what it had in flight went with it');
});
