/**
 * Instances start and are killed, and with every other round the daemon, too: nothing is left of any of them. It is 40
 * instances, or as many as `SLIPWAY_TEST_CYCLES` says.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { homeId } from '../../src/processes/marker.ts';
import { sandboxSupport } from '../../src/processes/sandbox/support.ts';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';

const cycles = Number(process.env['SLIPWAY_TEST_CYCLES'] ?? 40);
const levels = (['standard', 'strict'] as const).filter(level => sandboxSupport()[level] === true);
const instances = 5;

/** Names of groups, by their paths, wherever hierarchies are mounted. */
function cgroupsOf(home: string): readonly string[] {
  const top = '/sys/fs/cgroup';
  return [top, ...readdirSync(top).map(name => join(top, name))]
    .map(folder => join(folder, `slipway-${homeId(home)}`))
    .filter(existsSync)
    .flatMap(base => readdirSync(base, { withFileTypes: true, recursive: true }))
    .filter(entry => entry.isDirectory())
    .map(entry => join(entry.parentPath, entry.name));
}

describe('start and kill', { skip: levels.length === 0 && 'no sandbox can be made here' }, () => {
  it(`of ${cycles} instances leaves no process, cgroup, mount or file`, async t => {
    const host = await TestHost.create(t);
    await host.start();
    writeFileSync(join(host.home, 'password'), 'a secret');
    const one = {
      package: appPackage,
      command: ['/bin/sh', '-c', 'echo x > /tmp/file; mktemp -d >/dev/null; sleep 1000 & exec sleep 1000'],
      port: false,
      instances,
      secrets: { password: { file: './password' } },
      limits: { memory: '64Mi', pids: 20 },
      restart: { backoff: { initial: '10ms', max: '10ms' }, giveUpAfter: { restarts: 10_000, within: '1m' } },
    };
    const names = levels.map(level => `of-${level}`);
    await host.apply(Object.fromEntries(levels.map(level => [`of-${level}`, { ...one, isolation: { level } }])));

    const killed = new Set<number>();
    const running = async (): Promise<readonly number[]> => {
      const services = await Promise.all(
        names.map(name =>
          host.until(name, 'all anew', service =>
            service.instances.every(({ state, pid = 0 }) => state === 'ready' && !killed.has(pid)),
          ),
        ),
      );
      return services.flatMap(service => service.instances.flatMap(({ pid }) => pid ?? []));
    };
    for (let round = 0; killed.size < cycles; round += 1) {
      const pids = await running();
      assert.equal(pids.length, instances * levels.length);
      // Now before what dies with it, now in the midst of starting again what has died.
      if (round % 4 === 1) await host.kill();
      for (const pid of pids) {
        killed.add(pid);
        process.kill(pid, 'SIGKILL');
      }
      if (round % 4 === 3) await host.kill();
      if (round % 2 === 1) await host.start();
    }
    await running();
    assert.ok(cgroupsOf(host.home).length > 0, 'there is something that could be left');
    await host.apply({});
    await eventually('all services to be gone', async () => {
      return (await host.client.call('GET /v1/services', {})).services.length === 0;
    });
    assert.deepEqual(host.instanceProcesses(), []);
    assert.deepEqual(cgroupsOf(host.home), []);
    assert.ok(!readFileSync('/proc/self/mountinfo', 'latin1').includes(host.home), 'no mount is left');
    const inMemory = ['/run', '/dev/shm'].map(place => join(place, `slipway-0-${homeId(host.home)}`, 'secrets'));
    const inHome = ['tmp', 'secrets', 'run/secrets', 'run/sandbox', 'instances'].map(name => join(host.home, name));
    for (const path of [...inHome, ...inMemory]) {
      const left = existsSync(path) ? readdirSync(path).filter(name => /\.\d+/.test(name)) : [];
      assert.deepEqual(left, [], path);
    }
  });
});
