import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import fc from 'fast-check';
import { plus, since, Tally } from '../../src/router/tally.ts';
import { identityOf } from '../../src/router-link/identity.ts';
import type { RouterStats } from '../../src/router-link/protocol.ts';

function stats(requests: number, inFlight = 0, pid = 1): RouterStats {
  return {
    services: {
      a: {
        responses: { '2xx': requests },
        latency: [requests, requests],
        latencySum: requests,
        retries: 0,
        retriesRefused: 0,
        unavailable: {},
        inFlight,
        ejections: requests,
        ejected: inFlight,
        queued: inFlight,
        queue: { admitted: requests },
        breaker: { open: inFlight },
        connections: { open: inFlight, opened: requests, refused: 0, received: requests, sent: requests },
      },
    },
    unrouted: 0,
    rejected: requests > 5 ? { big: requests } : {},
    openConnections: inFlight,
    workers: [{ pid, memory: 1, connections: inFlight }],
  };
}

async function process(t: TestContext) {
  const child = spawn('sleep', ['60']);
  t.after(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  const worker = identityOf(child.pid ?? 0);
  assert.ok(worker);
  const end = async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { worker, end };
}

test('every number is added up, and what is counted since a base never tells less than is there now', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(100), fc.nat(100), (one, other, mine, its) => {
      const sum = plus(stats(one, mine), stats(other, its, 2));
      assert.deepEqual(
        { ...sum, rejected: {} },
        { ...stats(one + other, mine + its), rejected: {}, workers: sum.workers },
      );
      assert.equal(sum.workers.length, 2);
      const later = since(stats(one, mine), stats(one + other, its));
      assert.deepEqual([later.services['a']?.responses['2xx'], later.services['a']?.inFlight], [other, its]);
      assert.deepEqual([later.services['a']?.ejections, later.services['a']?.ejected], [other, its]);
      assert.deepEqual(later.services['a']?.breaker, { open: its });
      assert.deepEqual(
        [later.services['a']?.connections?.open, later.services['a']?.connections?.opened],
        [its, other],
      );
      assert.equal(later.openConnections, its);
    }),
  );
});

test('a worker that ended keeps what it counted, and nothing of what was under way', async t => {
  const asked: string[] = [];
  const tally = new Tally<string>(peer => {
    asked.push(peer);
    tally.heard({ type: 'counts', worker, stats: stats(7, 3, worker.pid) });
  });
  const { worker, end } = await process(t);
  tally.joined('peer', worker);
  const both = await tally.total(() => stats(10, 1), [worker]);
  assert.deepEqual([both.services['a']?.responses['2xx'], both.openConnections, both.workers.length], [17, 4, 2]);
  assert.deepEqual(both.services['a']?.breaker, { open: 4 });
  assert.deepEqual(both.rejected, { big: 17 });
  await end();
  tally.heard({ type: 'counts', worker, stats: stats(9, 2, worker.pid) });
  tally.gone('peer');
  for (let round = 0; round < 2; round++) {
    const last = await tally.total(() => stats(10, 1), []);
    assert.deepEqual([last.services['a']?.responses['2xx'], last.openConnections], [19, 1]);
    assert.deepEqual(last.workers, [{ pid: 1, memory: 1, connections: 1 }]);
  }
  assert.deepEqual(asked, ['peer']);
});

test('a worker that does not answer: its last numbers stand in, and the answer is not held up for long', async t => {
  let answers = true;
  const tally = new Tally<string>(() => {
    if (answers) tally.heard({ type: 'counts', worker, stats: stats(7) });
  });
  const { worker } = await process(t);
  tally.joined('peer', worker);
  await tally.total(() => stats(0), [worker]);
  answers = false;
  const totals = await Promise.all([1, 2].map(() => tally.total(() => stats(1), [worker])));
  assert.deepEqual(
    totals.map(({ services }) => services['a']?.responses['2xx']),
    [8, 8],
  );
});

test('a worker that joins while it is waited for is asked, and one that goes is waited for no more', async t => {
  const tally = new Tally<string>(() => tally.heard({ type: 'counts', worker, stats: stats(7) }));
  const { worker } = await process(t);
  const total = tally.total(() => stats(1), [worker]);
  tally.joined('late', worker);
  assert.equal((await total).services['a']?.responses['2xx'], 8);
  const mute = new Tally<string>(() => mute.gone('peer'));
  mute.joined('peer', worker);
  assert.equal((await mute.total(() => stats(1), [worker])).services['a']?.responses['2xx'], 1);
});
