/** What a process host promises, held against every backend that this host has. */
import assert from 'node:assert/strict';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Exit } from '../../src/processes/contract.ts';
import { eventually, patience } from '../helpers/eventually.ts';
import { exitOf, isGone, program, unusable, variants, yard } from '../helpers/process-host.ts';

const stay = ['/bin/sh', '-c', 'echo "ready $$"; exec sleep 1000'];
const MiB = 2 ** 20;

for (const variant of variants) {
  const { backend, name } = variant;
  const isCgroup = backend !== 'none';
  const seesMarks = variant.procfs ? false : 'environments can’t be read without /proc';

  describe(`process host: ${name}`, { skip: await unusable(variant), timeout: 300_000 * patience }, () => {
    it('gives a program the order’s environment, folder and log, and nothing else', async t => {
      const { launch, log, home, logFile } = await yard(t, variant);
      process.env['SLIPWAY_TEST_SECRET'] = 'of the daemon';
      t.after(() => delete process.env['SLIPWAY_TEST_SECRET']);
      const secret = openSync(join(home, 'secret'), 'w');
      t.after(() => closeSync(secret));
      writeFileSync(logFile, 'earlier\n');
      const look = 'readlink /proc/$$/cwd /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; umask';
      const script = `${look}; grep -E "^Sig(Ign|Blk)" /proc/self/status; env; ls -l /proc/$$/fd`;
      const tree = await launch(['/bin/sh', '-c', script], { env: { B: '1 2\n3', A: '$HOME "x"' } });
      assert.deepEqual(await exitOf(tree), { code: 0, oomKilled: false });

      const lines = log().split('\n');
      assert.equal(lines[0], 'earlier');
      assert.deepEqual(lines.slice(1, 6), [home, '/dev/null', logFile, logFile, '0022']);
      assert.match(log(), /^SigBlk:\s0{16}$/m);
      assert.match(log(), /^SigIgn:\s0{16}$/m);
      assert.match(log(), /^A=\$HOME "x"$/m);
      assert.match(log(), /^B=1 2\n3$/m);
      assert.match(log(), /^SLIPWAY_INSTANCE_KEY=[0-9a-f]{8}\/svc\.0\.r1$/m);
      assert.doesNotMatch(log(), /secret/i);
    });

    it('hands on exactly the variables of the order, and the mark', async t => {
      const { launch, log } = await yard(t, variant);
      const tree = await launch(['/usr/bin/env'], { env: { ONE: '1', PWD: '/elsewhere', two: '' } });
      await exitOf(tree);
      const names = log()
        .trim()
        .split('\n')
        .map(line => line.split('=')[0]);
      assert.deepEqual(names.sort(), ['ONE', 'PWD', 'SLIPWAY_INSTANCE_KEY', 'two']);
    });

    it('hands on variables whose names no POSIX shell knows', {
      skip: !existsSync('/bin/bash') && 'no bash',
    }, async t => {
      const { launch, log } = await yard(t, variant);
      await exitOf(await launch(['/usr/bin/env'], { env: { 'spring.profiles.active': 'prod', 'x-y': '1' } }));
      assert.match(log(), /^spring\.profiles\.active=prod$/m);
      assert.match(log(), /^x-y=1$/m);
    });

    it('makes it the leader of a session of its own, with the pid that was told', async t => {
      const { launch, announced } = await yard(t, variant);
      const tree = await launch(stay);
      const { pid } = tree.record.identity;
      assert.equal(await announced('ready'), pid);
      const [, , group, session] = readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /, '')
        .split(' ');
      assert.deepEqual([Number(group), Number(session)], [pid, pid]);
    });

    it('creates a log that only its owner and group may read', async t => {
      const { launch, logFile } = await yard(t, variant);
      await exitOf(await launch(['/bin/true']));
      assert.equal(statSync(logFile).mode & 0o777, 0o640);
    });

    it('tells how the main process ended', async t => {
      const { host, launch, order } = await yard(t, variant);
      const failing = await launch(['/bin/sh', '-c', 'exit 3']);
      assert.deepEqual(await exitOf(failing), { code: 3, oomKilled: false });
      assert.deepEqual(await exitOf(failing), { code: 3, oomKilled: false }, 'also to who asks late');
      assert.deepEqual(await failing.kill(5000), []);

      const killed = await host.launch(order(stay));
      const ended = exitOf(killed);
      assert.equal(killed.signal('SIGKILL'), true);
      assert.deepEqual(await ended, { signal: 'SIGKILL', oomKilled: false });
      assert.equal(killed.signal('SIGTERM'), false);
    });

    it('calls no listener that was cancelled', async t => {
      const { launch } = await yard(t, variant);
      const tree = await launch(['/bin/true']);
      const heard: Exit[] = [];
      tree.onExit(exit => heard.push(exit))();
      await exitOf(tree);
      tree.onExit(exit => heard.push(exit))();
      await exitOf(tree);
      assert.deepEqual(heard, []);
    });

    it('tells a program’s own exit from a launch that failed', async t => {
      const { host, launch, home, order } = await yard(t, variant);
      const own = await launch(['/bin/sh', '-c', 'echo "slipway-launch: not really"; echo last; exit 127']);
      assert.deepEqual(await exitOf(own), { code: 127, oomKilled: false });
      await own.kill(5000);

      const elf = join(home, 'broken');
      writeFileSync(elf, Buffer.concat([readFileSync('/bin/true').subarray(0, 4), Buffer.alloc(60)]), { mode: 0o755 });
      const broken = await host.launch(order([elf]));
      const exit = await exitOf(broken);
      assert.equal(exit.code, 126);
      assert.match(exit.failure ?? '', /broken/);
    });

    it('refuses what can’t be started, in words, and leaves no trace', async t => {
      const { host, home, order } = await yard(t, variant);
      const script = (text: string, mode: number) => {
        const path = join(home, `script-${Math.abs(mode)}-${text.length}`);
        writeFileSync(path, text, { mode });
        return path;
      };
      const cases = [
        [order(['/no/such']), /cannot start \/no\/such: there is no such file/],
        [order(['relative']), /expected an absolute path/],
        [order([home]), /it is not a file/],
        [order([script('#!/bin/sh\n', 0o644)]), /not executable.*chmod/],
        [order([script('#!/no/such/interpreter -x\n', 0o755)]), /asks for \/no\/such\/interpreter/],
        [order([script('#!/bin/sh\r\n', 0o755)]), /CR LF/],
        [order(stay, { cwd: '/no/such' }), /cannot start in \/no\/such: there is no such folder/],
        [order(stay, { cwd: '/etc/passwd' }), /it is not a folder/],
        [order(stay, { logFile: '/no/such/log' }), /cannot open the log.*ENOENT/],
        [order(stay, { env: { X: 'hush\0' } }), /variable X: its value has a NUL/],
        [order(stay, { env: { 'X=Y': '' } }), /not a possible name/],
        [order(['/bin/echo', 'a\0b']), /arguments has a NUL/],
        [order(['/bin/echo', 'x'.repeat(8 * MiB)]), /too long/],
      ] as const;
      for (const [refused, message] of cases) {
        await assert.rejects(host.launch(refused), { code: 'SLIP_LAUNCH_FAILED', message });
      }
      assert.deepEqual(await host.traces(), []);
    });

    it('kills what double-forked into a session of its own', { skip: seesMarks }, async t => {
      const { launch, announced, host } = await yard(t, variant);
      const tree = await launch([program('double-fork.sh'), 'stay']);
      const stray = await announced('stray');
      const main = await announced('main');
      assert.deepEqual(await tree.kill(10_000), []);
      assert.ok(isGone(stray) && isGone(main));
      assert.deepEqual(await host.traces(), []);
    });

    it('kills what is left when the main process has ended', { skip: seesMarks }, async t => {
      const { launch, announced } = await yard(t, variant);
      const tree = await launch([program('double-fork.sh'), 'and-exit', '4']);
      assert.deepEqual(await exitOf(tree), { code: 4, oomKilled: false });
      const stray = await announced('stray');
      assert.equal(isGone(stray), false);
      assert.deepEqual(await tree.kill(10_000), []);
      assert.ok(isGone(stray));
    });

    it('kills what ignores every polite signal', async t => {
      const { launch, announced } = await yard(t, variant);
      const tree = await launch([program('ignore-sigterm.sh')]);
      const main = await announced('ready');
      assert.equal(tree.signal('SIGTERM'), true);
      assert.equal(isGone(main), false);
      let exit: Exit | undefined;
      tree.onExit(told => {
        exit = told;
      });
      assert.deepEqual(await tree.kill(10_000), []);
      assert.deepEqual(exit, { signal: 'SIGKILL', oomKilled: false }, 'the exit is told before the kill resolves');
    });

    it('kills what has only just been launched', async t => {
      const { host, order } = await yard(t, variant);
      for (let time = 0; time < 20; time++) {
        const tree = await host.launch(order(stay));
        assert.deepEqual(await tree.kill(10_000), []);
        assert.ok(isGone(tree.record.identity.pid));
      }
      assert.deepEqual(await host.traces(), []);
    });

    it('kills what never stands still', async t => {
      const { launch, announced, host } = await yard(t, variant);
      const tree = await launch([program('fork-relay.sh')]);
      await announced('ready');
      await eventually('a relay under way', async () => ((await tree.usage())?.processes ?? 0) > 1);
      assert.deepEqual(await tree.kill(20_000), []);
      assert.deepEqual(await host.traces(), []);
    });

    it('kills once, however often it is asked', async t => {
      const { launch, host, order } = await yard(t, variant);
      const first = await launch(stay);
      assert.deepEqual(await Promise.all([first.kill(10_000), first.kill(10_000)]), [[], []]);
      const second = await host.launch(order(stay));
      assert.deepEqual(await first.kill(10_000), []);
      assert.equal(await first.usage(), undefined);
      assert.equal(second.signal('SIGCONT'), true, 'the next tree of the key is none of the first one’s business');
    });

    it('has one tree of a key at a time', async t => {
      const { launch, host, order } = await yard(t, variant);
      const tree = await launch(['/bin/true']);
      await exitOf(tree);
      await assert.rejects(host.launch(order(stay)), { code: 'SLIP_LAUNCH_FAILED', message: /not been killed/ });
      await tree.kill(5000);
      const both = await Promise.allSettled([host.launch(order(stay)), host.launch(order(stay))]);
      assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    });

    it('is adopted by the next daemon, which hears of its exit', async t => {
      const { launch, announced, successor } = await yard(t, variant);
      const tree = await launch([program('ignore-sigterm.sh')], { limits: { pids: 50 } });
      const main = await announced('ready');
      const next = await successor();
      const record = JSON.parse(JSON.stringify(tree.record));
      const adopted = await next.adopt(record);
      assert.ok(adopted);
      assert.deepEqual(adopted.enforcement, tree.enforcement);
      await eventually('it and its two children', async () => (await adopted.usage())?.processes === 3);
      assert.equal(adopted.signal('SIGCONT'), true);
      const ended = exitOf(adopted);
      process.kill(main, 'SIGKILL');
      assert.deepEqual(await ended, { oomKilled: false }, 'how, nobody can know who isn’t its parent');
      assert.equal(adopted.signal('SIGTERM'), false);
      assert.deepEqual(await adopted.kill(10_000), []);
      assert.deepEqual(await next.traces(), []);
      assert.equal(await next.adopt(record), undefined);
    });

    it('adopts nothing but that very process', async t => {
      const { launch, successor } = await yard(t, variant);
      const { record } = await launch(stay);
      const next = await successor();
      const { identity } = record;
      assert.equal(
        await next.adopt({ ...record, identity: { ...identity, startTime: identity.startTime - 1 } }),
        undefined,
      );
      assert.equal(await next.adopt({ ...record, identity: { ...identity, bootId: 'another' } }), undefined);
    });

    it('finds and sweeps what no record names', { skip: seesMarks }, async t => {
      const { launch, announced, successor } = await yard(t, variant);
      await launch([program('double-fork.sh'), 'stay'], { key: 'lost.3.r7' });
      const stray = await announced('stray');
      const next = await successor();
      assert.deepEqual(await next.traces(), ['lost.3.r7']);
      assert.deepEqual(await next.sweep('lost.3.r7'), []);
      assert.ok(isGone(stray));
      assert.deepEqual(await next.traces(), []);
      assert.deepEqual(await next.sweep('never.0.r1'), []);
    });

    it('never touches the trees of another home', { skip: seesMarks }, async t => {
      const here = await yard(t, variant);
      const there = await yard(t, variant);
      const tree = await here.launch(stay);
      assert.deepEqual(await there.host.traces(), []);
      assert.deepEqual(await there.host.sweep('svc.0.r1'), []);
      assert.equal(tree.signal('SIGCONT'), true);
    });

    it('refuses keys that would reach outside', async t => {
      const { host, order } = await yard(t, variant);
      for (const key of ['../x', 'a/b', '', '_trial', 'A']) {
        await assert.rejects(host.launch(order(stay, { key })), { code: 'SLIP_INTERNAL' });
        await assert.rejects(host.sweep(key), { code: 'SLIP_INTERNAL' });
      }
    });

    it('measures the whole tree', async t => {
      const { launch, announced } = await yard(t, variant);
      const tree = await launch(['/bin/sh', '-c', `${program('burn-cpu.sh')} & exec sleep 1000`]);
      await announced('ready');
      const usage = await eventually('some CPU time of the child', async () => {
        const seen = await tree.usage();
        return seen && seen.cpuSeconds > 0.2 ? seen : undefined;
      });
      assert.equal(usage.processes, 2);
      assert.ok(usage.memory > 50_000 && usage.memory < 50 * MiB, `${usage.memory} bytes`);
    });

    it('says of each limit what is in force', async t => {
      const { launch } = await yard(t, variant);
      const tree = await launch(stay, { limits: { memory: 64 * MiB, cpu: 0.5, pids: 20 } });
      assert.deepEqual(
        tree.enforcement.map(({ limit }) => limit),
        ['memory', 'cpu', 'pids'],
      );
      for (const { by, why, inForce } of tree.enforcement) {
        if (isCgroup) assert.equal(by, backend, why);
        else assert.deepEqual([by, inForce, why], ['not enforced', undefined, 'the backend `none` was asked for']);
      }
    });

    if (!isCgroup) return;

    it('has the whole tree in its cgroups, and removes them', async t => {
      const { launch, announced } = await yard(t, variant);
      const tree = await launch([program('double-fork.sh'), 'stay']);
      const pids = [await announced('stray'), await announced('main')];
      const { cgroups } = tree.record;
      assert.ok(cgroups.length > 0);
      for (const cgroup of cgroups) {
        const inside = readFileSync(join(cgroup, 'cgroup.procs'), 'latin1').split('\n').map(Number);
        for (const pid of pids) assert.ok(inside.includes(pid), `${pid} in ${cgroup}`);
      }
      await tree.kill(10_000);
      for (const cgroup of cgroups) assert.equal(existsSync(cgroup), false, cgroup);
    });

    it('kills and removes cgroups that a tree made inside its own', async t => {
      const { launch, announced } = await yard(t, variant);
      const tree = await launch(stay);
      const pid = await announced('ready');
      for (const cgroup of tree.record.cgroups) {
        const inner = join(cgroup, 'inner', 'most');
        mkdirSync(inner, { recursive: true });
        writeFileSync(join(inner, 'cgroup.procs'), String(pid));
      }
      assert.deepEqual(await tree.kill(10_000), []);
      assert.ok(isGone(pid));
      for (const cgroup of tree.record.cgroups) assert.equal(existsSync(cgroup), false, cgroup);
    });

    it('refuses a cgroup that somebody is still in', async t => {
      const { launch, announced, successor, order } = await yard(t, variant);
      const tree = await launch(stay);
      // A launch resolves with the pid, which is a moment before the process has entered its cgroup.
      await announced('ready');
      const next = await successor();
      const message = new RegExp(`process ${tree.record.identity.pid} is alive`);
      await assert.rejects(next.launch(order(stay)), { code: 'SLIP_LAUNCH_FAILED', message });
      assert.equal(tree.signal('SIGCONT'), true);
    });

    it('contains a fork storm, and ends it', async t => {
      const { launch, announced } = await yard(t, variant);
      const tree = await launch([program('fork-storm.pl')], { limits: { pids: 24 } });
      await announced('ready');
      const count = () => tree.usage().then(usage => usage?.processes ?? 0);
      await eventually('a storm', async () => (await count()) > 16);
      for (let look = 0; look < 50; look++) assert.ok((await count()) <= 24);
      assert.deepEqual(await tree.kill(20_000), []);
    });

    it('knows when the kernel killed for want of memory', async t => {
      const { launch, announced, successor } = await yard(t, variant);
      const tree = await launch([process.execPath, program('hold-memory.mjs'), '400'], {
        limits: { memory: 96 * MiB },
      });
      const exit = await exitOf(tree);
      const { memoryPeak = 0, ...ending } = exit;
      assert.deepEqual(ending, { signal: 'SIGKILL', oomKilled: true });
      assert.ok(memoryPeak > 60 * MiB && memoryPeak <= 96 * MiB, `${memoryPeak} bytes`);
      await tree.kill(10_000);

      const again = await launch(stay, { limits: { memory: 96 * MiB } });
      await announced('ready');
      const adopted = await (await successor()).adopt(again.record);
      assert.ok(adopted);
      const ended = exitOf(adopted);
      again.signal('SIGKILL');
      assert.equal((await ended).oomKilled, false, 'a kill by anybody else is none, nor is one of an earlier launch');
    });

    it('tells the next daemon of an out-of-memory kill, too', async t => {
      const { launch, home, successor } = await yard(t, variant);
      const wait = `until [ -e go ]; do sleep 0.05; done; exec "$0" "$@"`;
      const hold = [process.execPath, program('hold-memory.mjs'), '400'];
      const tree = await launch(['/bin/sh', '-c', wait, ...hold], { limits: { memory: 96 * MiB } });
      const adopted = await (await successor()).adopt(tree.record);
      assert.ok(adopted);
      const ended = exitOf(adopted);
      writeFileSync(join(home, 'go'), '');
      assert.equal((await ended).oomKilled, true);
    });
  });
}
