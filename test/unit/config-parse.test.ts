import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ParseOptions, parseConfig } from '../../src/config/parse.ts';
import { configError, formatProblem, type Problem } from '../../src/config/problem.ts';
import { defaultIsolation } from '../../src/domain/isolation-spec.ts';
import { defaultCapacity } from '../../src/domain/limits-spec.ts';
import { defaultSettings } from '../../src/domain/router-spec.ts';
import type { ProjectSpec, ServiceSpec } from '../../src/domain/spec.ts';
import { defaultTraffic } from '../../src/domain/traffic-spec.ts';

const options: ParseOptions = { file: '/etc/slip/slipway.yaml', env: { HOST: 'a.example', N: '7', TOKEN: 's3cret' } };

function project(text: string): ProjectSpec {
  const result = parseConfig(text, options);
  assert.ok(result.ok, result.ok ? '' : result.problems.map(formatProblem).join('\n'));
  return result.project;
}

function service(text: string): ServiceSpec {
  const spec = project(`services: { a: { package: ./a.tgz, ${text} } }`).services['a'];
  assert.ok(spec);
  return spec;
}

function problems(text: string): readonly Problem[] {
  const result = parseConfig(text, options);
  return result.ok ? [] : result.problems;
}

const messages = (text: string): string[] =>
  problems(text).map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);

test('every default is filled in', () => {
  assert.deepEqual(project('services: { a: { package: ./a.tgz } }'), {
    router: { ...defaultSettings, listen: ['127.0.0.1:8080'], workers: 0 },
    metrics: {},
    ports: { from: 20_000, to: 20_999 },
    capacity: defaultCapacity,
    logs: { rotateAt: 64 * 1024 ** 2, keep: 5 },
    unpack: { totalSize: 2 * 1024 ** 3, entries: 100_000, ratio: 200 },
    runtimes: {},
    services: {
      a: {
        name: 'a',
        package: { kind: 'path', path: '/etc/slip/a.tgz' },
        args: [],
        runtimeArgs: [],
        instances: 1,
        port: { env: 'PORT' },
        socket: false,
        env: {},
        routes: [],
        limits: {},
        probes: {},
        restart: {
          policy: 'always',
          backoff: { initial: 100, max: 30_000, factor: 2, jitter: 0.1 },
          stableAfter: 10_000,
          giveUpAfter: { restarts: 10, within: 60_000 },
        },
        traffic: defaultTraffic,
        tcp: [],
        totalLimits: {},
        strictLimits: false,
        memoryWatchdog: false,
        requests: {},
        isolation: defaultIsolation,
        secrets: {},
        pinRuntime: false,
        rollout: { maxSurge: 1, maxUnavailable: 0, minReady: 0, timeout: 120_000 },
        stop: { signal: 'SIGTERM', grace: 10_000, drain: 10_000 },
        dependsOn: [],
        keepRevisions: 5,
      },
    },
  });
});

test('settings are resolved', () => {
  const { services: _, ...settings } = project(`
router: { listen: [9000, "0.0.0.0:80", "[::1]:80"] }
metrics: { listen: 9180 }
ports: 30000-30009
logs: { rotateAt: 1M, keep: 0 }
unpack: { totalSize: 1Gi, entries: 10, ratio: 5 }
runtimes: { node: [./node, /opt/node] }
services: {}
`);
  assert.deepEqual(settings, {
    router: { ...defaultSettings, listen: ['127.0.0.1:9000', '0.0.0.0:80', '[::1]:80'], workers: 0 },
    metrics: { listen: '127.0.0.1:9180' },
    ports: { from: 30_000, to: 30_009 },
    capacity: defaultCapacity,
    logs: { rotateAt: 1_000_000, keep: 0 },
    unpack: { totalSize: 1024 ** 3, entries: 10, ratio: 5 },
    runtimes: { node: ['/etc/slip/node', '/opt/node'] },
  });
  assert.deepEqual(project('services: {}\nrouter: { listen: [] }').router.listen, []);
});

