/** Clients that take their time, in numbers. */
import test from 'node:test';
import { ended, withstand } from '../helpers/abuse.ts';

/** A socket, a client of the router's, and the part of a head that came. */
const connection = 16 * 1024;

test('connections that say nothing are ended in time', async t => {
  await withstand(t, {
    name: 'silence',
    connections: 5_000,
    limits: { headTimeout: 6_000 },
    descriptors: 1,
    memory: connection,
    lasting: 5_000,
    end: ended,
  });
});

test('heads that drip are ended in time', async t => {
  await withstand(t, {
    name: 'slow-heads',
    connections: 5_000,
    limits: { headTimeout: 6_000 },
    descriptors: 1,
    memory: connection,
    lasting: 5_000,
    end: async siege => {
      await ended(siege);
      await siege.attacker.until('each to be told', ({ statuses }) => statuses['408'] === 5_000);
    },
  });
});
