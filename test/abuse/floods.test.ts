/** More of something than is sensible. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ended, underWay, withstand } from '../helpers/abuse.ts';

/** A socket, a client of the router's, and the part of a head that came. */
const connection = 16 * 1024;

for (const name of ['many-fields', 'large-heads'] as const) {
  test(`a flood of ${name.replace('-', ' ')} is answered by 431`, async t => {
    await withstand(t, {
      name,
      connections: 500,
      descriptors: 1,
      memory: 3 * connection,
      lasting: 6_000,
      end: async siege => {
        await ended(siege);
        assert.deepEqual(siege.attacker.tally.statuses, { 431: 500 });
      },
    });
  });
}

test('garbage behind requests that were sent ahead is answered by 400, after them', async t => {
  await withstand(t, {
    name: 'garbage',
    connections: 500,
    descriptors: 2,
    memory: 3 * connection,
    lasting: 6_000,
    end: async siege => {
      await ended(siege);
      assert.deepEqual(siege.attacker.tally.statuses, { 200: 500 * 20, 400: 500 });
    },
  });
});

test('10,000 connections that are kept, and used now and then', async t => {
  await withstand(t, {
    name: 'kept-connections',
    connections: 10_000,
    descriptors: 1,
    memory: connection,
    lasting: 15_000,
    bites: ({ open, statuses }) => open === 10_000 && Number(statuses['200']) > 11_000,
    end: async ({ attacker }) => assert.deepEqual(Object.keys(attacker.tally.statuses), ['200']),
  });
});

test('2,000 bodies that drip', async t => {
  await withstand(t, {
    name: 'slow-bodies',
    connections: 2_000,
    descriptors: 2,
    memory: 2 * connection,
    lasting: 6_000,
    bites: ({ open }) => open === 2_000,
    end: siege => underWay(siege, 2_000),
  });
});
