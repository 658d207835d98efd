import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { TrafficSpec } from '../../src/domain/traffic-spec.ts';
import type { Group } from '../../src/router/balancer/group.ts';
import { hashOf } from '../../src/router/balancer/hash.ts';
import { noKey, noneTried } from '../../src/router/balancer/policy.ts';
import type { Upstream } from '../../src/router/balancer/upstream.ts';
import type { Endpoint } from '../../src/router-link/protocol.ts';
import { serviceOf, TestBalancer } from '../helpers/balancer.ts';

/** One request after the other. */
function picks(group: Group, count: number, now = 0, key = noKey): string {
  return Array.from({ length: count }, () => {
    const upstream = group.pick(noneTried, now, key);
    if (upstream) group.release(upstream);
    return upstream?.id ?? '-';
  }).join('');
}

function share(group: Group, id: string, now: number): number {
  return picks(group, 1_000, now).split(id).length / 1_000;
}

test('in turn', () => {
  const world = new TestBalancer();
  assert.equal(picks(world.apply(['a', 'b', 'c']), 4), 'abca');
  assert.equal(picks(world.apply(['b', 'c']), 3), 'cbc');
  assert.equal(picks(world.apply([]), 1), '-');
  assert.equal(world.balancer.group('unknown'), undefined);
});

test('in turn by weight, evenly mixed; an instance beyond the list weighs 1, one of weight 0 gets nothing', () => {
  const world = new TestBalancer();
  const balance: TrafficSpec['balance'] = { policy: 'weighted', weights: [5, 1] };
  assert.equal(picks(world.apply(['a', 'b', 'c'], { balance }), 7), 'aabacaa');
  const group = world.apply(['a', 'b'], { balance: { policy: 'weighted', weights: [0, 2] } });
  assert.equal(picks(group, 3), 'bbb');
  group.ejection.refused(group.pick(noneTried, 0) as Upstream, 0);
  assert.equal(picks(group, 3), 'bbb', 'not even where the others are ejected');
  assert.equal(picks(world.apply(['a'], { balance: { policy: 'weighted', weights: [0] } }), 1), '-');
});

test('of two, the one with fewer requests', () => {
  const group = new TestBalancer().apply(['a', 'b'], { balance: { policy: 'least-requests' } });
  const open = Array.from({ length: 100 }, () => group.pick(noneTried, 0) as Upstream);
  assert.deepEqual(
    [...new Set(open)].map(({ inFlight }) => inFlight),
    [50, 50],
  );
  const slow = open[0] as Upstream;
  for (const upstream of open) if (upstream !== slow) group.release(upstream);
  const other = slow.id === 'a' ? 'b' : 'a';
  assert.equal(picks(group, 10), other.repeat(10));
});

const hash: Partial<TrafficSpec> = { balance: { policy: 'hash', by: { kind: 'source' } } };
const keys = Array.from({ length: 3_000 }, (_, index) => hashOf(`session-${index}`));

