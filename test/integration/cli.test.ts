import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { startApi } from '../helpers/api-fixture.ts';
import { processesOf } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';
import { type CliResult, runCli, spawnCli } from '../helpers/run-cli.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const csi = '\x1b[';

function assertDone({ code, stderr }: CliResult): void {
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
}

test('status shows a table for people, without colour in a pipe, and the API’s JSON for programs', async t => {
  const { home, control } = await startApi(t, { greeter: 2, ledger: 1 });
  control.set('greeter', 1, { state: 'backoff', restarts: 4, reason: 'exited 1 four times in 9 s\x1b[2J' });
  const shown = await runCli(['status'], { home });
  assertDone(shown);
  assert.match(shown.stdout, /^SERVICE +STATE +READY +REVISION +RUNTIME +CPU +MEMORY +RESTARTS +ROUTE$/m);
  assert.match(shown.stdout, /^greeter +degraded +1\/2 +1 +node 20\.20\.2 +2\.0% +68\.0Mi +4 +greeter\.localhost\/$/m);
  assert.match(shown.stdout, /^greeter\/1: exited 1 four times in 9 s\\x1b\[2J$/m);
  assert.ok(!shown.stdout.includes(csi), 'no colour, and nothing that drives a terminal');

  const coloured = await runCli(['status'], { home, env: { FORCE_COLOR: '1' } });
  assert.ok(coloured.stdout.includes(`${csi}33mdegraded`));
  const plain = await runCli(['status'], { home, env: { FORCE_COLOR: '1', NO_COLOR: '1' } });
  assert.equal(plain.stdout, shown.stdout);

  const json = await runCli(['status', '--json'], { home });
  assert.deepEqual(JSON.parse(json.stdout), { services: await control.services() });
  const one = await runCli(['--json', 'status', 'ledger'], { home });
  assert.deepEqual(JSON.parse(one.stdout), await control.service('ledger'));
  const instances = await runCli(['status', 'greeter'], { home });
  assert.match(instances.stdout, /^INSTANCE +STATE +PID +PORT +UPTIME +RESTARTS +CPU +MEMORY +REVISION +REASON$/m);
  assert.match(instances.stdout, /^greeter\/0 +ready +5000 +20000 +3m12s +0 +1\.0% +34\.0Mi +1$/m);
});

test('exit codes tell what kind of failure it was', async t => {
  const { home, control } = await startApi(t);
  const empty = await tempDir(t);
  const cases: readonly (readonly [readonly string[], string, number, RegExp])[] = [
    [['status', 'nobody'], home, 1, /^slipway: cannot find a service named nobody \(SLIP_SERVICE_UNKNOWN\)$/m],
    [['statsu'], home, 2, /unknown command 'statsu'[\s\S]*Did you mean status\?/],
    [['status', '--wath'], home, 2, /unknown option '--wath'[\s\S]*Did you mean --watch\?/],
    [['scale', 'greeter'], home, 2, /expected NAME=NUMBER, like greeter=3/],
    [['scale', 'greeter=-1'], home, 2, /expected NAME=NUMBER/],
    [['scale', 'greeter=1', 'greeter=2'], home, 2, /greeter is given twice/],
    [['restart', 'greeter/x'], home, 2, /expected NAME or NAME\/INDEX/],
    [['restart'], home, 2, /missing required argument/],
    [['restart', 'greeter', '--timeout', 'soon'], home, 2, /expected a duration/],
    [['logs', 'greeter', '-n', '-1'], home, 2, /expected a whole number/],
    [['deploy', 'greeter', 'http://127.0.0.1/x.tgz'], home, 2, /without --sha256/],
    [['rollback', 'greeter', '--to', '0'], home, 2, /expected the number of a revision/],
    [[], home, 2, /^Usage: slipway/],
    [['status'], empty, 3, /no socket[\s\S]*slipway up -d/],
    [['down'], empty, 3, /SLIP_DAEMON_UNREACHABLE/],
  ];
  await Promise.all(
    cases.map(async ([args, where, code, message]) => {
      const result = await runCli(args, { home: where });
      assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
      assert.match(result.stderr, message);
      assert.equal(result.stdout, '');
      assert.doesNotMatch(result.stderr, /^ +at /m, 'a stack is nothing for users');
    }),
  );
  control.unsettle();
  const late = await runCli(['restart', 'greeter', '--timeout', '100ms'], { home });
  assert.deepEqual([late.code, late.stdout], [4, '']);
  assert.match(late.stderr, /not settled within 100ms/);
});

test('who waits in vain for a rollout is told how far it is', async t => {
  const { home, control } = await startApi(t, { greeter: 2, ledger: 1 });
  control.unsettle();
  control.setService('greeter', { rollout: { from: 1, to: 2, state: 'rolling', startedAt: 1_700_000_000_000 } });
  control.setService('greeter', { state: 'ready', ready: 2 });
  const late = await runCli(['start', 'greeter', '--timeout', '100ms'], { home });
  assert.equal(late.code, 4);
  assert.match(late.stderr, /greeter is ready, 2 of 2 ready, on the way from revision 1 to 2/);
  assert.doesNotMatch(late.stderr, /ledger/);
});

test('a limit that is not enforced is shown', async t => {
  const { home, control } = await startApi(t, { greeter: 1 });
  control.set('greeter', 0, { limits: [{ limit: 'memory', asked: 2 ** 28, by: 'not enforced', why: 'no cgroup' }] });
  const { stdout } = await runCli(['status'], { home });
  assert.match(stdout, /^greeter: not enforced: memory \(see `slipway describe greeter`\)$/m);
});

test('a package that is not there is met with a sentence', async t => {
  const { home } = await startApi(t);
  const { stderr } = await runCli(['deploy', 'greeter', './nothing.tgz'], { home });
  assert.match(stderr, /cannot read the package \.\/nothing\.tgz: there is nothing at this path \(SLIP_PACKAGE/);
});

test('a slip in a service’s name is met with the name that was meant', async t => {
  const { home } = await startApi(t);
  const result = await runCli(['restart', 'greter/0'], { home });
  assert.match(result.stderr, /did you mean "greeter"\?/);
});

test('failures are JSON for programs, on standard error', async t => {
  const { home } = await startApi(t);
  const result = await runCli(['status', 'nobody', '--json'], { home });
  assert.equal(result.stdout, '');
  const problem = JSON.parse(result.stderr);
  assert.deepEqual([problem.code, problem.status], ['SLIP_SERVICE_UNKNOWN', 404]);
});

test('SLIPWAY_DEBUG shows the stack', async t => {
  const result = await runCli(['status'], { home: await tempDir(t), env: { SLIPWAY_DEBUG: '1' } });
  assert.match(result.stderr, /^ +at /m);
});

test('start, stop, restart and scale change what they name, wait, and say so', async t => {
  const { home, control } = await startApi(t, { greeter: 2, ledger: 1 });
  assert.equal((await runCli(['stop', 'greeter/1'], { home })).stdout, 'greeter/1 stopped\n');
  assert.equal((await control.service('greeter')).ready, 1);
  assert.equal((await runCli(['start', 'greeter'], { home })).stdout, 'greeter started\n');
  const restarted = await runCli(['restart', 'greeter/0', '--no-wait'], { home });
  assert.equal(restarted.stdout, 'greeter/0 is being restarted\n');
  const scaled = await runCli(['scale', 'greeter=3', 'ledger=0'], { home });
  assert.equal(scaled.stdout, 'greeter has 3 instances\nledger has 0 instances\n');
  const json = await runCli(['stop', 'greeter', '--json'], { home });
  assert.deepEqual(JSON.parse(json.stdout), await control.service('greeter'));
  const actor = `cli uid ${process.getuid?.()}`;
  assert.ok((await control.events(10)).every(event => event.actor === actor));
});

test('what settles without getting ready is a failure that says why', async t => {
  const { home, control } = await startApi(t);
  const start = control.start.bind(control);
  control.start = async (...args) => {
    await start(...args);
    control.set('greeter', 1, { state: 'failed', reason: 'exited 1 ten times in 8 s' });
  };
  const result = await runCli(['start', 'greeter'], { home });
  assert.equal(result.code, 1);
  assert.match(result.stderr, /greeter is degraded, 1 of 2 ready \(SLIP_NOT_READY\)/);
  assert.match(result.stderr, /greeter\/1 is failed: exited 1 ten times in 8 s/);
});

test('deploy hands over a file, a folder or a URL, and fails where the rollout does', async t => {
  const { home, control, uploads } = await startApi(t);
  await writeFile(join(home, 'greeter-2.0.0.tgz'), 'package');
  const args = ['deploy', 'greeter', 'greeter-2.0.0.tgz', '--wait', '--instances', '1'];
  const file = await runCli(args, { home });
  assertDone(file);
  assert.match(file.stdout, /^revision 2 of greeter serves \(greeter-2\.0\.0\.tgz, /);
  assert.equal((await control.service('greeter')).wanted, 1);
  assert.deepEqual(await readdir(uploads), []);

  await mkdir(join(home, 'greeter-folder'));
  const folder = await runCli(['deploy', 'greeter', './greeter-folder', '--json'], { home });
  assert.equal(JSON.parse(folder.stdout).package, 'greeter-folder');
  const url = ['deploy', 'greeter', 'http://127.0.0.1/g-4.jar', '--sha256', 'AB'.repeat(32)];
  assert.match((await runCli(url, { home })).stdout, /^revision 4 of greeter is being rolled out \(g-4\.jar, /);

  await writeFile(join(home, 'broken.tgz'), 'package');
  const broken = await runCli(['deploy', 'greeter', 'broken.tgz', '--wait'], { home });
  assert.equal(broken.code, 1);
  assert.match(broken.stderr, /cannot roll out revision 5 of greeter: readiness: connection refused/);
  assert.match(broken.stderr, /revision 4 goes on/);

  const wrong = await runCli(['deploy', 'greeter', 'broken.tgz', '--sha256', '0'.repeat(64)], { home });
  assert.match(wrong.stderr, /SLIP_PACKAGE_DIGEST/);
  const missing = await runCli(['deploy', 'greeter', 'nothing.tgz'], { home });
  assert.deepEqual([missing.code, /SLIP_PACKAGE_UNREADABLE/.test(missing.stderr)], [1, true]);

  const back = await runCli(['rollback', 'greeter', '--to', '2', '--wait'], { home });
  assert.equal(back.stdout, 'revision 6 of greeter serves (greeter-2.0.0.tgz)\n');
  const history = await runCli(['history', 'greeter'], { home });
  assert.match(history.stdout, /^6 \* +greeter-2\.0\.0\.tgz +666666666666 +node 20\.20\.2 +2023-11-1\d /m);
});

test('apply shows the plan, and a dry run is one', async t => {
  const { home, control } = await startApi(t, { greeter: 2, old: 1 });
  await writeFile(join(home, 'slipway.yaml'), 'services:\n  greeter: { instances: 3 }\n  ledger: {}\n');
  const plan = '~ greeter\n    instances: 2 → 3\n+ ledger\n- old\n';
  const dry = await runCli(['apply', '--dry-run'], { home });
  assert.equal(dry.stdout, `${plan}3 changes; nothing was touched\n`);
  assert.equal((await control.services()).length, 2);
  assert.equal((await runCli(['apply', '-c', 'slipway.yaml'], { home })).stdout, `${plan}3 changes applied\n`);
  assert.equal((await runCli(['apply'], { home })).stdout, 'nothing to change\n');
});

test('logs carry the instance where there may be several, and end when the reader has enough', async t => {
  const { home, logs } = await startApi(t);
  for (let n = 0; n < 4; n++) logs.write({ service: 'greeter', index: n % 2, text: `line ${n}` });
  assert.equal(
    (await runCli(['logs', 'greeter', '-n', '3'], { home })).stdout,
    'greeter/1 | line 1\ngreeter/0 | line 2\ngreeter/1 | line 3\n',
  );
  assert.equal((await runCli(['logs', 'greeter/1'], { home })).stdout, 'line 1\nline 3\n');
  const coloured = await runCli(['logs', 'greeter', '-n', '1'], { home, env: { FORCE_COLOR: '1' } });
  assert.equal(coloured.stdout, `${csi}33mgreeter/1 |${csi}39m line 3\n`);
  const json = await runCli(['logs', 'greeter', '-n', '1', '--json'], { home });
  assert.deepEqual(JSON.parse(json.stdout), { service: 'greeter', index: 1, text: 'line 3' });

  const following = spawnCli(['logs', 'greeter', '-f'], { home });
  let seen = '';
  following.stdout?.on('data', chunk => {
    seen += chunk;
  });
  await eventually('the past lines', () => seen.includes('line 3'));
  logs.write({ service: 'greeter', index: 0, text: 'new' });
  await eventually('the new line', () => seen.includes('greeter/0 | new\n'));
  following.kill('SIGINT');
  assert.deepEqual(await once(following, 'exit'), [0, null]);
});

test('a reader that leaves early is no failure', async t => {
  const { home, logs } = await startApi(t);
  logs.read = async function* () {
    for (;;) yield { service: 'greeter', index: 0, text: 'y'.repeat(500) };
  };
  const child = spawnCli(['logs', 'greeter'], { home });
  let stderr = '';
  child.stderr?.on('data', chunk => {
    stderr += chunk;
  });
  await once(child.stdout ?? child, 'data');
  child.stdout?.destroy();
  assert.deepEqual(await once(child, 'close'), [0, null]);
  assert.equal(stderr, '');
});

test('a follower learns that the daemon went away', async t => {
  const { home, api, control } = await startApi(t);
  control.emit({ kind: 'deploy', service: 'greeter', actor: 'cli uid 0', message: 'deploy of x.tgz' });
  const child = spawnCli(['events', '-f'], { home });
  let seen = '';
  child.stdout?.on('data', chunk => {
    seen += chunk;
  });
  await eventually('the past event', () => seen.includes('\n'));
  assert.match(seen, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}deploy {2}greeter {2}deploy of x\.tgz {2}\(cli uid 0\)\n$/);
  await api.close();
  assert.deepEqual(await once(child, 'exit'), [3, null]);
});

test('watching goes on until Ctrl-C, which is its ordinary end', async t => {
  const { home } = await startApi(t);
  const child = spawnCli(['status', '--watch', '--json'], { home });
  let seen = '';
  child.stdout?.on('data', chunk => {
    seen += chunk;
  });
  await eventually('two looks', () => seen.split('\n').length > 2);
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
  assert.equal(JSON.parse(seen.split('\n')[0] ?? '').services[0].name, 'greeter');
});

test('describe tells everything, limits that are not in force included', async t => {
  const { home, control } = await startApi(t);
  const { stdout } = await runCli(['describe', 'greeter'], { home });
  assert.match(
    stdout,
    /^Limits +memory 256Mi: cgroup-v2\n +cpu 0\.5: not enforced \(the host has no cpu controller\)$/m,
  );
  assert.match(stdout, /^Environment +LOG_LEVEL=info$/m);
  assert.match(stdout, /^Command +\/usr\/bin\/node server\.js$/m);
  assert.match(stdout, /^greeter\/1 +ready/m);
  const json = JSON.parse((await runCli(['describe', 'greeter', '--json'], { home })).stdout);
  assert.deepEqual(json, { service: await control.service('greeter'), revisions: await control.history('greeter') });
});

test('down tells the daemon to stop everything and waits until it is gone', async t => {
  const { home, control } = await startApi(t);
  const daemon = spawnCli(['status', '--watch', '--json'], { home });
  t.after(() => daemon.kill('SIGKILL'));
  const host = control.host.bind(control);
  control.host = () => ({ ...host(), pid: daemon.pid ?? 0 });
  control.onDown = () => daemon.kill('SIGTERM');
  const result = await runCli(['down', '--now'], { home });
  assertDone(result);
  assert.equal(result.stdout, 'everything is stopped\n');
  assert.deepEqual(control.downCalls, [{ hurry: true }]);
  assert.ok(daemon.exitCode !== null || daemon.signalCode !== null, 'it was gone before the command ended');
});

test('validate and pack need no daemon', async t => {
  const home = await tempDir(t);
  await mkdir(join(home, 'app'));
  await writeFile(join(home, 'app', 'run'), '#!/bin/sh\n', { mode: 0o755 });
  const packed = await runCli(['pack', 'app', '-o', 'app.tgz', '--json'], { home });
  assert.deepEqual([packed.code, JSON.parse(packed.stdout).file], [0, join(home, 'app.tgz')]);
  const file = join(home, 'slipway.yaml');
  await writeFile(file, 'services:\n  app:\n    package: ./app.tgz\n');
  assert.deepEqual(JSON.parse((await runCli(['validate', '--json'], { home })).stdout), {
    file,
    services: ['app'],
    warnings: [],
  });
  await writeFile(file, 'services:\n  app:\n    package: ./app.tgz\n    instances: many\n');
  const invalid = await runCli(['validate'], { home });
  assert.equal(invalid.code, 1);
  assert.match(invalid.stderr, /slipway\.yaml:4:16: /);
});

test('up -d applies to the daemon that runs, waits, and shows where it is', async t => {
  const { home, control } = await startApi(t, {});
  await writeFile(join(home, 'slipway.yaml'), 'services:\n  greeter: { instances: 2 }\n');
  const result = await runCli(['up', '-d'], { home });
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, /^\+ greeter$/m);
  assert.match(result.stdout, /^greeter +ready +2\/2/m);
  assert.match(result.stdout, /^http:\/\/greeter\.localhost:8080\/$/m);
  const json = await runCli(['up', '-d', '--json'], { home });
  assert.deepEqual([JSON.parse(json.stdout), json.stderr], [{ services: await control.services() }, '']);
});

test('up -d starts no daemon for a configuration that is not valid', async t => {
  const home = await tempDir(t);
  await writeFile(join(home, 'slipway.yaml'), 'services: [\n');
  const result = await runCli(['up', '-d'], { home });
  assert.equal(result.code, 1);
  assert.match(result.stderr, /SLIP_CONFIG_INVALID/);
  await rm(join(home, 'slipway.yaml'));
  assert.deepEqual(
    (await readdir(home)).filter(name => name === 'run' || name === 'logs'),
    [],
  );
});

test('up -d leaves no daemon behind that it started for a configuration which is then refused', async t => {
  const home = await tempDir(t);
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await writeFile(join(home, 'slipway.yaml'), `router: { listen: ["127.0.0.1:${port}"] }\nservices: {}\n`);
  const result = await runCli(['up', '-d'], { home });
  assert.equal(result.code, 1);
  assert.match(result.stderr, /SLIP_LISTEN_FAILED/);
  await eventually('the end of the daemon', async () => (await runCli(['status'], { home })).code === 3);
});

test('up -d says that the home can’t be made, and what to do about it', async t => {
  const folder = await tempDir(t);
  await writeFile(join(folder, 'slipway.yaml'), 'services: {}\n');
  await writeFile(join(folder, 'file'), '');
  const result = await runCli(['up', '-d', '--home', join(folder, 'file', 'home')], { home: folder });
  assert.match(result.stderr, /cannot start the daemon: cannot make the folder .*choose another home by --home/);
});

test('up -d leaves no daemon behind that does not answer in time', async t => {
  const home = await tempDir(t);
  await writeFile(join(home, 'slipway.yaml'), 'services: {}\n');
  const env = { NODE_OPTIONS: `--import=${new URL('../fixtures/silent-daemon.mjs', import.meta.url)}` };
  const result = await runCli(['up', '-d', '--timeout', '1s'], { home, env });
  assert.equal(result.code, 3);
  assert.match(result.stderr, /cannot start the daemon: no answer within 1 s/);
  await eventually('the end of the daemon', () => processesOf(home).length === 0);
});

test('up -d tells why the daemon that it started did not come up', async t => {
  const home = await tempDir(t);
  await writeFile(join(home, 'slipway.yaml'), 'services: {}\n');
  await writeFile(join(home, 'run'), 'no folder for sockets');
  const result = await runCli(['up', '-d'], { home });
  assert.equal(result.code, 3);
  assert.match(result.stderr, /cannot start the daemon: ended with code 1/);
  assert.ok(result.stderr.includes(join(home, 'logs', 'daemon.log')));
});
