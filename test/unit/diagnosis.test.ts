import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePortList, parseUnit } from '../../src/control/host-facts.ts';
import { diagnose } from '../../src/domain/diagnosis/diagnose.ts';
import type { DaemonFacts, HostFacts, ServiceFacts } from '../../src/domain/diagnosis/facts.ts';

const now = Date.UTC(2026, 10, 27);
const day = 86_400_000;

const goodHost: HostFacts = {
  platform: 'linux',
  isRoot: true,
  hasProc: true,
  bootId: '9d2c',
  now,
  cgroup: { backend: 'cgroup-v2', controllers: ['memory', 'cpu', 'pids', 'io'], swap: true, pressure: true },
  isolation: { standard: true, strict: true },
  userNamespaces: 10_000,
  missingTools: [],
  privileges: { mayRaiseLimits: true, mayRaisePriority: true },
  mostOpenFiles: 1_048_576,
  mostProcesses: Number.POSITIVE_INFINITY,
  secretsFolder: '/run/slipway-0-1a2b/secrets',
  punchHole: true,
  runtimes: { node: [{ version: '20.20.2', path: '/usr/bin/node' }] },
  disk: { free: 50 * 2 ** 30, size: 100 * 2 ** 30, inodesFree: 1_000_000, inodes: 2_000_000 },
  ports: { from: 20_000, to: 20_999 },
  ephemeralPorts: { from: 32_768, to: 60_999 },
  reservedPorts: [],
  somaxconn: 4096,
};

const greeter: ServiceFacts = {
  name: 'greeter',
  routes: [{}],
  tcp: [],
  instances: [
    {
      index: 0,
      state: 'ready',
      limits: [{ limit: 'memory', by: 'cgroup-v2' }],
      isolation: { level: 'standard' },
    },
  ],
};

const goodDaemon: DaemonFacts = {
  router: { state: 'running', listen: ['0.0.0.0:8080'] },
  certificates: [{ path: '/etc/tls/a.pem', expiresAt: now + 60 * day }],
  services: [greeter],
};

test('where all is well, nothing is to be done', () => {
  const { daemon, findings } = diagnose(goodHost, goodDaemon);
  assert.equal(daemon, true);
  assert.deepEqual(
    findings.filter(({ status, services }) => status !== 'ok' || services.length > 0),
    [],
  );
  const areas = ['system', 'cgroups', 'processes', 'isolation', 'storage', 'network', 'runtimes', 'router', 'services'];
  assert.deepEqual([...new Set(findings.map(({ area }) => area))], areas);
});

test('without a daemon there is the host alone', () => {
  const { daemon, findings } = diagnose(goodHost);
  assert.equal(daemon, false);
  assert(!findings.some(({ area }) => area === 'router' || area === 'services'));
});

interface Case {
  readonly host?: Partial<HostFacts>;
  readonly daemon?: Partial<DaemonFacts>;
  readonly area: string;
  readonly status: 'note' | 'gap';
  readonly message: RegExp;
  readonly mend?: RegExp;
  readonly services?: readonly string[];
}

const { cgroup } = goodHost;
const instance = greeter.instances[0] ?? assert.fail();
const withInstance = (change: Partial<ServiceFacts['instances'][number]>): Partial<DaemonFacts> => ({
  services: [{ ...greeter, instances: [{ ...instance, ...change }] }],
});
const unit = {
  unit: 'slipway.service',
  killMode: 'process',
  delegate: 'yes',
  oomPolicy: 'continue',
  tasksMax: 'infinity',
};

