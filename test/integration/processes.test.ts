/** Process trees and the daemons that come and go above them, as separate processes. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/control/clock.ts';
import type { Backend, LaunchOrder, TreeRecord } from '../../src/processes/contract.ts';
import { createProcessHost } from '../../src/processes/host.ts';
import { launch, launchFailure } from '../../src/processes/launcher.ts';
import { nothingPrepared } from '../../src/processes/process-limits.ts';
import { eventually, patience } from '../helpers/eventually.ts';
import { exitOf, isGone, program, unusable } from '../helpers/process-host.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const isRoot = process.getuid?.() === 0;
const stay = ['/bin/sh', '-c', 'echo "ready $$"; exec sleep 1000'];

interface Daemon {
  readonly process: ChildProcess;
  readonly record: TreeRecord;
  readonly backend: Backend;
  readonly whyNoCgroup?: string;
}

describe('process trees and their daemons', { timeout: 300_000 * patience }, () => {
  it('go on when the daemon is killed, and belong to the next one', async t => {
    const home = await tempDir(t);
    const daemon = await startDaemon(t, home, stay);
    daemon.process.kill('SIGKILL');
    await once(daemon.process, 'exit');

    const { pid } = daemon.record.identity;
    assert.equal(isGone(pid), false);
    const host = await createProcessHost({ home, clock: systemClock });
    t.after(() => host.close());
    assert.deepEqual(await host.traces(), [daemon.record.key]);
    const tree = await host.adopt(daemon.record);
    assert.ok(tree);
    const ended = exitOf(tree);
    assert.equal(tree.signal('SIGTERM'), true);
    assert.deepEqual(await ended, { oomKilled: false });
    assert.deepEqual(await tree.kill(5000), []);
    assert.deepEqual(await host.traces(), []);
  });

  it('end when the main process is a zombie, though its parent never looks', async t => {
    const home = await tempDir(t);
    const daemon = await startDaemon(t, home, stay);
    daemon.process.kill('SIGSTOP');
    const host = await createProcessHost({ home, clock: systemClock });
    t.after(() => host.close());
    const tree = await host.adopt(daemon.record);
    assert.ok(tree);
    const ended = exitOf(tree);
    process.kill(daemon.record.identity.pid, 'SIGKILL');
    await ended;
    assert.match(readFileSync(`/proc/${daemon.record.identity.pid}/status`, 'latin1'), /^State:\tZ/m);
    assert.equal(tree.signal('SIGTERM'), false);
    assert.deepEqual(await tree.kill(5000), []);
    assert.equal(await host.adopt(daemon.record), undefined);
  });

  it('let the daemon end by itself once it has let go of them', async t => {
    const home = await tempDir(t);
    const daemon = await startDaemon(t, home, stay, { close: true });
    assert.deepEqual(await exitOfChild(daemon.process), [0, null]);
    const host = await createProcessHost({ home, clock: systemClock });
    t.after(() => host.close());
    assert.equal(isGone(daemon.record.identity.pid), false);
    assert.deepEqual(await host.sweep(daemon.record.key), []);
    assert.equal(isGone(daemon.record.identity.pid), true);
  });

  it('work for a plain user, without cgroups, and say so', {
    skip: !isRoot && 'needs root to become another',
  }, async t => {
    const home = await tempDir(t);
    chmodSync(home, 0o777);
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const daemon = await startDaemon(t, home, [program('double-fork.sh'), 'stay'], { prefix: nobody, kill: true });
    assert.equal(daemon.backend, 'none');
    assert.match(daemon.whyNoCgroup ?? '', /cgroup-v2: .+; cgroup-v1: .+/);
    assert.deepEqual(daemon.record.enforcement[0], {
      limit: 'memory',
      asked: 2 ** 26,
      by: 'not enforced',
      why: daemon.whyNoCgroup,
    });
    const log = () => readFileSync(join(home, 'out.log'), 'latin1');
    await eventually('both processes', () => /^stray/m.test(log()) && /^main/m.test(log()));
    const stray = Number(/^stray (\d+)$/m.exec(log())?.[1]);
    assert.equal(isGone(stray), false);
    daemon.process.stdin?.end();
    assert.deepEqual(await exitOfChild(daemon.process), [0, null]);
    assert.ok(isGone(stray) && isGone(daemon.record.identity.pid));
  });

  it('refuse a backend that is asked for and does not work', { skip: !isRoot && 'needs root' }, async t => {
    const home = await tempDir(t);
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const failing = startDaemon(t, home, stay, { prefix: nobody, backend: 'cgroup-v1' });
    await assert.rejects(failing, /cannot hold processes by cgroup-v1: /);
  });

  it('do not inherit that the kernel shall spare the daemon', { skip: !isRoot && 'needs root' }, async t => {
    const home = await tempDir(t);
    const spared = ['/bin/sh', '-c', 'echo -500 >/proc/self/oom_score_adj; exec "$@"', 'sh'];
    const { record } = await startDaemon(t, home, stay, { prefix: spared, kill: true });
    const score = () => readFileSync(`/proc/${record.identity.pid}/oom_score_adj`, 'latin1').trim();
    await eventually('the usual score', () => score() === '0');
  });
});

const v2 = { name: 'cgroup-v2', backend: 'cgroup-v2', procfs: true } as const;

describe('a cgroup v2 that is delegated', {
  skip: !isRoot || (await unusable(v2)),
  timeout: 300_000 * patience,
}, () => {
  /** A group made by somebody else, and a command that starts another inside of it. */
  function delegated(t: TestContext, owner: number) {
    const group = `/sys/fs/cgroup/slipway-test-${process.pid}-${owner}`;
    mkdirSync(group);
    for (const path of ['', '/cgroup.procs', '/cgroup.threads', '/cgroup.subtree_control']) {
      chownSync(`${group}${path}`, owner, owner);
    }
    t.after(async () => {
      const remove = () => {
        for (const entry of readdirSync(group, { withFileTypes: true })) {
          if (entry.isDirectory()) rmdirSync(join(group, entry.name));
        }
        rmdirSync(group);
        return true;
      };
      await eventually('an empty group', () => {
        try {
          return remove();
        } catch {
          return false;
        }
      });
    });
    return { group, inside: ['/bin/sh', '-c', `echo 0 >${group}/cgroup.procs; exec "$@"`, 'sh'] };
  }

  it('is where a plain user’s trees live, beside the daemon', async t => {
    const home = await tempDir(t);
    chmodSync(home, 0o777);
    const { group, inside } = delegated(t, 65534);
    const prefix = [...inside, 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const daemon = await startDaemon(t, home, stay, { prefix, kill: true });
    assert.equal(daemon.backend, 'cgroup-v2', daemon.whyNoCgroup);
    assert.deepEqual(daemon.record.enforcement, [
      { limit: 'memory', asked: 2 ** 26, inForce: 2 ** 26, by: 'cgroup-v2' },
    ]);
    assert.match(daemon.record.cgroups[0] ?? '', new RegExp(`^${group}/slipway-[0-9a-f]{8}/svc/svc\\.0\\.r1$`));
    const own = readFileSync(`/proc/${daemon.process.pid}/cgroup`, 'latin1').trim();
    assert.equal(own, `0::${group.replace('/sys/fs/cgroup', '')}/slipway-daemon`);
    daemon.process.stdin?.end();
    assert.deepEqual(await exitOfChild(daemon.process), [0, null]);
  });

  it('serves as the top one in a container', async t => {
    const home = await tempDir(t);
    const { inside } = delegated(t, 0);
    const mounting = 'umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"';
    const prefix = [...inside, 'unshare', '--cgroup', '--mount', '/bin/sh', '-c', mounting, 'sh'];
    const daemon = await startDaemon(t, home, stay, { prefix, kill: true });
    assert.equal(daemon.backend, 'cgroup-v2', daemon.whyNoCgroup);
    assert.deepEqual(daemon.record.enforcement, [
      { limit: 'memory', asked: 2 ** 26, inForce: 2 ** 26, by: 'cgroup-v2' },
    ]);
    daemon.process.stdin?.end();
    assert.deepEqual(await exitOfChild(daemon.process), [0, null]);
  });
});

