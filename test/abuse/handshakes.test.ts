/** TLS handshakes, of which each costs the router more than it costs the client to begin it. */
import test from 'node:test';
import { ended, withstand } from '../helpers/abuse.ts';
import { eventually } from '../helpers/eventually.ts';

test('a flood of TLS handshakes', async t => {
  await withstand(t, {
    name: 'handshakes',
    connections: 500,
    isSecure: true,
    descriptors: 1,
    memory: 64 * 1024,
    lasting: 6_000,
    bites: ({ secured }) => secured === 500,
  });
});

test('TLS handshakes that are not gone on with are ended in time', async t => {
  await withstand(t, {
    name: 'half-handshakes',
    connections: 2_000,
    isSecure: true,
    limits: { headTimeout: 6_000 },
    descriptors: 1,
    memory: 64 * 1024,
    lasting: 5_000,
    end: async siege => {
      await ended(siege);
      await eventually('each to be counted', async () => {
        const stats = await siege.router.link.stats();
        return stats?.rejected['tls-late'] === 2_000;
      });
    },
  });
});