const cases: Readonly<Record<string, Case>> = {
  'no cgroup': {
    host: {
      cgroup: { backend: 'none', whyNone: 'cgroup-v2: none is mounted', controllers: [], swap: false, pressure: true },
    },
    area: 'cgroups',
    status: 'gap',
    message: /none is mounted; memory, CPU, processes and disks are not limited/,
    mend: /mount cgroup v2/,
  },
  'no cgroup for a user': {
    host: { isRoot: false, cgroup: { ...cgroup, backend: 'none' } },
    area: 'cgroups',
    status: 'gap',
    message: /no cgroup holds instances/,
    mend: /Delegate=yes/,
  },
  'no io controller': {
    host: { cgroup: { ...cgroup, controllers: ['memory', 'cpu', 'pids'] } },
    area: 'cgroups',
    status: 'gap',
    message: /limits of disks can’t be enforced/,
    mend: /subtree_control/,
  },
  'no io controller of v1': {
    host: { cgroup: { ...cgroup, backend: 'cgroup-v1', controllers: ['memory', 'cpu', 'pids'] } },
    area: 'cgroups',
    status: 'gap',
    message: /limits of disks/,
    mend: /cgroup_enable=blkio/,
  },
  'no swap accounting': {
    host: { cgroup: { ...cgroup, swap: false } },
    area: 'cgroups',
    status: 'note',
    message: /limits\.swap/,
    mend: /swapaccount=1/,
  },
  'no pressure': { host: { cgroup: { ...cgroup, pressure: false } }, area: 'cgroups', status: 'note', message: /PSI/ },
  'few open files': {
    host: { mostOpenFiles: 1024 },
    area: 'processes',
    status: 'note',
    message: /1024 files/,
    mend: /LimitNOFILE=65536/,
  },
  'few processes': { host: { mostProcesses: 512 }, area: 'processes', status: 'note', message: /512 processes/ },
  'no CAP_SYS_RESOURCE': {
    host: { privileges: { mayRaiseLimits: false, mayRaisePriority: true } },
    area: 'processes',
    status: 'note',
    message: /no instance may have more than 1048576 open files/,
  },
  'no CAP_SYS_NICE': {
    host: { privileges: { mayRaiseLimits: true, mayRaisePriority: false } },
    area: 'processes',
    status: 'note',
    message: /negative limits\.nice/,
  },
  'no bwrap': {
    host: { isolation: { standard: true, strict: 'bwrap is missing' }, missingTools: ['bwrap'] },
    area: 'isolation',
    status: 'gap',
    message: /level strict can’t be given: bwrap is missing/,
    mend: /bubblewrap/,
  },
  'no root': {
    host: { isRoot: false, isolation: { standard: 'the daemon is not root', strict: true } },
    area: 'isolation',
    status: 'gap',
    message: /level standard/,
    mend: /as root/,
  },
  'no user namespaces': { host: { userNamespaces: 0 }, area: 'isolation', status: 'note', message: /user namespaces/ },
  'no holes': { host: { punchHole: 'not supported' }, area: 'storage', status: 'gap', message: /not supported/ },
  'little disk': {
    host: { disk: { free: 500 * 2 ** 20, size: 2 ** 40, inodesFree: 9e6, inodes: 1e7 } },
    area: 'storage',
    status: 'note',
    message: /500 MiB/,
  },
  'no disk': {
    host: { disk: { free: 5 * 2 ** 20, size: 2 ** 40, inodesFree: 9e6, inodes: 1e7 } },
    area: 'storage',
    status: 'gap',
    message: /5 MiB/,
    services: ['greeter'],
  },
  'no inodes': {
    host: { disk: { free: 2 ** 40, size: 2 ** 41, inodesFree: 10, inodes: 1e7 } },
    area: 'storage',
    status: 'gap',
    message: /^10 inodes/,
    services: ['greeter'],
  },
  'ports of outgoing connections': {
    host: { ephemeralPorts: { from: 15_000, to: 60_999 } },
    area: 'network',
    status: 'note',
    message: /20000-20999 .* 15000-60999/,
    mend: /ip_local_reserved_ports=20000-20999/,
  },
  'a short backlog': { host: { somaxconn: 128 }, area: 'network', status: 'note', message: /128 connections/ },
  'no java': { host: { runtimes: { java: [] } }, area: 'runtimes', status: 'note', message: /no java/ },
  'no /proc': { host: { hasProc: false }, area: 'system', status: 'gap', message: /\/proc is not mounted/ },
  'no boot id': { host: { bootId: 'unknown' }, area: 'system', status: 'gap', message: /one boot/ },
  'a clock that was never set': { host: { now: 0 }, area: 'system', status: 'gap', message: /clock/ },
  'a unit that ends all': {
    host: { systemd: { ...unit, killMode: 'control-group' } },
    area: 'system',
    status: 'gap',
    message: /KillMode=control-group/,
    mend: /KillMode=process/,
  },
  'a unit that delegates nothing': {
    host: { isRoot: false, systemd: { ...unit, delegate: 'no' } },
    area: 'system',
    status: 'gap',
    message: /Delegate=no/,
  },
  'a unit with few tasks': {
    host: { systemd: { ...unit, tasksMax: '512' } },
    area: 'system',
    status: 'note',
    message: /512/,
  },
  'a unit that goes with one instance': {
    host: { isRoot: false, systemd: { ...unit, oomPolicy: 'stop' } },
    area: 'system',
    status: 'note',
    message: /OOMPolicy=stop/,
  },
  'a router that is down': {
    daemon: { router: { state: 'down', listen: [] } },
    area: 'router',
    status: 'gap',
    message: /is down/,
    services: ['greeter'],
  },
  'a router of another version': {
    daemon: { router: { state: 'running', listen: [], problem: 'it could not be replaced by version 2' } },
    area: 'router',
    status: 'gap',
    message: /version 2/,
    services: ['greeter'],
  },
  'a certificate that expires': {
    daemon: { certificates: [{ path: '/a.pem', expiresAt: now + 3.5 * day }] },
    area: 'router',
    status: 'note',
    message: /expires in 3 days/,
  },
  'a certificate that has expired': {
    daemon: { certificates: [{ path: '/a.pem', expiresAt: now }] },
    area: 'router',
    status: 'gap',
    message: /has expired/,
    services: ['greeter'],
  },
  'a certificate that can’t be served': {
    daemon: { certificates: [{ path: '/a.pem', problem: 'the key is not the one of the certificate' }] },
    area: 'router',
    status: 'gap',
    message: /the key is not/,
    services: ['greeter'],
  },
  'a configuration that was not applied': {
    daemon: { configProblem: 'slipway.yaml:3:1' },
    area: 'services',
    status: 'note',
    message: /slipway\.yaml:3:1/,
  },
  'a limit that is not enforced': {
    daemon: withInstance({ limits: [{ limit: 'cpu', by: 'not enforced', why: 'no controller' }] }),
    area: 'services',
    status: 'gap',
    message: /greeter: cpu is not enforced: no controller/,
    services: ['greeter'],
  },
  'less isolation than there might be': {
    daemon: withInstance({ isolation: { level: 'none', why: 'the daemon is not root' } }),
    area: 'services',
    status: 'note',
    message: /not isolated: the daemon is not root/,
  },
  'a runtime that changed': {
    daemon: withInstance({ note: 'runtime changed: node 20.20.2 → 20.21.0' }),
    area: 'services',
    status: 'note',
    message: /greeter\/0: runtime changed/,
    mend: /slipway deploy greeter/,
  },
  'an instance that was given up': {
    daemon: withInstance({ state: 'failed', reason: 'exited 1' }),
    area: 'services',
    status: 'gap',
    message: /greeter\/0 was given up: exited 1/,
    services: ['greeter'],
  },
  'an instance without room': {
    daemon: { services: [{ ...greeter, waits: '2 cores are requested of 2' }] },
    area: 'services',
    status: 'gap',
    message: /waits for room/,
    services: ['greeter'],
  },
};

