import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { cpuBandwidth } from '../../src/processes/cgroup.ts';
import { ExitWatch } from '../../src/processes/exit-watch.ts';
import { kin } from '../../src/processes/kinship.ts';
import { launcher } from '../../src/processes/launch-line.ts';
import { ownCgroup, parseCgroupMounts } from '../../src/processes/mounts.ts';
import { nothingPrepared } from '../../src/processes/process-limits.ts';
import type { ProcessStat, Vigil } from '../../src/processes/process-table.ts';
import { parseStat } from '../../src/processes/procfs.ts';
import { parsePsLine } from '../../src/processes/ps.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

describe('/proc/PID/stat', () => {
  const line = (name: string, state = 'S', threads = 1) =>
    `42 (${name}) ${state} 1 40 41 0 -1 4194560 100 0 0 0 5 6 0 0 20 0 ${threads} 0 270011 1000 50 18446744073709551615 1 1`;

  it('is read whatever the process is called', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), name => {
        const expected = { pid: 42, parent: 1, group: 40, session: 41, startTime: 270011, zombie: false };
        assert.deepEqual(parseStat(line(name)), expected);
      }),
    );
    assert.equal(parseStat(line(') R 9 9 9'))?.parent, 1);
  });

  it('shows a zombie, but not in a process whose first thread alone has ended', () => {
    assert.equal(parseStat(line('a', 'Z'))?.zombie, true);
    assert.equal(parseStat(line('a', 'X', 0))?.zombie, true);
    assert.equal(parseStat(line('a', 'Z', 3))?.zombie, false);
    assert.equal(parseStat(line('a', 'D'))?.zombie, false);
  });

  it('is no process where it is cut short', () => {
    for (const text of ['', '42', '42 (a)', '42 (a) S 1 2']) assert.equal(parseStat(text), undefined);
  });
});

describe('a line of ps', () => {
  it('is read with its start time', () => {
    const stat = parsePsLine('  501     1   500 Ss   Sat Nov 22 14:05:09 2025    ');
    const startTime = Date.parse('Sat Nov 22 14:05:09 2025') / 1000;
    assert.deepEqual(stat, { pid: 501, parent: 1, group: 500, session: 500, startTime, zombie: false });
    assert.equal(parsePsLine('501 1 500 Z+ Sat Nov 22 14:05:09 2025')?.zombie, true);
  });

  it('is no process where it says something else', () => {
    for (const text of ['', 'PID PPID', '501 1 500 S ??']) assert.equal(parsePsLine(text), undefined);
  });
});

describe('the cgroups of a host', () => {
  it('are found where v1 controllers are mounted, together or not', () => {
    const mounts = parseCgroupMounts(`
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/c\\040group/memory rw,relatime master:1 shared:2 - cgroup cgroup rw,memory
36 31 0:32 / /elsewhere/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`);
    assert.deepEqual(mounts, {
      v1: [
        { path: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
        { path: '/sys/fs/c group/memory', controllers: ['memory'] },
      ],
      v2: { path: '/sys/fs/cgroup/unified', root: '/' },
    });
  });

  it('are none where none are mounted', () => {
    assert.deepEqual(parseCgroupMounts('22 1 254:0 / / rw - ext4 /dev/vda rw\n'), { v1: [] });
  });

  it('tell where this process is in v2', () => {
    const mount = { path: '/sys/fs/cgroup', root: '/' };
    assert.equal(ownCgroup('4:memory:/x\n0::/user.slice/a b\n', mount), '/sys/fs/cgroup/user.slice/a b');
    assert.equal(ownCgroup('0::/\n', mount), '/sys/fs/cgroup');
    assert.equal(ownCgroup('0::/../other\n', mount), undefined);
    assert.equal(ownCgroup('4:memory:/x\n', mount), undefined);
    const inner = { path: '/cg', root: '/docker/1' };
    assert.equal(ownCgroup('0::/docker/1/app\n', inner), '/cg/app');
    assert.equal(ownCgroup('0::/docker/1\n', inner), '/cg');
    assert.equal(ownCgroup('0::/docker/12\n', inner), undefined);
  });
});

describe('kin', () => {
  const pid = fc.integer({ min: 1, max: 30 });
  const table = fc
    .uniqueArray(fc.record({ pid, parent: fc.integer({ min: 0, max: 30 }), session: pid }), {
      selector: row => row.pid,
      maxLength: 30,
    })
    .map(rows => rows.map((row): ProcessStat => ({ ...row, group: row.session, startTime: 0, zombie: false })));
  const outside = 1;

  it('is closed under descent and session, holds the seeds, and nobody from outside', () => {
    fc.assert(
      fc.property(table, fc.array(pid), (all, seeds) => {
        const found = kin(all, process => seeds.includes(process.pid), outside);
        assert.equal(new Set(found).size, found.length);
        const pids = new Set(found.map(process => process.pid));
        const sessions = new Set(found.map(process => process.session));
        for (const process of all) {
          const belongs = seeds.includes(process.pid) || pids.has(process.parent) || sessions.has(process.session);
          assert.equal(found.includes(process), belongs && process.session !== outside);
        }
      }),
    );
  });

  it('is nobody without a seed', () => {
    fc.assert(
      fc.property(table, all =>
        assert.deepEqual(
          kin(all, () => false, outside),
          [],
        ),
      ),
    );
  });
});

describe('CPU bandwidth', () => {
  it('gives the cores asked for, within what the kernel takes', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 512, noNaN: true }), cores => {
        const { quota, period } = cpuBandwidth(cores);
        assert.ok(Number.isInteger(quota) && quota >= 1000);
        assert.ok(Number.isInteger(period) && period >= 1000 && period <= 1_000_000);
        assert.ok(Math.abs(quota / period / cores - 1) < 0.01, `${quota}/${period} for ${cores}`);
      }),
    );
    assert.deepEqual(cpuBandwidth(0.5), { quota: 50_000, period: 100_000 });
  });
});

