/**
 * `npm run test:vm`: what only a host with nothing but cgroup v2, or systemd as its first process, can show, in virtual
 * machines (see test/vm/run.sh). As root it first installs what they need from Debian. It takes about forty minutes
 * where the processor is emulated, so that it is no part of `npm test`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const packages = ['qemu-system-x86', 'qemu-system-common', 'linux-image-cloud-amd64', 'busybox-static'];

const has = command => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
const hasKernel = existsSync('/boot') && readdirSync('/boot').some(name => /^vmlinuz-.*-cloud-amd64$/.test(name));

if (!has('qemu-system-x86_64') || !has('busybox') || !hasKernel) {
  const run = args =>
    spawnSync('apt-get', args, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  const isDone =
    has('apt-get') &&
    process.getuid?.() === 0 &&
    run(['update', '-qq']).status === 0 &&
    run(['install', '-y', '-qq', '--no-install-recommends', ...packages]).status === 0;
  if (!isDone) {
    console.error(`cannot make a virtual machine: install ${packages.join(' ')} (Debian)`);
    process.exit(1);
  }
}

const test = ['node', '--import', 'tsx', '--test', '--test-concurrency=1', '--test-reporter=spec'];
const runs = [
  [...test, 'test/contract/process-limits.test.ts', 'test/contract/processes.test.ts'],
  [...test, 'test/integration/processes.test.ts', 'test/integration/capacity.test.ts'],
  [...test, 'test/integration/isolation.test.ts', 'test/integration/memory-size.test.ts'],
  ['env', 'SLIPWAY_TEST_CYCLES=200', ...test, 'test/integration/leftovers.test.ts'],
  ['--systemd', ...test, 'test/vm/systemd.ts'],
];
const failed = runs.filter(args => spawnSync('sh', ['test/vm/run.sh', ...args], { stdio: 'inherit' }).status !== 0);
for (const args of failed) console.error(`failed: test/vm/run.sh ${args.join(' ')}`);
process.exit(failed.length === 0 ? 0 : 1);