describe('what is found of', () => {
  for (const [name, { host, daemon, area, status, message, mend, services = [] }] of Object.entries(cases)) {
    test(name, () => {
      const { findings } = diagnose({ ...goodHost, ...host }, { ...goodDaemon, ...daemon });
      const bad = findings.filter(one => one.status !== 'ok' && one.area === area && message.test(one.message));
      assert.equal(bad.length, 1, JSON.stringify(findings.filter(one => one.status !== 'ok')));
      assert.equal(bad[0]?.status, status);
      assert.deepEqual(bad[0]?.services, services);
      if (mend) assert.match(bad[0]?.mend ?? '', mend);
    });
  }

  test('secrets on the disk', () => {
    const bad = diagnose({ ...goodHost, secretsFolder: false }).findings.filter(({ status }) => status !== 'ok');
    assert.deepEqual(
      bad.map(({ area, status }) => [area, status]),
      [['isolation', 'gap']],
    );
  });

  test('ports that are spared of outgoing connections', () => {
    const host = { ...goodHost, ephemeralPorts: { from: 15_000, to: 60_999 }, reservedPorts: [goodHost.ports] };
    assert.deepEqual(
      diagnose(host).findings.filter(({ status }) => status !== 'ok'),
      [],
    );
  });
});

test('the kernel’s list of ports', () => {
  assert.deepEqual(parsePortList('8080,20000-20999\n'), [
    { from: 8080, to: 8080 },
    { from: 20_000, to: 20_999 },
  ]);
  assert.deepEqual(parsePortList('\n'), []);
});

test('systemd’s words for a unit', () => {
  assert.deepEqual(parseUnit('Delegate=yes\nOOMPolicy=stop\nTasksMax=4915\nKillMode=process\n'), {
    delegate: 'yes',
    oomPolicy: 'stop',
    tasksMax: '4915',
    killMode: 'process',
  });
  assert.deepEqual(parseUnit('OOMPolicy=\n'), {});
});
