import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { capacityOf, type Demand, requestedBy, shortage } from '../../src/domain/capacity.ts';

const GiB = 2 ** 30;
const host = { cpu: 2, memory: 4 * GiB };
const plain = { overcommit: { cpu: 1, memory: 1 }, whenFull: 'refuse' } as const;

describe('capacity', () => {
  it('is the host’s, or what is said, times the overcommit', () => {
    assert.deepEqual(capacityOf(host, plain), host);
    assert.deepEqual(capacityOf(host, { ...plain, cpu: 1, overcommit: { cpu: 3, memory: 0.5 } }), {
      cpu: 3,
      memory: 2 * GiB,
    });
  });

  it('that is exceeded is told with the arithmetic', () => {
    const ledger = { service: 'ledger', instances: 2, requests: { memory: GiB, cpu: 0.5 } };
    const greeter = { service: 'greeter', instances: 5, requests: { memory: GiB / 2 } };
    assert.equal(
      shortage(host, [ledger, greeter], 'greeter'),
      'memory: 5 × 512Mi for greeter and 2Gi for others make 4.5Gi, and 4Gi can be requested',
    );
    assert.equal(shortage(host, [ledger, { ...greeter, instances: 4 }], 'greeter'), undefined, 'it may be full');
  });

  it('is no matter to those who request nothing of what is short', () => {
    const hog = { service: 'hog', instances: 1, requests: { memory: 8 * GiB } };
    const modest = { service: 'modest', instances: 9, requests: { cpu: 0.1 } };
    assert.equal(shortage(host, [hog, modest], 'modest'), undefined);
    assert.ok(shortage(host, [hog, modest], 'hog'));
  });

  it('is never exceeded by decimal fractions that only look so', () => {
    const tenths = { service: 'a', instances: 20, requests: { cpu: 0.1 } };
    assert.equal(shortage(host, [tenths], 'a'), undefined);
    assert.ok(shortage(host, [{ ...tenths, instances: 21 }], 'a'));
  });

  it('lets in exactly what fits, in whatever order it is told', () => {
    const demand = fc.record({
      service: fc.constantFrom('a', 'b', 'c'),
      instances: fc.nat(5),
      requests: fc.record({ memory: fc.nat(1024), cpu: fc.nat(4) }),
    });
    fc.assert(
      fc.property(fc.array(demand), fc.nat(10_000), (demands: readonly Demand[], memory) => {
        const capacity = { cpu: 1000, memory };
        const total = requestedBy(demands).memory;
        const mine = requestedBy(demands.filter(({ service }) => service === 'a')).memory;
        const short = shortage(capacity, demands, 'a') !== undefined;
        assert.equal(short, mine > 0 && total > memory);
        assert.equal(shortage(capacity, demands.toReversed(), 'a') !== undefined, short);
      }),
    );
  });
});
