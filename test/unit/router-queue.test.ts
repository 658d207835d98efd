import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { noKey, noneTried } from '../../src/router/balancer/policy.ts';
import type { Waiter } from '../../src/router/balancer/queue.ts';
import type { Upstream } from '../../src/router/balancer/upstream.ts';
import { TestBalancer } from '../helpers/balancer.ts';

class Request implements Waiter {
  readonly name: string;
  readonly tried: ReadonlySet<Upstream>;
  readonly key = noKey;
  readonly #told: string[];
  upstream: Upstream | undefined;

  constructor(name: string, told: string[], tried = noneTried) {
    this.name = name;
    this.tried = tried;
    this.#told = told;
  }

  admitted(upstream: Upstream | undefined): void {
    this.upstream = upstream;
    this.#told.push(`${this.name}: ${upstream?.id ?? 'none'}`);
  }

  expired(): void {
    this.#told.push(`${this.name}: expired`);
  }
}

function world(ids: string[], size = 10) {
  const balancer = new TestBalancer();
  const traffic = { maxConnections: 1, queue: { size, timeout: 1_000 } };
  const told: string[] = [];
  const group = balancer.apply(ids, traffic);
  const ask = (name: string, tried = noneTried) => {
    const request = new Request(name, told, tried);
    const picked = group.pick(tried, balancer.now, noKey, request);
    return { request, picked };
  };
  return { balancer, group, told, ask, traffic };
}

test('who came first is served first, as slots become free', () => {
  const { group, told, ask } = world(['a', 'b']);
  const [a, b] = [ask('1').picked, ask('2').picked] as [Upstream, Upstream];
  assert.deepEqual(
    ['3', '4', '5'].map(name => ask(name).picked),
    ['wait', 'wait', 'wait'],
  );
  assert.equal(group.stats(0).queued, 3);
  group.release(b);
  group.release(a);
  group.release(b);
  assert.deepEqual(told, ['3: b', '4: a', '5: b']);
  assert.deepEqual([group.stats(0).queued, group.stats(0).queue['admitted']], [0, 3]);
});

test('a new instance, or a higher limit, serves those who wait', () => {
  const { balancer, told, ask, traffic } = world(['a']);
  for (const name of ['1', '2', '3', '4']) ask(name);
  balancer.apply(['a', 'b'], traffic);
  assert.deepEqual(told, ['2: b']);
  balancer.apply(['a', 'b'], { ...traffic, maxConnections: 2 });
  assert.deepEqual(
    told.slice(1).map(line => line[0]),
    ['3', '4'],
  );
});

test('it is bounded in number and in time', () => {
  const { balancer, group, told, ask } = world(['a'], 2);
  ask('1');
  ask('2');
  balancer.now = 400;
  ask('3');
  assert.equal(ask('4').picked, 'full');
  group.look(999);
  assert.deepEqual(told, []);
  group.look(1_000);
  assert.deepEqual(told, ['2: expired']);
  group.look(1_400);
  assert.deepEqual(told, ['2: expired', '3: expired']);
  assert.deepEqual(group.stats(0).queue, { admitted: 0, timeout: 2, full: 1, gone: 0 });
  const none = world(['a'], 0);
  none.ask('1');
  assert.equal(none.ask('2').picked, 'full');
});

test('who is gone is passed over', () => {
  const { group, told, ask } = world(['a']);
  const first = ask('1').picked as Upstream;
  const { request } = ask('2');
  ask('3');
  group.queue.leave(request);
  group.queue.leave(request);
  group.release(first);
  assert.deepEqual(told, ['3: a']);
  assert.equal(group.stats(0).queue['gone'], 1);
});

test('without instances those who wait go on, without the service they don’t; a new one does not begin to wait', () => {
  const { balancer, told, ask, traffic } = world(['a']);
  ask('1');
  ask('2');
  balancer.apply([], traffic);
  assert.equal(ask('3').picked, undefined);
  assert.deepEqual(told, []);
  balancer.apply(['b'], traffic);
  assert.deepEqual(told, ['2: b']);
  ask('4');
  balancer.balancer.apply([]);
  assert.deepEqual(told, ['2: b', '4: none']);
});

test('who has tried the free one holds up nobody, and does not wait for what can’t come', () => {
  const { balancer, group, told, ask, traffic } = world(['a', 'b']);
  const [a, b] = [ask('1').picked, ask('2').picked] as [Upstream, Upstream];
  ask('3', new Set([a]));
  ask('4');
  group.release(a);
  assert.deepEqual(told, ['4: a']);
  group.release(a);
  assert.equal(ask('5').picked, a, 'nobody who came before can use it');
  balancer.apply(['a'], traffic);
  assert.deepEqual(told, ['4: a', '3: none']);
  group.release(b);
});

test('the busy are waited for, the ejected only where all are', () => {
  const { balancer, group, told, ask } = world(['a', 'b']);
  const [a, b] = [ask('1').picked, ask('2').picked] as [Upstream, Upstream];
  group.ejection.refused(a, 0);
  group.release(a);
  assert.equal(ask('3').picked, 'wait');
  group.look(500);
  assert.deepEqual(told, []);
  balancer.now = 1_000;
  group.look(1_000);
  assert.deepEqual(told, ['3: a'], 'it is ejected no more');
  group.ejection.refused(b, 1_000);
  group.ejection.refused(a, 1_000);
  group.release(b);
  assert.equal(ask('4').picked, b);
});

test('whatever happens, nobody is lost, served twice or overtaken', () => {
  const ids = ['a', 'b', 'c'];
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant('ask' as const) },
    { weight: 3, arbitrary: fc.record({ release: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ leave: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ wait: fc.nat(600) }) },
    { weight: 1, arbitrary: fc.record({ ids: fc.subarray(ids) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), steps => {
      const { balancer, group, told, ask, traffic } = world(['a'], 5);
      const open: Upstream[] = [];
      const waiting: Request[] = [];
      let seen = 0;
      let name = 0;
      for (const action of steps) {
        if (action === 'ask') {
          const { request, picked } = ask(`${name++}`);
          assert.ok(waiting.length < 5 || picked !== 'wait');
          if (picked === 'wait') waiting.push(request);
          else if (typeof picked === 'object') open.push(picked);
        } else if ('release' in action) {
          const [upstream] = open.splice(action.release % Math.max(1, open.length), 1);
          if (upstream) group.release(upstream);
        } else if ('leave' in action) {
          const [request] = waiting.splice(action.leave % Math.max(1, waiting.length), 1);
          if (request) group.queue.leave(request);
        } else if ('wait' in action) {
          balancer.now += action.wait;
          group.look(balancer.now);
        } else balancer.apply(action.ids, traffic);
        for (const line of told.slice(seen)) {
          const request = waiting.shift();
          assert.equal(line.split(':')[0], request?.name, 'in their order');
          if (request?.upstream) open.push(request.upstream);
        }
        seen = told.length;
        assert.equal(group.stats(0).queued, waiting.length);
        for (const upstream of open) {
          assert.equal(open.filter(one => one === upstream).length, 1);
          assert.equal(upstream.inFlight, 1);
        }
      }
    }),
  );
});
