/**
 * Slipway under systemd, by the unit that it ships, from the first start to the last stop. It is the host's only
 * Slipway and takes root's home, so that it runs inside of test/vm/run.sh --systemd and nowhere else.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '../../src/api/client.ts';
import type { ServiceStatus } from '../../src/control/views.ts';
import { homeId } from '../../src/processes/marker.ts';
import { socketPath } from '../../src/router-link/socket-path.ts';
import { appPackage } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';
import { SteadyRequests } from '../helpers/steady-requests.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const home = '/var/lib/slipway';
const config = '/etc/slipway/slipway.yaml';
const port = 18_080;
const base = `/sys/fs/cgroup/slipway-${homeId(home)}`;
const client = new Client({ socketPath: socketPath(home, 'slipway.sock'), actor: 'test' });

const app = {
  package: appPackage,
  instances: 2,
  route: { path: '/' },
  limits: { memory: '256Mi', cpu: 0.5 },
  rollout: { minReady: '0s' },
};

function systemctl(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('systemctl', args, { encoding: 'utf8' });
  assert.equal(status, 0, `systemctl ${args.join(' ')}: ${stdout}${stderr}${lastLines()}`);
  return stdout.trim();
}

function show(property: string): string {
  return systemctl('show', 'slipway', '--property', property, '--value');
}

function lastLines(): string {
  return spawnSync('journalctl', ['-u', 'slipway', '-n', '15', '-o', 'cat'], { encoding: 'utf8' }).stdout;
}

function write(services: Readonly<Record<string, unknown>>): void {
  writeFileSync(config, JSON.stringify({ router: { listen: [`127.0.0.1:${port}`] }, services }));
}

async function service(name: string): Promise<ServiceStatus> {
  return (await client.call('GET /v1/services/:name', { params: { name } })) as ServiceStatus;
}

function until(name: string, what: string, condition: (one: ServiceStatus) => boolean): Promise<ServiceStatus> {
  return eventually(`${name}: ${what}`, async () => {
    const one = await service(name).catch(() => undefined);
    return one !== undefined && condition(one) && one;
  });
}

/** Of the instances of `app`, once both are ready. */
async function pids(): Promise<readonly (number | undefined)[]> {
  const { instances } = await until('app', 'ready', one => one.state === 'ready');
  return instances.map(({ pid }) => pid);
}

/** What is done under load costs no request and no instance. */
async function unnoticed(what: () => Promise<void> | void): Promise<void> {
  const then = await pids();
  const requests = new SteadyRequests(port);
  try {
    await what();
    assert.deepEqual(await pids(), then, 'the same processes');
    const sofar = requests.count;
    await eventually('requests after it', () => requests.count > sofar + 3);
  } finally {
    assert.deepEqual(await requests.stop(), []);
  }
}

describe('under systemd', { concurrency: 1 }, () => {
  before(() => {
    assert.ok(existsSync('/run/vm'), 'only inside of test/vm/run.sh --systemd');
    mkdirSync('/etc/slipway', { recursive: true });
    symlinkSync(join(root, 'bin/slipway'), '/usr/local/bin/slipway');
    copyFileSync(join(root, 'packaging/slipway.service'), '/etc/systemd/system/slipway.service');
    write({ app });
    systemctl('daemon-reload');
  });

  it('starts, and has started when its API answers', async () => {
    systemctl('enable', '--now', 'slipway');
    const { backend } = await client.call('GET /v1/host', {});
    assert.equal(backend, 'cgroup-v2');
    systemctl('reload', 'slipway');
    assert.equal((await pids()).length, 2);
    const unit = `/sys/fs/cgroup${show('ControlGroup')}`;
    const inUnit = readFileSync(join(unit, 'cgroup.procs'), 'latin1').trim().split('\n');
    for (const pid of await pids()) assert.ok(!inUnit.includes(String(pid)), 'an instance isn’t in the unit');
  });

  it('is started again after a crash, and nobody notices', () =>
    unnoticed(async () => {
      const killed = show('MainPID');
      process.kill(Number(killed), 'SIGKILL');
      await eventually('another daemon', () => {
        const pid = show('MainPID');
        return pid !== killed && pid !== '0' && show('ActiveState') === 'active';
      });
    }));

  it('is restarted, and nobody notices', () =>
    unnoticed(() => {
      systemctl('restart', 'slipway');
    }));

  it('is reloaded, by a command that fails where the file is wrong', async () => {
    write({ app: { ...app, instances: 'two' } });
    assert.notEqual(spawnSync('systemctl', ['reload', 'slipway']).status, 0);
    assert.equal(show('ActiveState'), 'active');
    await unnoticed(() => write({ app }));
    await unnoticed(() => {
      process.kill(Number(show('MainPID')), 'SIGHUP');
    });
  });

  it('keeps limits in force whatever systemd does to the hierarchy', async () => {
    const group = join(base, 'app/app.0.r1');
    const limits = () => ['cpu.max', 'memory.max'].map(file => readFileSync(join(group, file), 'latin1').trim());
    assert.deepEqual(limits(), ['50000 100000', String(256 * 2 ** 20)]);
    systemctl('daemon-reload');
    const other = spawnSync('systemd-run', ['--wait', '-p', 'CPUWeight=50', '-p', 'IOWeight=50', '/bin/true']);
    assert.equal(other.status, 0, String(other.stderr));
    systemctl('daemon-reexec');
    assert.deepEqual(limits(), ['50000 100000', String(256 * 2 ** 20)]);
  });

  it('loses an instance that takes too much memory, and nothing else', () =>
    unnoticed(async () => {
      const command = [process.execPath, 'hold-memory.mjs', '400'];
      const hog = { package: join(root, 'test/fixtures/programs'), command, port: false, restart: { policy: 'never' } };
      write({ app, hog: { ...hog, limits: { memory: '96Mi' } } });
      systemctl('reload', 'slipway');
      const { instances } = await until('hog', 'its end', ({ instances: [one] }) => one?.state === 'failed');
      assert.match(instances[0]?.reason ?? '', /memory/);
      assert.equal(show('ActiveState'), 'active');
      assert.equal(show('Result'), 'success');
    }));

  it('is stopped and started, and nobody notices', () =>
    unnoticed(async () => {
      systemctl('stop', 'slipway');
      assert.equal(show('ActiveState'), 'inactive');
      systemctl('start', 'slipway');
    }));

  it('is down for good after slipway down, with nothing left', async () => {
    const down = spawnSync('/usr/local/bin/slipway', ['down'], { encoding: 'utf8' });
    assert.equal(down.status, 0, down.stderr);
    await eventually('the unit to end', () => show('ActiveState') === 'inactive');
    assert.equal(show('Result'), 'success');
    assert.equal(existsSync(base), false, 'no cgroup is left');
    assert.deepEqual(
      readdirSync('/proc').filter(pid => /^\d+$/.test(pid) && commandLine(pid).includes(home)),
      [],
      'no process is left',
    );
    for (const folder of ['run/sandbox', 'tmp', 'secrets']) {
      const path = join(home, folder);
      assert.deepEqual(existsSync(path) ? readdirSync(path).filter(name => name.includes('.r')) : [], [], folder);
    }
  });
});

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
