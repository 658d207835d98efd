/**
 * Runs every test file that this machine can run: `npm test`, or `npm test -- test/unit` for a part. What needs the
 * machine for itself has a command of its own, `npm run abuse` and `npm run chaos`. As root it first
 * installs what suites need from Debian; otherwise a suite that lacks something says so and is skipped by name.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Command that a suite looks for → Debian package that brings it. */
const wanted = {
  java: 'default-jre-headless',
  javac: 'default-jdk-headless',
  python3: 'python3-venv',
  setpriv: 'util-linux',
  fallocate: 'util-linux',
  zip: 'zip',
  bwrap: 'bubblewrap',
};

function has(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

function install() {
  const missing = Object.keys(wanted).filter(command => !has(command));
  const packages = [...new Set(missing.map(command => wanted[command]))];
  // A python3 without ensurepip makes no virtual environments.
  if (has('python3') && spawnSync('python3', ['-c', 'import ensurepip, venv']).status !== 0)
    packages.push('python3-venv');
  if (packages.length === 0) return;
  const isDebian = has('apt-get') && process.getuid?.() === 0;
  if (isDebian) {
    console.log(`installing ${packages.join(', ')}`);
    const run = args => spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    Object.assign(process.env, env);
    if (run(['update', '-qq']) && run(['install', '-y', '-qq', '--no-install-recommends', ...packages])) return;
  }
  console.log(`missing: ${missing.join(', ')}; tests that need them are skipped (Debian: ${packages.join(' ')})`);
}

const apart = ['abuse', 'chaos', 'fixtures', 'helpers'];

function testFiles(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap(name => (apart.includes(name) ? [] : testFiles(join(path, name))))
    .filter(file => file.endsWith('.test.ts'));
}

install();
const given = process.argv.slice(2).filter(arg => !arg.startsWith('-'));
const flags = process.argv.slice(2).filter(arg => arg.startsWith('-'));
const files = (given.length > 0 ? given : ['test']).flatMap(testFiles);
const { status } = spawnSync(
  process.execPath,
  ['--import', 'tsx', '--test', '--test-concurrency=2', '--test-reporter=spec', ...flags, ...files],
  // A test file that never ends fails the run instead of holding it up.
  { stdio: 'inherit', timeout: 30 * 60_000, killSignal: 'SIGKILL' },
);
process.exit(status ?? 1);
