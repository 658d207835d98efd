import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/parse.ts';
import { planChanges } from '../../src/config/plan.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { leakedSecrets, redactEnv } from '../../src/config/redact.ts';
import type { ProjectSpec } from '../../src/domain/spec.ts';

function project(text: string, env: Record<string, string> = {}): ProjectSpec {
  const result = parseConfig(text, { file: '/srv/slipway.yaml', env });
  assert.ok(result.ok, result.ok ? '' : result.problems.map(formatProblem).join('\n'));
  return result.project;
}

const service = (text: string, env?: Record<string, string>): ProjectSpec =>
  project(`services: { a: { package: ./a.tgz, ${text} } }`, env);

function details(before: string, after: string, env: [Record<string, string>, Record<string, string>] = [{}, {}]) {
  return planChanges(service(before, env[0]), service(after, env[1])).flatMap(change => change.details);
}

test('the first configuration adds its services and the router', () => {
  assert.deepEqual(
    planChanges(undefined, project('services: { b: { package: b, route: /b }, a: { package: /a.jar } }')),
    [
      { service: '', action: 'router', details: ['listen: none → ["127.0.0.1:8080"]'] },
      { service: 'a', action: 'add', details: ['package: /a.jar', 'instances: 1'] },
      { service: 'b', action: 'add', details: ['package: /srv/b', 'instances: 1', 'routes: */b'] },
    ],
  );
});

test('nothing changes where nothing differs but the order', () => {
  const before = project('services: { a: { package: x, env: { A: 1, B: 2 }, route: /a }, b: { package: x } }');
  const after = project('services: { b: { package: x }, a: { route: /a, env: { B: 2, A: 1 }, package: x } }');
  assert.deepEqual(planChanges(before, after), []);
  assert.deepEqual(planChanges(before, before), []);
});

test('services are added, changed and removed, each by itself', () => {
  const before = project('services: { a: { package: x }, b: { package: x }, c: { package: x, instances: 2 } }');
  const after = project('services: { a: { package: y }, b: { package: x }, d: { package: x } }');
  assert.deepEqual(planChanges(before, after), [
    { service: 'a', action: 'change', details: ['package: /srv/x → /srv/y'] },
    { service: 'c', action: 'remove', details: ['package: /srv/x', 'instances: 2'] },
    { service: 'd', action: 'add', details: ['package: /srv/x', 'instances: 1'] },
  ]);
});

test('router and settings are changes of their own', () => {
  const after = project(
    'services: {}\nrouter: { listen: [80] }\nlogs: { rotateAt: 1Mi }\nports: 30000-30010\nmetrics: { listen: 9180 }',
  );
  assert.deepEqual(planChanges(project('services: {}'), after), [
    { service: '', action: 'router', details: ['listen: ["127.0.0.1:8080"] → ["127.0.0.1:80"]'] },
    {
      service: '',
      action: 'settings',
      details: [
        'metrics.listen: none → 127.0.0.1:9180',
        'ports: 20000-20999 → 30000-30010',
        'logs.rotateAt: 64Mi → 1Mi',
      ],
    },
  ]);
});

test('values are shown in the units that people write', () => {
  const cases: [string, string, string[]][] = [
    ['instances: 2', 'instances: 3', ['instances: 2 → 3']],
    [
      'limits: { memory: 128Mi }',
      'limits: { memory: 256Mi, cpu: 0.5 }',
      ['limits.memory: 128Mi → 256Mi', 'limits.cpu: none → 0.5'],
    ],
    ['stop: { grace: 90s }', 'stop: { grace: 500ms }', ['stop.grace: 1m30s → 500ms']],
    ['restart: { backoff: { max: 1m } }', '', ['restart.backoff.max: 1m → 30s']],
    ['', 'restart: { giveUpAfter: false }', ['restart.giveUpAfter: 10 in 1m → false']],
    ['', 'port: false', ['port: PORT → false']],
    ['', 'socket: { env: S }', ['port: PORT → false', 'socket: false → S']],
    ['runtime: node', 'runtime: node@20', ['runtime: node → node@20']],
    ['args: [a]', 'args: [a, b]', ['args: ["a"] → ["a","b"]']],
    ['', 'command: [a]', ['command: none → ["a"]']],
    ['route: a.example', 'route: { path: /x, stripPrefix: true }', ['routes: a.example/ → */x (stripped)']],
    ['', 'probes: { liveness: { http: /h } }', ['probes.liveness: none → http /h every 10s']],
    [
      'probes: { liveness: { http: /h } }',
      'probes: { liveness: { tcp: true } }',
      ['probes.liveness: http /h every 10s → tcp every 10s'],
    ],
    [
      'probes: { liveness: { tcp: true } }',
      'probes: { liveness: { tcp: true, period: 2s } }',
      ['probes.liveness.period: 10s → 2s'],
    ],
    [
      'probes: { liveness: { http: { path: /h, headers: { A: s3cret } } } }',
      'probes: { liveness: { http: { path: /i, headers: { A: s4cret } } } }',
      ['probes.liveness.http.path: /h → /i', 'probes.liveness.http.headers: changed'],
    ],
  ];
  for (const [before, after, expected] of cases) assert.deepEqual(details(before, after), expected);
});

test('secrets change without being shown', () => {
  const secret = 'env: { A: "${A:-none}" }';
  const a = { A: 'first' };
  const b = { A: 'second' };
  assert.deepEqual(details(secret, secret, [a, b]), ['env.A: changed']);
  assert.deepEqual(details(secret, secret, [a, a]), []);
  assert.deepEqual(details('', secret, [a, a]), ['env.A: added']);
  assert.deepEqual(details(secret, '', [a, a]), ['env.A: removed']);
  assert.deepEqual(details('env: { A: first }', secret, [a, a]), ['env.A: changed']);
  assert.deepEqual(details(secret, 'env: { A: { file: x } }', [a, a]), ['env.A: changed']);
  assert.deepEqual(details('env: { A: x, B: y }', 'env: { A: z, C: { file: c } }'), [
    'env.A: x → z',
    'env.B: y → none',
    'env.C: none → file:/srv/c',
  ]);
});

test('an environment is shown without its secrets', () => {
  const spec = service('env: { A: x, B: "${B}", C: { file: /c } }', { B: 'say "s3cret"' }).services['a'];
  assert.ok(spec);
  const shown = redactEnv(spec);
  assert.deepEqual(shown, { A: 'x', B: '***', C: 'file:/c' });
  assert.deepEqual(leakedSecrets([spec], JSON.stringify({ env: shown })), []);
  assert.deepEqual(leakedSecrets([spec], JSON.stringify(spec)), ['a.B']);
  assert.deepEqual(leakedSecrets([spec], 'they say "s3cret" loudly'), ['a.B']);
});