test('a key stays with its instance, and only those of an instance that comes or goes move', () => {
  const world = new TestBalancer();
  const owners = (ids: string[]) => {
    const group = world.apply(ids, hash);
    return keys.map(key => picks(group, 1, 0, key));
  };
  const five = owners(['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(owners(['e', 'c', 'a', 'b', 'd']), five, 'in whatever order they are listed');
  const four = owners(['a', 'b', 'd', 'e']);
  for (const [index, owner] of five.entries()) if (owner !== 'c') assert.equal(four[index], owner);
  const moved = five.filter(owner => owner === 'c').length / keys.length;
  assert.ok(moved > 0.15 && moved < 0.25, `${moved}`);
  assert.deepEqual(owners(['a', 'b', 'c', 'd', 'e']), five);
});

test('an instance that takes the place of another gets its keys', () => {
  const world = new TestBalancer();
  const before = world.apply(['a', 'b', 'c'], hash);
  const owners = keys.map(key => picks(before, 1, 0, key));
  const { endpoints, ...rest } = serviceOf(['a', 'b', 'c'], hash);
  world.balancer.apply([
    { ...rest, endpoints: endpoints.map(one => ({ ...one, id: `${one.id}@2`, port: 9 }) as Endpoint) },
  ]);
  assert.deepEqual(
    keys.map(key => picks(before, 1, 0, key)),
    owners.map(owner => `${owner}@2`),
  );
});

test('a key whose instance can’t serve goes to one certain other, and comes back', () => {
  const group = new TestBalancer().apply(['a', 'b', 'c'], { ...hash, maxConnections: 1 });
  const key = keys[0] as number;
  const first = group.pick(noneTried, 0, key) as Upstream;
  const second = picks(group, 5, 0, key);
  assert.equal(second, (second[0] as string).repeat(5));
  assert.notEqual(second[0], first.id);
  group.release(first);
  assert.equal(picks(group, 1, 0, key), first.id);
  group.ejection.refused(first, 0);
  assert.equal(picks(group, 1, 0, key), second[0], 'the same for whatever reason');
  assert.equal(picks(group, 1, 1_000, key), first.id);
});

test('without a key, in turn', () => {
  const group = new TestBalancer().apply(['a', 'b', 'c'], hash);
  assert.equal(picks(group, 6), 'abcabc');
});

for (const policy of ['round-robin', 'weighted', 'least-requests'] as const) {
  test(`${policy}: the share of one that joins grows to the full one`, () => {
    const world = new TestBalancer();
    const balance: TrafficSpec['balance'] = policy === 'weighted' ? { policy, weights: [2, 2] } : { policy };
    const traffic = { balance, slowStart: 10_000 };
    assert.ok(share(world.apply(['a'], traffic), 'a', 0) > 0.99, 'the first is alone');
    world.now = 5_000;
    const group = world.apply(['a', 'b'], traffic);
    const shares = [0, 2_500, 5_000, 10_000, 20_000].map(age => share(group, 'b', 5_000 + age));
    const full = policy === 'least-requests' ? 0.5 : 1;
    // Of two, one gets s where the other gets 1; of a draw between two equal ones, s of what it would get.
    const expected = [0, 0.25, 0.5, 1, 1].map(part => (full === 1 ? part / (1 + part) : part / 2));
    for (const [index, actual] of shares.entries()) {
      assert.ok(Math.abs(actual - (expected[index] as number)) < 0.05, `${shares} instead of ${expected}`);
    }
  });
}

test('those that come together, or after all others are gone, have nobody to leave their share to', () => {
  const world = new TestBalancer();
  const traffic = { slowStart: 10_000 };
  assert.equal(picks(world.apply(['a', 'b'], traffic), 4), 'abab');
  world.now = 1_000;
  assert.equal(picks(world.apply(['c', 'd'], traffic), 4, 1_000), 'cdcd');
});

test('one that refuses is passed over, for longer each time, and never all', () => {
  const world = new TestBalancer();
  const group = world.apply(['a', 'b']);
  const [a, b] = [group.pick(noneTried, 0), group.pick(noneTried, 0)] as [Upstream, Upstream];
  for (const ejection of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    group.ejection.refused(a, world.now);
    group.ejection.refused(a, world.now); // Of a request that was under way at the same time.
    assert.equal(picks(group, 3, world.now), 'bbb');
    world.now += ejection - 1;
    assert.equal(picks(group, 2, world.now), 'bb');
    world.now += 1;
    assert.match(picks(group, 2, world.now), /a/);
  }
  group.ejection.refused(a, world.now);
  group.ejection.refused(b, world.now);
  assert.match(picks(group, 2, world.now), /ab|ba/);
  group.ejection.connected(a);
  assert.equal(picks(group, 2, world.now), 'aa');
  assert.equal(world.balancer.stats().get('s')?.ejected, 1);
  assert.equal(world.balancer.stats().get('s')?.ejections, 9);
});

test('one that fails is passed over after so many in a row', () => {
  const traffic = { ejection: { failures: 3, initial: 1_000, max: 3_000 } };
  const group = new TestBalancer().apply(['a', 'b', 'c', 'd'], traffic);
  const [a, b, c] = [1, 2, 3].map(() => group.pick(noneTried, 0) as Upstream) as [Upstream, Upstream, Upstream];
  group.ejection.failed(a, 0);
  group.ejection.failed(a, 0);
  group.ejection.succeeded(a, 0);
  group.ejection.failed(a, 0);
  group.ejection.failed(a, 0);
  assert.match(picks(group, 4), /a/, 'two in a row are not three');
  group.ejection.failed(a, 0);
  assert.doesNotMatch(picks(group, 4, 999), /a/);
  group.ejection.succeeded(a, 999);
  assert.doesNotMatch(picks(group, 4, 999), /a/, 'an answer that was under way does not end it');
  for (let count = 0; count < 3; count++) group.ejection.failed(b, 0);
  for (let count = 0; count < 3; count++) group.ejection.failed(c, 0);
  assert.match(picks(group, 4), /c/, 'half of four are ejected, and not more');
  assert.match(picks(group, 4, 1_000), /a/);
  for (let count = 0; count < 3; count++) group.ejection.failed(a, 1_000);
  assert.doesNotMatch(picks(group, 4, 2_999), /a/, 'it was not well in between: twice as long');
  group.ejection.failed(a, 3_000);
  assert.doesNotMatch(picks(group, 4, 5_999), /a/, 'one more is enough, and 3 s are the most');
  assert.match(picks(group, 4, 6_000), /a/);
  group.ejection.succeeded(a, 6_000);
  for (let count = 0; count < 3; count++) group.ejection.failed(a, 6_000);
  assert.match(picks(group, 4, 7_000), /a/, 'after a success it is as at first');
});

test('of a single instance, or where ejection is off, failures eject none', () => {
  const world = new TestBalancer();
  for (const group of [world.apply(['a']), world.apply(['a', 'b'], { ejection: false })]) {
    const a = group.pick(noneTried, 0) as Upstream;
    for (let count = 0; count < 10; count++) group.ejection.failed(a, 0);
    assert.match(picks(group, 2), new RegExp(a.id));
  }
  const group = world.apply(['a', 'b'], { ejection: false });
  group.ejection.refused(group.pick(noneTried, 0) as Upstream, 0);
  assert.match(picks(group, 4), /^(aaaa|bbbb)$/, 'one that refuses is passed over all the same');
});

test('whatever fails and whoever leaves, not more than half are ejected for failures', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const step = fc.oneof(
    fc.record({ ids: fc.subarray(ids) }),
    fc.record({ failed: fc.nat(4), times: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ wait: fc.nat(2_000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const world = new TestBalancer();
      let group = world.apply(ids);
      let here = ids.length;
      for (const action of steps) {
        if ('ids' in action) {
          group = world.apply(action.ids);
          here = action.ids.length;
        } else if ('wait' in action) world.now += action.wait;
        else {
          const upstreams = ids.map(() => group.pick(noneTried, world.now)).filter(one => one !== undefined);
          const upstream = upstreams[action.failed];
          for (let count = 0; upstream && count < action.times; count++) group.ejection.failed(upstream, world.now);
          for (const one of upstreams) group.release(one);
        }
        assert.ok(group.ejection.ejected(world.now) <= Math.floor(here / 2));
      }
    }),
  );
});

test('one that leaves keeps its count, and is vacated once', () => {
  const world = new TestBalancer();
  const group = world.apply(['a', 'b'], { upgradeGrace: 700 });
  const a = group.pick(noneTried, 0) as Upstream;
  world.apply(['a', 'b'], { upgradeGrace: 700 });
  assert.deepEqual(world.left, [], 'the same table again changes nothing');
  world.now = 50;
  world.apply(['b'], { upgradeGrace: 1 });
  assert.deepEqual(world.left, ['a']);
  assert.equal(a.upgradesEnd, 750, 'by the table that it was in');
  assert.deepEqual([...world.balancer.leaving()], [['a', 1]]);
  assert.equal(world.balancer.has('a'), false);
  group.release(a);
  assert.equal(world.vacated, 1);
  assert.equal(world.balancer.leaving().size, 0);
});

test('an endpoint that comes back on another port is another one', () => {
  const world = new TestBalancer();
  const group = world.apply(['a']);
  const old = group.pick(noneTried, 0) as Upstream;
  const { endpoints, ...rest } = serviceOf(['a']);
  world.balancer.apply([{ ...rest, endpoints: endpoints.map(endpoint => ({ ...endpoint, port: 2 }) as Endpoint) }]);
  assert.equal(group.pick(noneTried, 0)?.port, 2);
  assert.deepEqual([...world.balancer.leaving()], [['a', 1]]);
  group.release(old);
  assert.equal(world.balancer.leaving().size, 0);
});

test('a service that leaves and comes back goes on counting', () => {
  const world = new TestBalancer();
  const group = world.apply(['a', 'b']);
  group.ejection.refused(group.pick(noneTried, 0) as Upstream, 0);
  world.balancer.apply([]);
  assert.equal(picks(group, 1), '-');
  assert.equal(world.apply(['a', 'b']), group);
  assert.equal(world.balancer.stats().get('s')?.ejections, 1);
});

test('workers share what one instance may take, and how many may wait', () => {
  const traffic = { maxConnections: 10, queue: { size: 3, timeout: 1_000 } };
  const group = new TestBalancer().apply(['a'], traffic, 4);
  assert.equal([1, 2, 3, 4].filter(() => group.pick(noneTried, 0)).length, 3);
  assert.equal(group.queue.size, 1);
});
