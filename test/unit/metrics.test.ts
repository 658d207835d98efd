import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceStatus } from '../../src/control/views.ts';
import { instanceStates } from '../../src/domain/instance/state.ts';
import { Counters } from '../../src/metrics/counters.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { latencyBuckets, type RouterStats } from '../../src/router-link/protocol.ts';
import { MemoryControl } from '../helpers/memory-control.ts';

interface Parsed {
  readonly help: string;
  readonly type: string;
  readonly samples: ReadonlyMap<string, number>;
}

/** Reads the text format (prometheus.io/docs/instrumenting/exposition_formats) and refuses what isn't it. */
function parseExposition(text: string): Map<string, Parsed> {
  const families = new Map<string, { help: string; type: string; samples: Map<string, number> }>();
  let name = '';
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
    if (comment?.[1] === 'HELP') {
      name = comment[2] ?? '';
      assert.ok(!families.has(name), `${name} is there twice`);
      families.set(name, { help: comment[3] ?? '', type: '', samples: new Map() });
      continue;
    }
    const family = families.get(name);
    assert.ok(family, `a sample before its family: ${line}`);
    if (comment) {
      family.type = comment[3] ?? '';
      continue;
    }
    const sample = /^([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\[\\n"])*",?)*\})? (\S+)$/.exec(line);
    assert.ok(sample, `no sample: ${line}`);
    const base = family.type === 'histogram' ? sample[1]?.replace(/_(bucket|sum|count)$/, '') : sample[1];
    assert.equal(base, name);
    const key = `${sample[1]}${sample[2] ?? ''}`;
    assert.ok(!family.samples.has(key), `the same series twice: ${key}`);
    const value = Number(sample[3]);
    assert.ok(Number.isFinite(value), line);
    family.samples.set(key, value);
  }
  return families;
}

const traffic = {
  responses: { '2xx': 8, '5xx': 1 },
  latency: [...latencyBuckets.map((_, i) => Math.min(i, 8)), 9],
  latencySum: 12.5,
  retries: 2,
  retriesRefused: 3,
  unavailable: { 'no-instance': 4, 'breaker-open': 5 },
  inFlight: 1,
  ejections: 6,
  ejected: 1,
  queued: 7,
  queue: { admitted: 8, full: 9 },
  breaker: { closed: 1, open: 0, 'half-open': 0 },
  connections: { open: 1, opened: 3, refused: 1, received: 5, sent: 7 },
};

function setUp(instances: Readonly<Record<string, number>>, stats: RouterStats | undefined) {
  const control = new MemoryControl(instances);
  const counters = new Counters();
  const status = { ...control.host().router };
  const router = { status: () => status, stats: async () => stats };
  const metrics = createMetrics({ control, router, counters });
  const scrape = async () => parseExposition(await metrics.exposition());
  return { control, counters, status, scrape };
}

test('every family has help, a type, and a name that keeps to the conventions', async () => {
  const { scrape, counters } = setUp(
    { greeter: 2 },
    {
      services: { greeter: traffic },
      unrouted: 3,
      rejected: { 'host-missing': 2 },
      openConnections: 4,
      workers: [{ pid: 7, memory: 50_000_000, connections: 4 }],
    },
  );
  counters.restarted('greeter', 'exit');
  counters.probed('greeter', 'liveness', false);
  const families = await scrape();
  for (const [name, { help, type, samples }] of families) {
    assert.match(help, /^[A-Z].+\.$/, name);
    assert.match(name, /^(slipway|process|nodejs)_/);
    assert.match(type, /^(gauge|counter|histogram)$/, name);
    assert.equal(type === 'counter', name.endsWith('_total'), `${name} is a ${type}`);
    assert.doesNotMatch(name, /_(milliseconds|ms|kilobytes|kb|percent)(_|$)/, 'base units');
    assert.ok(samples.size > 0, `${name} is empty`);
  }
  const expected = [
    'slipway_build_info',
    'slipway_instances',
    'slipway_instances_wanted',
    'slipway_restarts_total',
    'slipway_probe_results_total',
    'slipway_instance_cpu_seconds_total',
    'slipway_instance_memory_bytes',
    'slipway_instance_processes',
    'slipway_router_up',
    'slipway_router_requests_total',
    'slipway_router_request_duration_seconds',
    'slipway_router_retries_total',
    'slipway_router_retries_refused_total',
    'slipway_router_unavailable_total',
    'slipway_router_ejections_total',
    'slipway_router_ejected_instances',
    'slipway_router_queued',
    'slipway_router_queue_total',
    'slipway_router_breaker_state',
    'slipway_router_in_flight',
    'slipway_router_worker_connections',
    'slipway_router_worker_memory_bytes',
    'slipway_router_tcp_open_connections',
    'slipway_router_tcp_connections_total',
    'slipway_router_tcp_refused_total',
    'slipway_router_tcp_received_bytes_total',
    'slipway_router_tcp_sent_bytes_total',
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
  ];
  assert.deepEqual(
    expected.filter(name => !families.has(name)),
    [],
  );
});

