import assert from 'node:assert/strict';
import test from 'node:test';
import { Traffic } from '../../src/router/traffic.ts';
import { latencyBuckets } from '../../src/router-link/protocol.ts';

test('counts by code class, cumulative latency, retries and what is in flight', () => {
  const traffic = new Traffic();
  for (let begun = 0; begun < 3; begun++) traffic.of('a').begun();
  traffic.of('a').retried();
  traffic.unrouted();
  traffic.of('a').responded(200, 0.001);
  traffic.of('a').responded(204, 0.3);
  traffic.of('a').responded(499, 1_000);
  traffic.of('a').ended(10, 200);
  traffic.of('a').ended(1, 2);
  traffic.of('a').retryRefused();
  traffic.of('a').unavailable('queue-full');
  const balance = { ejections: 1, ejected: 2, queued: 3, queue: { full: 4 }, breaker: {} };
  const { services, unrouted, openConnections } = traffic.stats(7, new Map([['a', balance]]));
  const a = services['a'];
  assert.deepEqual(a?.responses, { '2xx': 2, '4xx': 1 });
  assert.equal(a?.latency.length, latencyBuckets.length + 1);
  assert.deepEqual(
    a?.latency,
    [...latencyBuckets, Number.POSITIVE_INFINITY].map(
      bound => [0.001, 0.3, 1_000].filter(seconds => seconds <= bound).length,
    ),
  );
  assert.deepEqual([a?.bytesIn, a?.bytesOut], [11, 202]);
  assert.deepEqual([a?.latencySum, a?.retries, a?.inFlight, unrouted, openConnections], [1_000.301, 1, 1, 1, 7]);
  assert.deepEqual([a?.retriesRefused, a?.unavailable['queue-full'], a?.ejected, a?.queue], [1, 1, 2, { full: 4 }]);
});