describe('the launcher', { timeout: 60_000 * patience }, () => {
  it('never runs the program outside of what it should enter', async t => {
    const home = await tempDir(t);
    const logFile = join(home, 'out.log');
    const order = orderOf({ key: 'a.0.r1', argv: ['/bin/echo', 'ran'], cwd: home, env: {}, logFile, limits: {} });
    for (const entrance of [join(home, 'no-such-cgroup', 'tasks'), '/dev/full']) {
      const { child } = await launch(order, [entrance], nothingPrepared, 'test/a.0.r1');
      assert.deepEqual(await exitOfChild(child), [125, null]);
      assert.match(launchFailure(logFile, 125) ?? '', new RegExp(`cannot write to ${entrance}$`));
      assert.doesNotMatch(readFileSync(logFile, 'latin1'), /^ran$/m);
    }
  });
});

async function exitOfChild(child: ChildProcess): Promise<readonly unknown[]> {
  return child.exitCode === null && child.signalCode === null
    ? once(child, 'exit')
    : [child.exitCode, child.signalCode];
}

function orderOf(order: Omit<LaunchOrder, 'totalLimits' | 'strict' | 'memoryWatchdog'>): LaunchOrder {
  return { ...order, totalLimits: {}, strict: false, memoryWatchdog: false };
}

interface DaemonOptions {
  /** A command that becomes the daemon. */
  readonly prefix?: readonly string[];
  readonly backend?: Backend | 'auto';
  /** Let go of the tree as soon as it runs. */
  readonly close?: boolean;
  /** Kill the tree when stdin ends. */
  readonly kill?: boolean;
}

/** Rejects with what it wrote to stderr, if it ends without a word. */
async function startDaemon(
  t: TestContext,
  home: string,
  argv: readonly string[],
  { prefix = [], backend = 'auto', close = false, kill = false }: DaemonOptions = {},
): Promise<Daemon> {
  const logFile = join(home, 'out.log');
  const env = { PATH: process.env['PATH'] ?? '', LOG: logFile };
  const order = orderOf({ key: 'svc.0.r1', argv, cwd: home, env, logFile, limits: { memory: 2 ** 26 } });
  const task = JSON.stringify({ backend, home, order, close, kill });
  const [command = '', ...args] = [
    ...prefix,
    process.execPath,
    '--import',
    'tsx',
    program('launching-daemon.ts'),
    task,
  ];
  const daemon = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const complaints: Buffer[] = [];
  daemon.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  t.after(async () => {
    daemon.kill('SIGKILL');
    await exitOfChild(daemon);
    const host = await createProcessHost({ home, clock: systemClock });
    for (const key of await host.traces()) assert.deepEqual(await host.sweep(key), []);
    host.close();
  });
  for await (const line of createInterface({ input: daemon.stdout })) return { process: daemon, ...JSON.parse(line) };
  throw new Error(Buffer.concat(complaints).toString());
}
