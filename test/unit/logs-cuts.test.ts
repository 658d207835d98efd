import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { planCuts } from '../../src/logs/cuts.ts';
import { holeEnd } from '../../src/logs/hole.ts';

test('nothing is cut before the log has grown by rotateAt', () => {
  assert.deepEqual(planCuts(1000, 1099, { rotateAt: 100, keep: 3 }), []);
  assert.deepEqual(planCuts(1000, 1100, { rotateAt: 100, keep: 3 }), [1000, 1100]);
});

test('a log that outgrew several archives is cut into them', () => {
  assert.deepEqual(planCuts(0, 350, { rotateAt: 100, keep: 3 }), [0, 100, 200, 300]);
});

test('what would not be kept is not copied', () => {
  assert.deepEqual(planCuts(50, 1_000_060, { rotateAt: 100, keep: 2 }), [999_850, 999_950, 1_000_050]);
  assert.deepEqual(planCuts(50, 399, { rotateAt: 100, keep: 0 }), [350]);
});

test('cuts go up, stay inside the log, are at most keep archives, and leave less than rotateAt', () => {
  const sizes = fc.record({ start: fc.nat(), grown: fc.nat(), rotateAt: fc.integer({ min: 1 }), keep: fc.nat(20) });
  fc.assert(
    fc.property(sizes, ({ start, grown, rotateAt, keep }) => {
      const cuts = planCuts(start, start + grown, { rotateAt, keep });
      assert.ok(cuts.length <= keep + 1);
      const left = start + grown - (cuts.at(-1) ?? start);
      assert.ok(left >= 0 && left < rotateAt);
      assert.ok(cuts.every((cut, i) => cut >= start && (i === 0 || cut - (cuts[i - 1] ?? 0) === rotateAt)));
    }),
  );
});

test('the end of a hole is found to the byte, wherever it lies', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(60_000), fc.integer({ min: 1, max: 30_000 }), fc.nat(20_000), async (hole, data, start) => {
      const size = hole + data;
      const from = Math.min(start, size);
      const read = async (buffer: Buffer, at: number) => {
        const length = Math.max(0, Math.min(buffer.length, size - at));
        for (let i = 0; i < length; i += 1) buffer[i] = at + i < hole ? 0 : 0x61;
        return length;
      };
      const found = await holeEnd(from, size, read);
      // A hole of less than a page is taken for data.
      const expected = hole - from >= 4096 && size - from > 4096 ? hole : from;
      assert.equal(found, expected);
    }),
  );
});
