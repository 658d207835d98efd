import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/control/clock.ts';
import type { ProbeAction, ProbeKind, ProbeSpec, Probes } from '../../src/domain/spec.ts';
import type { ProbeTarget } from '../../src/probes/contract.ts';
import { createProber } from '../../src/probes/prober.ts';
import { eventually } from '../helpers/eventually.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { tcpServer } from '../helpers/tcp-server.ts';

function spec(action: ProbeAction, more: Partial<ProbeSpec> = {}): ProbeSpec {
  const defaults = { initialDelay: 0, period: 50, timeout: 1000, successThreshold: 1, failureThreshold: 3 };
  return { action, ...defaults, ...more };
}

const http = (path: string): ProbeAction => ({ kind: 'http', path, headers: {}, status: [200, 399] });
const tcp: ProbeAction = { kind: 'tcp' };

interface Instance {
  readonly server: Server;
  readonly port: number;
  readonly target: ProbeTarget;
  /** What each path answers with; 200 where it isn't said. */
  readonly status: Map<string, number>;
  readonly asked: string[];
}

async function instance(t: TestContext): Promise<Instance> {
  const status = new Map<string, number>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(status.get(request.url ?? '') ?? 200).end();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  const { port } = address;
  return { server, port, target: { place: { port }, env: {}, cwd: '/' }, status, asked };
}

interface Watched {
  readonly heard: readonly string[];
  readonly results: readonly string[];
  until(event: string, times?: number): Promise<unknown>;
  readonly cancel: () => void;
}

function watch(t: TestContext, probes: Probes, target: ProbeTarget, from: 'launch' | 'running' = 'launch'): Watched {
  const heard: string[] = [];
  const results: string[] = [];
  const cancel = createProber({ clock: systemClock }).watch(probes, target, from, {
    onResult: (kind, { detail }) => results.push(`${kind}: ${detail}`),
    onPassed: kind => heard.push(`${kind} passed`),
    onFailed: (kind, detail) => heard.push(`${kind} failed: ${detail}`),
  });
  t.after(cancel);
  const until = (event: string, times = 1) =>
    eventually(event, () => heard.filter(each => each === event).length >= times);
  return { heard, results, until, cancel };
}

test('readiness is lost and found again, with the status in words', async t => {
  const { target, status } = await instance(t);
  const watched = watch(t, { readiness: spec(http('/ready')) }, target);
  await watched.until('readiness passed');
  status.set('/ready', 503);
  await watched.until('readiness failed: HTTP 503');
  status.delete('/ready');
  await watched.until('readiness passed', 2);
  assert.deepEqual(watched.heard, ['readiness passed', 'readiness failed: HTTP 503', 'readiness passed']);
});

test('a liveness that goes on failing fails again and again', async t => {
  const { target, server, port } = await instance(t);
  const watched = watch(t, { liveness: spec(tcp) }, target);
  await watched.until('liveness passed');
  server.close();
  await watched.until(`liveness failed: connection refused on port ${port}`, 2);
});

test('startup holds the others back until it has passed, and is over then', async t => {
  const { target, status, asked } = await instance(t);
  status.set('/startup', 500);
  const probes = {
    startup: spec(http('/startup'), { failureThreshold: 2 }),
    readiness: spec(http('/ready')),
    liveness: spec(http('/live')),
  };
  const watched = watch(t, probes, target);
  await watched.until('startup failed: HTTP 500');
  assert.deepEqual([...new Set(asked)], ['/startup']);
  status.delete('/startup');
  await watched.until('readiness passed');
  await watched.until('liveness passed');
  assert.equal(
    watched.heard.find(each => each.endsWith('passed')),
    'startup passed',
  );
  const asks = asked.filter(path => path === '/startup').length;
  await eventually('more runs', () => asked.filter(path => path === '/live').length > 4);
  assert.equal(asked.filter(path => path === '/startup').length, asks);
});