describe('the launcher’s command line', () => {
  it('keeps what shells set by themselves from the program, unless the order has it', () => {
    const script = (env: Record<string, string>) => launcher([], nothingPrepared, ['/x'], env)[2] ?? '';
    assert.match(script({}), /^unset PWD OLDPWD SHLVL\n/);
    assert.match(script({ PWD: '/a', OLDPWD: '/b', SHLVL: '1' }), /^\nwhile/);
  });

  it('takes any entrance and any argument as they are', () => {
    const [shell, , , ...rest] = launcher(['/c g/tasks'], nothingPrepared, ['/x', '--', '$(y)', ''], { A: '1' });
    assert.equal(shell, '/bin/sh');
    assert.deepEqual(rest, ['slipway-launch', '0', '/c g/tasks', '--', '/x', '--', '$(y)', '']);
  });
});

describe('exit watch', () => {
  class FakeVigil implements Vigil {
    isAlive = true;
    isClosed = false;
    looks = 0;
    alive() {
      this.looks++;
      return this.isAlive;
    }
    close() {
      this.isClosed = true;
    }
  }

  it('has one timer for all, and none for nobody', () => {
    const clock = new ManualClock();
    const watch = new ExitWatch(clock, () => undefined);
    const vigils = [new FakeVigil(), new FakeVigil()] as const;
    const gone: number[] = [];
    assert.equal(clock.pending, 0);
    vigils.forEach((vigil, index) => {
      watch.watch(vigil, () => gone.push(index));
    });
    assert.equal(clock.pending, 1);
    clock.advance(1000);
    assert.deepEqual([gone, clock.pending], [[], 1]);

    vigils[1].isAlive = false;
    clock.advance(250);
    assert.deepEqual([gone, clock.pending, vigils[1].isClosed], [[1], 1, true]);
    vigils[0].isAlive = false;
    watch.look(vigils[0]);
    assert.deepEqual([gone, clock.pending, vigils[0].isClosed], [[1, 0], 0, true]);
    watch.look(vigils[0]);
    assert.deepEqual(gone, [1, 0]);
  });

  it('looks at once where their number changed, and else only now and then', () => {
    const clock = new ManualClock();
    let population = 5;
    const watch = new ExitWatch(clock, () => population);
    const vigil = new FakeVigil();
    let gone = false;
    watch.watch(vigil, () => {
      gone = true;
    });
    clock.advance(250);
    const looks = vigil.looks;
    clock.advance(7 * 250);
    assert.equal(vigil.looks, looks, 'nothing changed');
    clock.advance(250);
    assert.equal(vigil.looks, looks + 1, 'an exit and a fork at once may hide each other');
    population = 4;
    vigil.isAlive = false;
    clock.advance(250);
    assert.ok(gone);
  });

  it('says nothing of what was let go', () => {
    const clock = new ManualClock();
    const watch = new ExitWatch(clock, () => undefined);
    const vigil = new FakeVigil();
    watch.watch(vigil, () => assert.fail('called back'));
    watch.release(vigil);
    vigil.isAlive = false;
    clock.advance(1000);
    assert.deepEqual([clock.pending, vigil.isClosed], [0, true]);
  });
});
