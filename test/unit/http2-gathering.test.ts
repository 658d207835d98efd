import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { Gathering } from '../../src/router/http2/gathering.ts';

/** What is told as soon as it is asked for. */
function gathered(): { readonly gathering: Gathering; readonly told: string[] } {
  const told: string[] = [];
  const gathering: Gathering = new Gathering(() => gathering.tell(take));
  const take = (octets: Buffer, length: number) => told.push(octets.toString('latin1', 0, length));
  return { gathering, told };
}

test('what comes in one turn is told as one, in its order, and nothing twice', async () => {
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 9 }).map(octets => Buffer.from(octets)),
    fc.string({ minLength: 1, maxLength: 9, unit: fc.integer({ min: 0, max: 255 }).map(String.fromCharCode) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(piece, { minLength: 1, maxLength: 5 }), { maxLength: 4 }), async turns => {
      const { gathering, told } = gathered();
      for (const pieces of turns) {
        for (const one of pieces) gathering.add(one);
        gathering.wait();
        await nextTurn();
      }
      await nextTurn();
      const text = (one: string | Buffer) => (typeof one === 'string' ? one : one.toString('latin1'));
      assert.deepEqual(
        told,
        turns.map(pieces => pieces.map(text).join('')),
      );
    }),
    { numRuns: 50 },
  );
});

test('several gather on their own', async () => {
  const all = ['a', 'b', 'c'].map(name => ({ name, ...gathered() }));
  for (const { name, gathering } of [...all, ...all]) {
    gathering.add(name);
    gathering.wait();
  }
  await nextTurn();
  assert.deepEqual(
    all.map(({ told }) => told),
    [['aa'], ['bb'], ['cc']],
  );
});

test('what is not taken when it is asked for stays, and is asked for again on request', async () => {
  let isReady = false;
  let asked = 0;
  const told: string[] = [];
  const gathering: Gathering = new Gathering(() => {
    asked += 1;
    if (isReady) gathering.tell((octets, length) => told.push(octets.toString('latin1', 0, length)));
  });
  gathering.wait();
  await nextTurn();
  assert.equal(asked, 0, 'there is nothing to tell');
  for (const piece of ['a', 'b']) {
    gathering.add(piece);
    gathering.wait();
    await nextTurn();
  }
  assert.deepEqual(told, []);
  isReady = true;
  await nextTurn();
  assert.equal(asked, 2);
  gathering.wait();
  await nextTurn();
  assert.deepEqual(told, ['ab']);
});

test('more than usual is told as one too, what was dropped is not told, and one chunk is not copied', async () => {
  const { gathering, told } = gathered();
  gathering.add('x'.repeat(50_000));
  gathering.add(Buffer.alloc(50_000, 'y'));
  gathering.wait();
  await nextTurn();
  assert.deepEqual(told, ['x'.repeat(50_000) + 'y'.repeat(50_000)]);
  gathering.add('z');
  gathering.wait();
  gathering.drop();
  await nextTurn();
  assert.equal(told.length, 1);
  const chunk = Buffer.from('one');
  gathering.add(chunk);
  gathering.tell(octets => assert.equal(octets, chunk));
});
