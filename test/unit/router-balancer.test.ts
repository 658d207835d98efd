import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Balancer, type Upstream } from '../../src/router/balancer.ts';
import { anyRoute } from '../helpers/router.ts';

function balancer() {
  const state = { now: 0, left: [] as string[], vacated: 0 };
  const made = new Balancer(() => state.now, {
    left: upstream => void state.left.push(upstream.id),
    vacated: () => {
      state.vacated += 1;
    },
  });
  return { made, state };
}

const none: ReadonlySet<Upstream> = new Set();
const endpoints = (...ids: string[]) => anyRoute('s', ...ids.map((id, index) => ({ id, port: 1_000 + index })));

function picks(made: Balancer, count: number): (string | undefined)[] {
  return Array.from({ length: count }, () => {
    const upstream = made.pick('s', none);
    if (upstream) made.release(upstream);
    return upstream?.id;
  });
}

test('in turn, and each at most once for one request', () => {
  const { made } = balancer();
  made.apply([endpoints('a', 'b', 'c')]);
  assert.deepEqual(picks(made, 4), ['a', 'b', 'c', 'a']);
  const tried = new Set<Upstream>();
  for (let count = 0; count < 3; count++) tried.add(made.pick('s', tried) as Upstream);
  assert.equal(tried.size, 3);
  assert.equal(made.pick('s', tried), undefined);
  assert.equal(made.pick('unknown', none), undefined);
});

test('one that refuses is passed over, for longer each time, and never all', () => {
  const { made, state } = balancer();
  made.apply([endpoints('a', 'b')]);
  const [a, b] = [made.pick('s', none), made.pick('s', none)] as [Upstream, Upstream];
  for (const [ejection] of [[1_000], [2_000], [4_000], [8_000], [10_000], [10_000]]) {
    made.refused(a);
    made.refused(a); // Of a request that was under way at the same time.
    assert.deepEqual(picks(made, 3), ['b', 'b', 'b']);
    state.now += (ejection ?? 0) - 1;
    assert.deepEqual(picks(made, 2), ['b', 'b']);
    state.now += 1;
    assert.ok(picks(made, 2).includes('a'));
  }
  made.refused(a);
  made.refused(b);
  assert.deepEqual(picks(made, 2).sort(), ['a', 'b']);
  made.connected(a);
  assert.deepEqual(picks(made, 2), ['a', 'a']);
});

test('one that leaves keeps its count, and is vacated once', () => {
  const { made, state } = balancer();
  made.apply([endpoints('a', 'b')]);
  const a = made.pick('s', none) as Upstream;
  made.apply([endpoints('a', 'b')]);
  assert.deepEqual(state.left, [], 'the same table again changes nothing');
  made.apply([anyRoute('s', { id: 'b', port: 1_001 })]);
  assert.deepEqual(state.left, ['a']);
  assert.deepEqual([...made.leaving()], [['a', 1]]);
  assert.equal(made.has('a'), false);
  made.release(a);
  assert.equal(state.vacated, 1);
  assert.equal(made.leaving().size, 0);
});

test('an endpoint that comes back on another port is another one', () => {
  const { made } = balancer();
  made.apply([anyRoute('s', { id: 'a', port: 1 })]);
  const old = made.pick('s', none) as Upstream;
  made.apply([anyRoute('s', { id: 'a', port: 2 })]);
  assert.equal((made.pick('s', none) as Upstream).port, 2);
  assert.deepEqual([...made.leaving()], [['a', 1]]);
  made.release(old);
  assert.equal(made.leaving().size, 0);
});

test('whatever happens: counts are right, what has left is never picked, and someone is picked if there is anyone', () => {
  const ids = ['a', 'b', 'c', 'd'];
  const step = fc.oneof(
    fc.record({ kind: fc.constant('apply' as const), ids: fc.uniqueArray(fc.constantFrom(...ids)) }),
    fc.record({ kind: fc.constant('pick' as const) }),
    fc.record({ kind: fc.constantFrom('release', 'refused', 'connected'), which: fc.nat() }),
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(3_000) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const { made, state } = balancer();
      let table: readonly string[] = [];
      const open: Upstream[] = [];
      for (const action of steps) {
        if (action.kind === 'apply') {
          table = action.ids;
          made.apply([anyRoute('s', ...table.map(id => ({ id, port: 1 + ids.indexOf(id) })))]);
        } else if (action.kind === 'pick') {
          const picked = made.pick('s', none);
          assert.equal(picked !== undefined, table.length > 0);
          if (picked) {
            assert.ok(table.includes(picked.id));
            assert.equal(picked.leaving, false);
            open.push(picked);
          }
        } else if (action.kind === 'wait') state.now += action.ms;
        else {
          const [upstream] = open.splice(action.which % Math.max(open.length, 1), 1);
          if (!upstream) continue;
          if (action.kind === 'refused') made.refused(upstream);
          if (action.kind === 'connected') made.connected(upstream);
          made.release(upstream);
        }
        const leaving = new Map<string, number>();
        for (const upstream of open.filter(one => one.leaving)) {
          leaving.set(upstream.id, (leaving.get(upstream.id) ?? 0) + 1);
        }
        assert.deepEqual(new Map(made.leaving()), leaving);
      }
    }),
  );
});