test('a package is a path, or a URL with its digest, in either form', () => {
  const digest = 'AB'.repeat(32);
  const url = { kind: 'url', url: 'https://x.example/a.tgz', sha256: 'ab'.repeat(32) };
  const of = (text: string) => project(`services: { a: { ${text} } }`).services['a']?.package;
  assert.deepEqual(of('package: ../a.jar'), { kind: 'path', path: '/etc/a.jar' });
  assert.deepEqual(of('package: { path: /srv/a }'), { kind: 'path', path: '/srv/a' });
  assert.deepEqual(of(`package: "https://x.example/a.tgz", sha256: ${digest}`), url);
  assert.deepEqual(of(`package: { url: "https://x.example/a.tgz", sha256: ${digest} }`), url);
});

test('routes have a short form and several of them', () => {
  assert.deepEqual(service('route: A.Example').routes, [{ host: 'a.example', path: '/', stripPrefix: false }]);
  assert.deepEqual(service('route: /api/').routes, [{ path: '/api', stripPrefix: false }]);
  assert.deepEqual(service('routes: ["*.a.example/b", { path: /c, stripPrefix: true }]').routes, [
    { host: '*.a.example', path: '/b', stripPrefix: false },
    { path: '/c', stripPrefix: true },
  ]);
});

test('probes of each kind are resolved', () => {
  const timing = { initialDelay: 0, period: 10_000, timeout: 1000, successThreshold: 1, failureThreshold: 3 };
  const { probes } = service(`probes: {
    startup: { tcp: true, initialDelay: 1s },
    readiness: { http: { path: "/h?x=1", host: h.example, headers: { X-A: 1.10 }, status: 204 }, successThreshold: 2 },
    liveness: { exec: [./check, 1.10, "\${PORT}"] } }`);
  assert.deepEqual(probes, {
    startup: { action: { kind: 'tcp' }, ...timing, initialDelay: 1000 },
    readiness: {
      action: { kind: 'http', path: '/h?x=1', host: 'h.example', headers: { 'X-A': '1.1' }, status: [204, 204] },
      ...timing,
      successThreshold: 2,
    },
    liveness: { action: { kind: 'exec', command: ['./check', '1.10', '${PORT}'] }, ...timing },
  });
  assert.deepEqual(service('probes: { readiness: { http: /h } }').probes.readiness?.action, {
    kind: 'http',
    path: '/h',
    headers: {},
    status: [200, 399],
  });
});

test('the rest of a service is resolved', () => {
  const spec = service(`runtime: "java@>=17", instances: 0, port: { env: HTTP_PORT }, keepRevisions: 2,
    command: [java, -jar], args: [--n, 1.10, true], runtimeArgs: [-Xmx64m],
    limits: { memory: 256Mi, cpu: 0.5, pids: 64 }, restart: { giveUpAfter: false, policy: on-failure },
    rollout: { maxSurge: 0, maxUnavailable: 1 }, stop: { signal: SIGINT, grace: 0 }`);
  assert.deepEqual(spec.runtime, { name: 'java', range: '>=17' });
  assert.equal(spec.instances, 0);
  assert.deepEqual(spec.port, { env: 'HTTP_PORT' });
  assert.deepEqual(spec.command, ['java', '-jar']);
  assert.deepEqual(spec.args, ['--n', '1.10', 'true']);
  assert.deepEqual(spec.runtimeArgs, ['-Xmx64m']);
  assert.deepEqual(spec.limits, { memory: 268_435_456, cpu: 0.5, pids: 64 });
  assert.equal(spec.restart.giveUpAfter, false);
  assert.equal(spec.restart.policy, 'on-failure');
  assert.deepEqual(spec.rollout, { maxSurge: 0, maxUnavailable: 1, minReady: 0, timeout: 120_000 });
  assert.deepEqual(spec.stop, { signal: 'SIGINT', grace: 0, drain: 10_000 });
  assert.equal(service('port: false').port, false);
  const places = (text: string) => {
    const { port, socket } = service(text);
    return { port, socket };
  };
  assert.deepEqual(places('instances: 1'), { port: { env: 'PORT' }, socket: false });
  assert.deepEqual(places('socket: {}, args: ["--listen=${SOCKET}", $SOCKET]'), {
    port: false,
    socket: { env: 'SOCKET' },
  });
  assert.deepEqual(places('port: false, socket: { env: LISTEN }'), { port: false, socket: { env: 'LISTEN' } });
  assert.deepEqual(service('socket: {}, route: /, tcp: [5432], probes: { liveness: { tcp: true } }').tcp, [
    '127.0.0.1:5432',
  ]);
});

