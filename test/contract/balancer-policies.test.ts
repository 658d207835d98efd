/** What holds for each way to choose an instance. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { TrafficSpec } from '../../src/domain/traffic-spec.ts';
import type { Group } from '../../src/router/balancer/group.ts';
import { hashOf } from '../../src/router/balancer/hash.ts';
import { noneTried } from '../../src/router/balancer/policy.ts';
import type { Upstream } from '../../src/router/balancer/upstream.ts';
import { TestBalancer } from '../helpers/balancer.ts';

interface Subject {
  readonly traffic: Partial<TrafficSpec>;
  /** Of the requests, by index of the instance. Absent: the same for each. */
  readonly weights?: readonly number[];
}

const subjects: Readonly<Record<string, Subject>> = {
  'round robin': { traffic: { balance: { policy: 'round-robin' } } },
  'round robin with slow start': { traffic: { balance: { policy: 'round-robin' }, slowStart: 10_000 } },
  weighted: { traffic: { balance: { policy: 'weighted', weights: [3, 0.5, 1] } }, weights: [3, 0.5, 1, 1, 1] },
  'least requests': { traffic: { balance: { policy: 'least-requests' } } },
  'least requests with slow start': { traffic: { balance: { policy: 'least-requests' }, slowStart: 10_000 } },
  hash: { traffic: { balance: { policy: 'hash', by: { kind: 'source' } } } },
};

const keys = Array.from({ length: 4_000 }, (_, index) => hashOf(`10.0.${index >> 8}.${index & 255}`));

for (const [name, { traffic, weights = [] }] of Object.entries(subjects)) {
  test(`${name}: each instance has its share`, () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const group = new TestBalancer().apply(ids, traffic);
    const counts = new Map(ids.map(id => [id, 0]));
    for (const key of keys) {
      const upstream = group.pick(noneTried, 0, key) as Upstream;
      counts.set(upstream.id, (counts.get(upstream.id) ?? 0) + 1);
      group.release(upstream);
    }
    const total = ids.reduce((sum, _, index) => sum + (weights[index] ?? 1), 0);
    for (const [index, id] of ids.entries()) {
      const expected = (keys.length * (weights[index] ?? 1)) / total;
      const actual = counts.get(id) ?? 0;
      // Of keys and dice, five standard deviations.
      assert.ok(Math.abs(actual - expected) <= 5 * Math.sqrt(expected), `${id}: ${actual} instead of ${expected}`);
    }
  });

  test(`${name}: each is tried once, then none is left`, () => {
    const group = new TestBalancer().apply(['a', 'b', 'c', 'd'], traffic);
    for (const key of keys.slice(0, 50)) {
      const tried = new Set<Upstream>();
      for (let count = 0; count < 4; count++) tried.add(group.pick(tried, 0, key) as Upstream);
      assert.deepEqual([...tried].map(({ id }) => id).sort(), ['a', 'b', 'c', 'd']);
      assert.equal(group.pick(tried, 0, key), undefined);
      for (const upstream of tried) group.release(upstream);
    }
  });

  test(`${name}: no instance takes more than it may`, () => {
    const group = new TestBalancer().apply(['a', 'b', 'c'], { ...traffic, maxConnections: 4 });
    const picked = keys.slice(0, 13).map(key => group.pick(noneTried, 0, key));
    assert.equal(picked.pop(), undefined);
    for (const upstream of picked) assert.equal(upstream?.inFlight, 4);
    group.release(picked[5] as Upstream);
    assert.equal(group.pick(noneTried, 0, keys[99]), picked[5]);
  });

  test(`${name}: whatever happens, counts are right and someone is picked who may be`, () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.option(fc.integer({ min: 1, max: 3 })), (steps, limit) => {
        walk(steps, { ...traffic, ...(limit === null ? {} : { maxConnections: limit }) }, limit ?? Number.MAX_VALUE);
      }),
      { numRuns: 200 },
    );
  });
}

const all = ['a', 'b', 'c', 'd'];
const step = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('apply' as const), ids: fc.uniqueArray(fc.constantFrom(...all)) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pick' as const), key: fc.nat(), tried: fc.subarray(all) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('succeeded', 'failed', 'refused', 'connected'), which: fc.nat() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(5_000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function walk(steps: readonly Step[], traffic: Partial<TrafficSpec>, limit: number): void {
  const world = new TestBalancer();
  let table: readonly string[] = [];
  let group: Group = world.apply(table, traffic);
  const seen = new Set<Upstream>();
  const open: Upstream[] = [];
  for (const action of steps) {
    if (action.kind === 'apply') {
      table = action.ids;
      group = world.apply(table, traffic);
    } else if (action.kind === 'wait') world.now += action.ms;
    else if (action.kind === 'pick') {
      const tried = new Set([...seen].filter(({ id }) => action.tried.includes(id)));
      const picked = group.pick(tried, world.now, action.key);
      if (picked) {
        assert.ok(table.includes(picked.id) && !picked.leaving && !tried.has(picked));
        open.push(picked);
        seen.add(picked);
        assert.ok(picked.inFlight <= limit);
      } else {
        const busy = (id: string) => open.filter(one => one.id === id && !one.leaving).length >= limit;
        const free = table.filter(id => !busy(id) && !isTried(id, tried));
        // One that is ejected is spared as long as another is merely busy.
        for (const id of free) {
          const upstream = [...seen].find(one => one.id === id && !one.leaving);
          assert.ok(upstream && upstream.ejectedUntil > world.now && table.some(busy), `${id} could have been picked`);
        }
      }
    } else {
      const [upstream] = open.splice(action.which % Math.max(open.length, 1), 1);
      if (!upstream) continue;
      if (action.kind === 'connected') group.ejection.connected(upstream);
      else group.ejection[action.kind as 'succeeded' | 'failed' | 'refused'](upstream, world.now);
      group.release(upstream);
    }
    for (const upstream of seen) assert.equal(upstream.inFlight, open.filter(one => one === upstream).length);
    const leaving = new Map<string, number>();
    for (const { id } of open.filter(one => one.leaving)) leaving.set(id, (leaving.get(id) ?? 0) + 1);
    assert.deepEqual(new Map(world.balancer.leaving()), leaving);
  }
}

function isTried(id: string, tried: ReadonlySet<Upstream>): boolean {
  return [...tried].some(one => one.id === id && !one.leaving);
}