test('instances are told by state, states without one included', async () => {
  const { control, scrape } = setUp({ greeter: 2 }, undefined);
  control.set('greeter', 1, { state: 'backoff' });
  const { samples } = (await scrape()).get('slipway_instances') ?? assert.fail();
  assert.equal(samples.size, instanceStates.length);
  assert.equal(samples.get('slipway_instances{service="greeter",state="ready"}'), 1);
  assert.equal(samples.get('slipway_instances{service="greeter",state="backoff"}'), 1);
  assert.equal(samples.get('slipway_instances{service="greeter",state="failed"}'), 0);
});

test('the histogram is cumulative, ends in +Inf, and agrees with its count', async () => {
  const { scrape } = setUp(
    { greeter: 1 },
    { services: { greeter: traffic }, unrouted: 0, rejected: {}, openConnections: 0, workers: [] },
  );
  const name = 'slipway_router_request_duration_seconds';
  const { samples } = (await scrape()).get(name) ?? assert.fail();
  const buckets = [...samples].filter(([key]) => key.startsWith(`${name}_bucket`)).map(([, value]) => value);
  assert.equal(buckets.length, latencyBuckets.length + 1);
  assert.deepEqual(
    buckets,
    [...buckets].sort((a, b) => a - b),
  );
  assert.equal(samples.get(`${name}_bucket{service="greeter",le="+Inf"}`), 9);
  assert.equal(samples.get(`${name}_count{service="greeter"}`), 9);
  assert.equal(samples.get(`${name}_sum{service="greeter"}`), 12.5);
});

test('two processes of one index, in the middle of a rollout, are two series', async () => {
  const { control, scrape } = setUp({ greeter: 1 }, undefined);
  const status = await control.service('greeter');
  const [instance] = status.instances;
  assert.ok(instance);
  const rolling: ServiceStatus = { ...status, instances: [instance, { ...instance, revision: 2 }] };
  control.services = async () => [rolling];
  const { samples } = (await scrape()).get('slipway_instance_memory_bytes') ?? assert.fail();
  assert.deepEqual(
    [...samples.keys()].map(key => /revision="(\d)"/.exec(key)?.[1]),
    ['1', '2'],
  );
});

test('a service that is gone disappears, and comes back at zero', async () => {
  const { control, counters, scrape } = setUp(
    { greeter: 1, ledger: 1 },
    {
      services: { greeter: traffic, ledger: traffic, forgotten: traffic },
      unrouted: 0,
      rejected: {},
      openConnections: 0,
      workers: [],
    },
  );
  const mentions = async (service: string) =>
    [...(await scrape()).values()]
      .flatMap(family => [...family.samples.keys()])
      .filter(key => key.includes(`"${service}"`));
  counters.restarted('ledger', 'exit');
  assert.notEqual((await mentions('ledger')).length, 0);
  assert.deepEqual(await mentions('forgotten'), []);
  const all = await control.services();
  control.services = async () => all.filter(service => service.name !== 'ledger');
  assert.deepEqual(await mentions('ledger'), []);
  assert.deepEqual(counters.restarts(), []);
});

test('labels are bounded and escaped, whatever the reasons are', async () => {
  const { counters, scrape } = setUp({ greeter: 1 }, undefined);
  for (let n = 0; n < 500; n++) counters.restarted('greeter', `pid ${n} said "no"\n`);
  const { samples } = (await scrape()).get('slipway_restarts_total') ?? assert.fail();
  assert.ok(samples.size <= 21, `${samples.size} series`);
  assert.equal(
    [...samples.values()].reduce((sum, value) => sum + value),
    500,
  );
});

test('a router that is down is told apart from one that there isn’t', async () => {
  const down = setUp({ greeter: 1 }, undefined);
  assert.equal((await down.scrape()).get('slipway_router_up')?.samples.get('slipway_router_up'), 0);
  Object.assign(down.status, { state: 'off' });
  assert.equal((await down.scrape()).has('slipway_router_up'), false);
});

test('the router tells what it spares instances and clients, by service', async () => {
  const { scrape } = setUp(
    { greeter: 1 },
    { services: { greeter: traffic }, unrouted: 0, rejected: {}, openConnections: 0, workers: [] },
  );
  const all = await scrape();
  const samples = (name: string) => Object.fromEntries(all.get(name)?.samples ?? []);
  assert.deepEqual(samples('slipway_router_unavailable_total'), {
    'slipway_router_unavailable_total{service="greeter",reason="no-instance"}': 4,
    'slipway_router_unavailable_total{service="greeter",reason="breaker-open"}': 5,
  });
  assert.deepEqual(samples('slipway_router_queue_total'), {
    'slipway_router_queue_total{service="greeter",outcome="admitted"}': 8,
    'slipway_router_queue_total{service="greeter",outcome="full"}': 9,
  });
  assert.deepEqual(samples('slipway_router_breaker_state'), {
    'slipway_router_breaker_state{service="greeter",state="closed"}': 1,
    'slipway_router_breaker_state{service="greeter",state="open"}': 0,
    'slipway_router_breaker_state{service="greeter",state="half-open"}': 0,
  });
  const plain = ['retries_refused_total', 'ejections_total', 'ejected_instances', 'queued'];
  assert.deepEqual(
    plain.map(name => samples(`slipway_router_${name}`)[`slipway_router_${name}{service="greeter"}`]),
    [3, 6, 1, 7],
  );
});