test('an adopted instance that is running is not asked for its startup again', async t => {
  const { target, asked } = await instance(t);
  const probes = { startup: spec(http('/startup')), readiness: spec(http('/ready'), { initialDelay: 3_600_000 }) };
  await watch(t, probes, target, 'running').until('readiness passed');
  assert.deepEqual([...new Set(asked)], ['/ready']);
});

test('a start is noticed long before the period is over', async t => {
  const { target } = await instance(t);
  const slow = spec(http('/ready'), { period: 3_600_000 });
  const { port } = await tcpServer(t, socket => socket.destroy());
  const refused = watch(t, { readiness: slow }, { ...target, place: { port } });
  await eventually('several early runs', () => refused.results.length >= 3);
  assert.deepEqual(refused.heard, []);
  await watch(t, { readiness: slow }, target).until('readiness passed');
});

test('no readiness configured: ready at the first connection, and not probed again', async t => {
  const { target, server, port } = await instance(t);
  server.close();
  const watched = watch(t, {}, target);
  const refused = `readiness: connection refused on port ${port}`;
  await eventually('refused runs', () => watched.results.filter(each => each === refused).length > 2);
  assert.deepEqual(watched.heard, []);
  server.listen(port, '127.0.0.1');
  await watched.until('readiness passed');
  server.close();
  const { length } = watched.results;
  const other = await tcpServer(t);
  await watch(t, { liveness: spec(tcp, { period: 20 }) }, { ...target, place: { port: other.port } }).until(
    'liveness passed',
  );
  assert.equal(watched.results.length, length);
  assert.deepEqual(watched.heard, ['readiness passed']);
});

test('no readiness and no port: ready at once, though not before watch has returned', async t => {
  const watched = watch(t, {}, { place: undefined, env: {}, cwd: '/' });
  assert.deepEqual(watched.heard, []);
  await watched.until('readiness passed');
});

test('a probe of a port where there is none fails in words', async t => {
  const watched = watch(t, { liveness: spec(tcp, { failureThreshold: 1 }) }, { place: undefined, env: {}, cwd: '/' });
  await watched.until('liveness failed: cannot probe: the service has neither a port nor a socket');
});

test('exec probes run in the environment of the instance', async t => {
  const env = { PATH: process.env['PATH'] ?? '', PORT: '20123' };
  const action: ProbeAction = { kind: 'exec', command: ['sh', '-c', 'echo "port $PORT"; exit 4'] };
  const watched = watch(t, { liveness: spec(action, { failureThreshold: 1 }) }, { place: undefined, env, cwd: '/' });
  await watched.until('liveness failed: exited 4: port 20123');
});

test('a cancel inside a callback ends everything: nothing more is heard', async t => {
  const { target } = await instance(t);
  for (const at of ['onResult', 'onPassed'] as const) {
    const heard: string[] = [];
    let cancel = () => {};
    const hear = (name: string, kind: ProbeKind) => {
      heard.push(`${name} ${kind}`);
      if (name === at) cancel();
    };
    const probes = { startup: spec(tcp), readiness: spec(tcp), liveness: spec(tcp) };
    const clock = new ManualClock();
    cancel = createProber({ clock }).watch(probes, target, 'launch', {
      onResult: kind => hear('onResult', kind),
      onPassed: kind => hear('onPassed', kind),
      onFailed: kind => hear('onFailed', kind),
    });
    clock.advance(0);
    await eventually(at, () => heard.some(each => each.startsWith(at)));
    assert.equal(clock.pending, 0);
    assert.deepEqual(heard, at === 'onResult' ? ['onResult startup'] : ['onResult startup', 'onPassed startup']);
  }
});

test('adopted instances are not probed all at one moment', async t => {
  const { target } = await instance(t);
  const delays: number[] = [];
  const after = (delay: number) => {
    delays.push(delay);
    return () => {};
  };
  const clock = { ...systemClock, after };
  const listener = { onResult: () => {}, onPassed: () => {}, onFailed: () => {} };
  for (const share of [0, 0.25, 0.5]) {
    createProber({ clock, random: () => share }).watch({ readiness: spec(tcp) }, target, 'running', listener);
  }
  assert.deepEqual(delays, [0, 250, 500]);
});
