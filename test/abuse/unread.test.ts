/** Sides that don't read what they asked for: the router must not keep it for them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { underWay, withstand } from '../helpers/abuse.ts';

/** What was read from one side at once, and could not be written to the other, besides what each connection takes. */
const connection = 128 * 1024 + 32 * 1024;
/** Kernels take some megabytes on each leg; everything else is held back. */
const taken = 32e6;

test('responses of 1 GB that no client reads', async t => {
  await withstand(t, {
    name: 'unread-responses',
    connections: 100,
    descriptors: 2,
    memory: connection,
    lasting: 5_000,
    end: siege => underWay(siege, 100),
  });
});

test('requests of 1 GB that the instance does not read', async t => {
  await withstand(t, {
    name: 'unread-requests',
    connections: 100,
    // The end of who isn't read can't be seen either; time shows it.
    limits: { responseTimeout: 20_000 },
    descriptors: 2,
    memory: connection,
    lasting: 5_000,
    bites: ({ written }) => written > 100 * 64 * 1024,
    end: async siege => {
      await underWay(siege, 100);
      const { attacker } = siege;
      assert.ok(attacker.tally.written < 100 * taken, `${attacker.tally.written} bytes were taken`);
    },
  });
});

test('requests sent ahead, whose answers are not read', async t => {
  await withstand(t, {
    name: 'unread-answers',
    connections: 20,
    descriptors: 2,
    memory: connection,
    lasting: 5_000,
  });
});