test('environment values stay as they are written; interpolated ones are secrets', () => {
  const { env } = service(
    'env: { A: 1.10, B: yes, C: True, D: "x", E: "", F: "${TOKEN}", G: "${NONE:-d}", H: "$${TOKEN}", I: { file: ./s } }',
  );
  assert.deepEqual(env, {
    A: { kind: 'plain', value: '1.10' },
    B: { kind: 'plain', value: 'yes' },
    C: { kind: 'plain', value: 'True' },
    D: { kind: 'plain', value: 'x' },
    E: { kind: 'plain', value: '' },
    F: { kind: 'secret', value: 's3cret' },
    G: { kind: 'secret', value: 'd' },
    H: { kind: 'plain', value: '${TOKEN}' },
    I: { kind: 'file', path: '/etc/slip/s' },
  });
});

test('elsewhere, the environment fills in visible values of the right type', () => {
  const spec = service('instances: "${N}", route: "${HOST}/x", limits: { cpu: "${CPU:-0.5}" }, args: ["$${N}"]');
  assert.equal(spec.instances, 7);
  assert.equal(spec.routes[0]?.host, 'a.example');
  assert.equal(spec.limits.cpu, 0.5);
  assert.deepEqual(spec.args, ['${N}']);
  assert.equal(project('services:\n  a:\n    package: x\n    instances: ${N}').services['a']?.instances, 7);
  assert.match(messages('services: { a: { package: x, instances: "7" } }').join(), /cannot take "7": expected a whole/);
});

test('anchors, aliases and merge keys work', () => {
  const { services } = project(`
services:
  a: &base
    package: ./a.tgz
    instances: 2
    env: &env { A: "\${TOKEN}" }
  b: { <<: *base, instances: 3 }
  c: { <<: [{ env: { B: x } }, *base], args: [y] }
  d: { package: d, env: *env }
`);
  assert.equal(services['b']?.instances, 3);
  assert.equal(services['b']?.package.kind, 'path');
  assert.deepEqual(services['c']?.env, { B: { kind: 'plain', value: 'x' } });
  assert.equal(services['c']?.instances, 2);
  assert.deepEqual(services['d']?.env, { A: { kind: 'secret', value: 's3cret' } });
});

test('a secret can’t get into a command line through an alias', () => {
  const text = 'services:\n  a: { package: x, env: { A: &t "${TOKEN}" }, args: [*t] }';
  assert.match(messages(text).join(), /^2:33 services\.a\.args\[0\]: cannot put \$\{TOKEN\} into a command line/);
});

