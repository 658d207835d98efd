import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemClock } from '../../src/control/clock.ts';
import { createLogStore } from '../../src/logs/store.ts';
import { eventually } from '../helpers/eventually.ts';

type Action =
  | { readonly kind: 'append'; readonly text: string }
  | { readonly kind: 'rotate'; readonly rotateAt: number }
  | { readonly kind: 'restart' }
  | { readonly kind: 'tail'; readonly tail: number };

const line = fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'grapheme', maxLength: 20 }), fc.constant('\0'));
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(line, { maxLength: 300 }).map(lines => ({ kind: 'append' as const, text: lines.join('\n') })),
  },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 1_000, max: 9_000 }).map(rotateAt => ({ kind: 'rotate' as const, rotateAt })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' }) },
  { weight: 3, arbitrary: fc.nat(500).map(tail => ({ kind: 'tail' as const, tail })) },
);

/** What a reader should make of the bytes. */
function linesOf(text: string): string[] {
  const lines = text.split('\n').map(each => each.replace(/\r$/, ''));
  if (text === '' || text.endsWith('\n')) lines.pop();
  return lines;
}

test('however a log is written, rotated and taken over, it reads as the bytes that were written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 25 }), async actions => {
      const home = mkdtempSync(join(tmpdir(), 'slipway-test-'));
      const options = { home, clock: systemClock, onProblem: (problem: string) => assert.fail(problem) };
      let store = createLogStore(options);
      const file = store.file('greeter', 0);
      const query = { service: 'greeter', tail: Number.MAX_SAFE_INTEGER };
      const end = new AbortController();
      const followed: string[] = [];
      const following = (async () => {
        for await (const { text } of store.read({ ...query, follow: true }, end.signal)) followed.push(text);
      })();
      let written = '';
      const write = (text: string) => {
        appendFileSync(file, text);
        written += text;
      };
      try {
        for (const action of actions) {
          if (action.kind === 'append') write(action.text);
          if (action.kind === 'rotate') await store.rotate({ rotateAt: action.rotateAt, keep: 1_000 });
          if (action.kind === 'restart') store = createLogStore(options);
          if (action.kind !== 'tail') continue;
          const found: string[] = [];
          for await (const { text } of store.read({ ...query, tail: action.tail, follow: false })) found.push(text);
          assert.deepEqual(found, action.tail === 0 ? [] : linesOf(written).slice(-action.tail));
        }
        write('\nend\n');
        await eventually('the end', () => followed.at(-1) === 'end');
        assert.deepEqual(followed, linesOf(written));
      } finally {
        end.abort();
        await following;
        rmSync(home, { recursive: true });
      }
    }),
    { numRuns: 60 },
  );
});
