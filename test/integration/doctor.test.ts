/** `slipway doctor` on this very host, with a daemon and without. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Diagnosis } from '../../src/domain/diagnosis/diagnose.ts';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { runCli } from '../helpers/run-cli.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const areas = ['system', 'cgroups', 'processes', 'isolation', 'storage', 'network', 'runtimes'];

test('without a daemon the host is told of, and nothing is left behind', async t => {
  const home = join(await tempDir(t), 'home');
  const { code, stdout } = await runCli(['doctor'], { home, cwd: '/' });
  assert.equal(code, 0, stdout);
  for (const area of areas) assert.match(stdout, new RegExp(`^(ok|note|gap) +${area} `, 'm'));
  assert.match(stdout, /^ok +runtimes +node \d/m);
  assert.match(stdout, /No daemon answers, so this is the host alone/);
  assert.equal(existsSync(home), false);
  const json = JSON.parse((await runCli(['doctor', '--json'], { home, cwd: '/' })).stdout) as Diagnosis;
  assert.equal(json.daemon, false);
  assert(json.findings.length > areas.length);
});

test('a daemon tells of its services too, and fails where one of them lacks something', async t => {
  const host = await TestHost.create(t);
  await host.start();
  const greeter = { package: appPackage, limits: { openFiles: 512 } };
  await host.apply({ greeter });
  await host.ready('greeter');
  const good = await runCli(['doctor'], { home: host.home });
  assert.equal(good.code, 0, good.stdout + good.stderr);
  assert.match(good.stdout, /^ok +services +greeter: all its limits are in force; isolation is \w+$/m);
  assert.match(good.stdout, /^ok +router +running, on 127\.0\.0\.1:\d+$/m);
  assert.deepEqual(
    readdirSync(host.home).filter(name => name.startsWith('trial-')),
    [],
  );

  await host.apply({
    idle: {
      package: appPackage,
      command: ['node', '-e', 'process.exit(3)'],
      runtime: 'node',
      restart: { giveUpAfter: { restarts: 1, within: '1m' }, backoff: { initial: '1ms' } },
    },
  });
  await host.until('idle', 'given up', ({ state }) => state === 'failed');
  const bad = await runCli(['doctor', '--quiet'], { home: host.home });
  assert.equal(bad.code, 1);
  assert.match(bad.stdout, /^gap +services +idle\/0 was given up: /m);
  assert.doesNotMatch(bad.stdout, /^ok/m);
  assert.match(bad.stderr, /cannot give all that is asked for to: idle \(SLIP_GAPS_FOUND\)/);
});