test('each mistake is told at its place, with what was expected', () => {
  const one = (text: string): string => `services:\n  a:\n    package: ./a.tgz\n    ${text}`;
  const cases: [string, RegExp][] = [
    ['', /^1:1 : cannot take an empty file: expected at least "services:"/],
    ['# nothing\n', /^1:1 : cannot take an empty file/],
    ['services:', /^1:1 services: cannot take an empty value: expected a mapping of service names/],
    ['[]', /^1:1 : cannot take a list: expected a mapping with keys of router, /],
    ['router: {}', /^1:1 services: cannot do without "services": expected/],
    ['servces: {}\nservices: {}', /^1:1 servces: cannot take the key "servces" here: did you mean "services"\?/],
    ['services: {}\nfoo: 1', /^2:1 foo: .* expected one of router, metrics,/],
    ['services: { Greeter: { package: x } }', /^1:13 services\.Greeter: cannot take "Greeter" as a name here/],
    ['services: { constructor: { package: x } }', /"constructor" is reserved/],
    ['services: { a: {} }', /^1:13 services\.a\.package: cannot do without "package": expected a path/],
    ['services: { a: }', /^1:13 services\.a: cannot take an empty value: expected a mapping/],
    [one('instnces: 3'), /^4:5 services\.a\.instnces: .*did you mean "instances"\?/],
    [one('instances: three'), /^4:16 services\.a\.instances: cannot take "three": expected a whole number from 0 to/],
    [one('instances: 1.5'), /cannot take 1\.5: expected a whole number from 0 to 1000/],
    [one('instances: 1001'), /cannot take 1001: expected a whole number from 0 to 1000/],
    [one('instances: .inf'), /cannot take Infinity: expected a whole number/],
    [one('args: x'), /^4:11 services\.a\.args: cannot take "x": expected a list of words/],
    [one('args: [[x]]'), /^4:12 services\.a\.args\[0\]: cannot take a list: expected a word/],
    [one('command: []'), /cannot take a list: expected a list of words such as/],
    [one('args: ["a\\0b"]'), /expected a word of a command line, without NUL/],
    [one('args: [~]'), /args\[0\]: cannot take an empty value: expected a word/],
    [one('runtime: jaav@17'), /a\.runtime: cannot find the runtime "jaav": did you mean "java"\?/],
    [one('runtime: ruby'), /cannot find the runtime "ruby": the runtimes are node, java, python, exec; .* a command/],
    ['services: {}\nruntimes: { pyhton: [/opt] }', /runtimes\.pyhton: cannot find .*did you mean "python"\?/],
    [one('runtime: node 20'), /cannot take "node 20": expected a runtime such as node, node@20/],
    [one('port: 8080'), /cannot take 8080: expected false, or \{ env: NAME \}/],
    [one('port: { env: SLIPWAY_PORT }'), /port\.env: .* does not begin with SLIPWAY_/],
    [one('env: { A-B: x }'), /^4:12 services\.a\.env\.A-B: cannot take "A-B" as a name here/],
    [one('env: { SLIPWAY_HOME: x }'), /does not begin with SLIPWAY_/],
    [one('env: { A: }'), /^4:12 services\.a\.env\.A: cannot take an empty value: .*write "" for an empty value/],
    [one('env: { A: [x] }'), /env\.A: cannot take a list: expected text/],
    [one('env: { A: { file: x, fle: y } }'), /^4:26 services\.a\.env\.A\.fle: .*did you mean "file"/],
    [one('env: { A: "${NOPE}" }'), /^4:15 services\.a\.env\.A: cannot find NOPE in the environment/],
    [one('env: { PORT: 80 }'), /^4:18 services\.a\.env\.PORT: cannot set PORT, in which each instance/],
    [one('env: { __proto__: x }'), /^4:12 services\.a\.env: cannot take "__proto__" as a key/],
    [one('route: "a.example:80"'), /^4:12 services\.a\.route: cannot take "a\.example:80": expected a route such as/],
    [one('route: { host: "a b" }'), /^4:20 services\.a\.route\.host: .*expected a host name such as/],
    [one('route: { path: api }'), /route\.path: cannot take "api": expected a path that begins with "\/"/],
    [one('route: { host: bücher.example }'), /expected a host name/],
    [one('route: /a\n    routes: [/b]'), /^5:5 services\.a\.routes: cannot take routes beside route/],
    [one('limits: { memory: 256 }'), /cannot take 256: expected a size of at least 1Mi, such as 256Mi/],
    [one('limits: { memory: 256MB }'), /cannot take "256MB": expected a size/],
    [one('limits: { cpu: 0 }'), /cannot take 0: expected a number of cores from 0\.01 to 1024/],
    [one('probes: { readiness: { http: /h, period: 10 } }'), /cannot take 10: expected a duration .*with its unit/],
    [one('probes: { readiness: { http: /h, period: 25d } }'), /cannot take "25d": .* at most 24d/],
    [one('probes: { readiness: {} }'), /cannot take a probe without an action: expected exactly one of http, tcp and/],
    [one('probes: { readiness: { tcp: true, exec: [x] } }'), /cannot take a probe with tcp and exec at once/],
    [one('probes: { readiness: { tcp: false } }'), /tcp: cannot take false: expected true/],
    [one('probes: { readiness: { http: { path: /, status: 399-200 } } }'), /cannot take "399-200": expected a status/],
    [one('probes: { readiness: { http: { path: /, status: 99 } } }'), /cannot take 99: expected a status/],
    [one('probes: { readiness: { http: { path: /, headers: { A: "x\\r\\ny" } } } }'), /expected a header value of one/],
    [one('probes: { liveness: { http: /h, successThreshold: 2 } }'), /cannot take 2: expected 1, since/],
    [one('restart: { policy: allways }'), /cannot take "allways": expected one of always, on-failure, never/],
    [one('restart: { backoff: { initial: 2s, max: 1s } }'), /^4:16 .*expected initial to be at most max/],
    [one('restart: { giveUpAfter: true }'), /cannot take true: expected false, or a mapping with restarts and within/],
    [one('rollout: { maxSurge: 0 }'), /^4:5 services\.a\.rollout: .*maxSurge and maxUnavailable both 0/],
    [one('stop: { signal: TERM }'), /cannot take "TERM": expected one of SIGTERM,/],
    [one('dependsOn: [b]'), /^4:17 services\.a\.dependsOn\[0\]: cannot depend on the unknown service "b"/],
    [one('dependsOn: [a]'), /cannot depend on itself/],
    [one('sha256: x'), /sha256: cannot take "x": expected the 64 hexadecimal digits/],
    [one(`sha256: ${'0'.repeat(63)}1`), /cannot take .*: expected the 64|cannot take sha256 with a path/],
    [
      'services: { a: { package: "https://x.example/a.tgz" } }',
      /^1:27 .* without its digest: add sha256 beside package/,
    ],
    ['services: { a: { package: { url: "https://x.example/a" } } }', /without its digest: add sha256 beside url/],
    ['services: { a: { package: "ftp://x.example/a.tgz" } }', /cannot fetch from .* expected an http or https URL/],
    ['services: { a: { package: {} } }', /expected exactly one of path and url/],
    [
      `services: { a: { package: "https://u:p@x.example/a", sha256: "${'a'.repeat(64)}" } }`,
      /cannot take a URL with a user or password/,
    ],
    [one('port: false\n    probes: { liveness: { tcp: true } }'), /liveness\.tcp: cannot probe by tcp a service with/],
    [
      one('traffic: { protocol: h2c }\n    probes: { readiness: { http: / } }'),
      /readiness\.http: cannot probe by http a service with traffic\.protocol: h2c/,
    ],
    [one('port: false\n    route: /'), /^5:12 services\.a\.route: cannot route to a service with port: false/],
    [one('port: false\n    args: ["-p$PORT"]'), /^5:12 .*cannot fill in the port of a service with port: false/],
    [one('port: {}\n    socket: {}'), /^5:5 services\.a\.socket: cannot take socket beside port/],
    [one('socket: true'), /a\.socket: /],
    [one('socket: { env: SLIPWAY_SOCKET }'), /socket\.env: .* does not begin with SLIPWAY_/],
    [one('socket: {}\n    env: { SOCKET: x }'), /^5:20 services\.a\.env\.SOCKET: cannot set SOCKET, .* its own socket/],
    [one('socket: {}\n    args: ["${PORT}"]'), /^5:12 .*cannot fill in the port of a service with socket instead of a/],
    [one('isolation: { network: loopback }'), /^4:27 .*cannot reach the port of a service without a network: give/],
    [one('args: ["${SOCKET}"]'), /^4:12 .*cannot fill in the socket of a service without one/],
    ['services: {}\nports: 80-90', /expected a range such as 20000-20999/],
    ['services: {}\nports: 20010-20000', /expected a range such as 20000-20999/],
    ['services: {}\nrouter: { listen: ["*:80"] }', /^2:20 router\.listen\[0\]: .*0\.0\.0\.0:8080/],
    ['services: {}\nrouter: { listen: [80, "127.0.0.1:80"] }', /^2:24 .*cannot listen on 127\.0\.0\.1:80 twice/],
    ['services: {}\nmetrics: { listen: 8080 }', /^2:20 metrics\.listen: cannot listen on 127\.0\.0\.1:8080 twice/],
    ['services: {}\nrouter: { listen: [20000] }', /cannot listen on port 20000, which ports: 20000-20999 hands to/],
    ['services: { a: { package: x, instances: 3 } }\nports: 20000-20001', /^2:8 ports: cannot give 3 instances a port/],
    ['services: {}\nruntimes: { node: /opt }', /runtimes\.node: cannot take "\/opt": expected a list of paths/],
  ];
  for (const [text, expected] of cases) {
    const found = messages(text);
    assert.equal(found.length, 1, `${text}\n${found.join('\n')}`);
    assert.match(found[0] ?? '', expected, text);
  }
});

test('YAML that can’t be read is told at its place', () => {
  const cases: [string, RegExp][] = [
    ['services:\n\ta: 1', /^2:1 : cannot read this as YAML: Tabs are not allowed/],
    ['services: {a: "x}', /cannot read this as YAML: Missing closing "quote/],
    ['services: {}\n---\nservices: {}', /^2:1 : cannot take a second document/],
    ['services: { a: { package: x, instances: ${N} } }', /^1:41 : .*put quotes around a value with \$\{…\} inside of/],
    ['services: {}\nservices: {}', /^2:1 services: cannot set "services" twice: it is set in line 1 already/],
    ['services: *x', /^1:11 services: cannot resolve the alias \*x: expected &x before it/],
    ['services: &a { b: *a }', /cannot take an anchor that contains an alias to itself/],
    ['services: !ruby/object {}', /cannot read this as YAML: Unresolved tag/],
    ['services: { [a]: 1 }', /cannot take this key: expected plain text/],
    ['services: { <<: 5 }', /cannot merge 5: expected an alias to a mapping/],
    ['__proto__: { services: {} }\nservices: {}', /^1:1 : cannot take "__proto__" as a key/],
  ];
  for (const [text, expected] of cases) assert.match(messages(text)[0] ?? 'no problem', expected, text);
});

test('all mistakes are told at once, in the order of the file', () => {
  const text = `routr: {}
services:
  a:
    package: ./a.tgz
    instances: many
    env: { X: "\${NOPE}" }
    rollout: { maxSurge: 0 }
  b: { package: ./b.tgz, route: x.example, dependsOn: [c, z] }
  c: { package: ./c.tgz, route: X.example/, dependsOn: [b] }
  D: { package: 5 }
`;
  assert.deepEqual(
    problems(text).map(({ line, path }) => `${line} ${path}`),
    [
      '1 routr',
      '5 services.a.instances',
      '6 services.a.env.X',
      '7 services.a.rollout',
      '8 services.b.dependsOn[0]',
      '8 services.b.dependsOn[1]',
      '9 services.c.route',
      '10 services.D',
      '10 services.D.package',
    ],
  );
});

test('a route conflict names both places', () => {
  const [first, second] = messages(
    'services:\n  a: { package: x, route: /x }\n  b: { package: x, routes: [/y, /x/] }\n  c: { package: x, routes: [/z, /z] }',
  );
  assert.match(
    first ?? '',
    /^3:33 .*cannot route \*\/x here: it goes to "a" already \(\/etc\/slip\/slipway\.yaml:2:27\)/,
  );
  assert.match(second ?? '', /^4:33 .*it goes to this service already/);
});

test('each cycle of dependencies is shown once', () => {
  const text =
    'services:\n  a: { package: x, dependsOn: [b] }\n  b: { package: x, dependsOn: [c, d] }\n  c: { package: x, dependsOn: [b] }\n  d: { package: x, dependsOn: [a] }';
  const cycles = messages(text);
  assert.equal(cycles.length, 2);
  assert.match(cycles[0] ?? '', /^2:32 services\.a\.dependsOn\[0\]: .* a → b → d → a;/);
  assert.match(cycles[1] ?? '', /^3:32 services\.b\.dependsOn\[0\]: .* b → c → b;/);
});

test('a mistake in an anchor is told once, however often it is used', () => {
  const text = 'services:\n  a: &a { package: x, instances: -1 }\n  b: *a\n  c: { <<: *a }';
  assert.deepEqual(
    problems(text).map(({ line, column }) => `${line}:${column}`),
    ['2:34'],
  );
});

test('no message holds a secret', () => {
  const text =
    'services: { a: { package: x, env: { A: "${TOKEN}", "${TOKEN}": 1, B: ["${TOKEN}"] }, route: "${TOKEN} x" } }';
  for (const message of messages(text)) {
    if (!message.includes('route')) assert.doesNotMatch(message, /s3cret/);
  }
});

test('ports that outgoing connections use as well are doubted, not refused', () => {
  const result = parseConfig('services: {}\nports: 32000-33000', options);
  assert.ok(result.ok);
  assert.deepEqual(
    result.warnings.map(({ line, path }) => `${line} ${path}`),
    ['2 ports'],
  );
});

test('problems become one error for people', () => {
  const result = parseConfig('services: { a: {}, b: {} }', options);
  assert.ok(!result.ok);
  const error = configError(result);
  assert.equal(error.code, 'SLIP_CONFIG_INVALID');
  assert.match(error.message, /^cannot use the configuration \/etc\/slip\/slipway\.yaml: it has 2 problems/);
  assert.equal(error.details.length, 2);
  assert.match(error.details[0] ?? '', /^\/etc\/slip\/slipway\.yaml:1:13: services\.a\.package: cannot do without/);
});
