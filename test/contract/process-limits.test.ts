/** What each limit promises, held against every backend that this host has. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Limits } from '../../src/domain/limits-spec.ts';
import type { Enforcement, ProcessTree } from '../../src/processes/contract.ts';
import { eventually, patience } from '../helpers/eventually.ts';
import { exitOf, program, unusable, variants, yard } from '../helpers/process-host.ts';

const stay = ['/bin/sh', '-c', 'echo "ready $$"; exec sleep 1000'];
const MiB = 2 ** 20;

/** Every limit there is, each with a value that this host's root may ask for. */
const all = {
  memory: 64 * MiB,
  memoryHigh: 48 * MiB,
  swap: 16 * MiB,
  cpu: 0.5,
  cpuWeight: 50,
  pids: 20,
  io: { weight: 50, readBytes: 10 * MiB, writeBytes: 10 * MiB, readOps: 1000, writeOps: 1000 },
  openFiles: 64,
  coreDump: 0,
  nice: 5,
  oomScoreAdjust: 500,
} satisfies Required<Limits>;

const names = [
  'memory',
  'memoryHigh',
  'swap',
  'cpu',
  'cpuWeight',
  'pids',
  'io.weight',
  'io.readBytes',
  'io.writeBytes',
  'io.readOps',
  'io.writeOps',
  'openFiles',
  'coreDump',
  'nice',
  'oomScoreAdjust',
];

for (const variant of variants) {
  const { backend, name } = variant;
  const isCgroup = backend !== 'none';

  describe(`limits: ${name}`, { skip: await unusable(variant), timeout: 300_000 * patience }, () => {
    it('are each in force, or said not to be and why', async t => {
      const { launch, announced } = await yard(t, variant);
      const tree = await launch(stay, { limits: all, totalLimits: { memory: 256 * MiB, cpu: 1, pids: 100 } });
      await announced('ready');
      const totals = ['totalLimits.memory', 'totalLimits.cpu', 'totalLimits.pids'];
      assert.deepEqual(tree.enforcement.map(({ limit }) => limit).sort(), [...names, ...totals].sort());
      for (const { limit, by, why, inForce, asked } of tree.enforcement) {
        if (by === 'not enforced') assert.ok(why, `${limit} says why not`);
        else assert.equal(inForce, asked, limit);
      }
      if (isCgroup) {
        const v2 = backend === 'cgroup-v2' ? ['memoryHigh', 'swap'] : [];
        for (const limit of ['memory', 'cpu', 'cpuWeight', 'pids', ...totals, ...v2]) {
          assert.equal(of(tree, limit)?.by, backend, of(tree, limit)?.why);
        }
      }
    });

    it('of processes hold from the first instruction on', async t => {
      const { launch, log } = await yard(t, variant);
      const { openFiles, coreDump, nice, oomScoreAdjust } = all;
      const script = 'ulimit -n; ulimit -c; cut -d" " -f19 /proc/$$/stat; cat /proc/self/oom_score_adj';
      const tree = await launch(['/bin/sh', '-c', script], { limits: { openFiles, coreDump, nice, oomScoreAdjust } });
      assert.equal((await exitOf(tree)).code, 0);
      assert.deepEqual(log().trim().split('\n'), ['64', '0', '5', '500']);
    });

    it('can be changed, and lifted, while a tree runs', async t => {
      const { launch, announced } = await yard(t, variant);
      const tree = await launch(stay, { limits: { memory: 64 * MiB, pids: 20, openFiles: 64, nice: 5 } });
      const pid = await announced('ready');
      await tree.limit({ memory: 96 * MiB, openFiles: 32, nice: 6, oomScoreAdjust: 300 });
      assert.match(readFileSync(`/proc/${pid}/limits`, 'latin1'), /^Max open files +32 +32 /m);
      assert.equal(readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1').trim(), '300');
      assert.equal(readFileSync(`/proc/${pid}/stat`, 'latin1').split(' ')[18], '6');
      assert.deepEqual(
        tree.enforcement.map(({ limit, asked }) => [limit, asked]).sort(),
        [
          ['memory', 96 * MiB],
          ['openFiles', 32],
          ['nice', 6],
          ['oomScoreAdjust', 300],
        ].sort(),
      );
      assert.deepEqual(tree.record.enforcement, tree.enforcement, 'the next daemon knows them, too');
      if (isCgroup) assert.equal(of(tree, 'memory')?.inForce, 96 * MiB);
    });

    it('that can’t be enforced keep a strict order from starting', async t => {
      const { host, order, launch } = await yard(t, variant);
      const impossible: Limits = backend === 'cgroup-v1' ? { io: { weight: 10 } } : { pids: 10 };
      const strict = order(['/bin/sh', '-c', 'echo ran'], { limits: impossible, strict: true });
      if (backend === 'cgroup-v2')
        await exitOf(await launch(stay.with(2, 'true'), { limits: { pids: 10 }, strict: true }));
      else {
        await assert.rejects(host.launch(strict), {
          code: 'SLIP_LIMIT_UNENFORCED',
          message: /can’t enforce (pids|io)/,
        });
        assert.deepEqual(await host.traces(), [], 'nothing is left of the attempt');
      }
    });

    if (!isCgroup) {
      it('on memory can be watched instead', async t => {
        const { launch, announced, successor } = await yard(t, variant);
        const limits = { memory: 96 * MiB };
        const hold = [process.execPath, program('hold-memory.mjs'), '400'];
        const tree = await launch(hold, { limits, memoryWatchdog: true });
        assert.deepEqual(of(tree, 'memory')?.by, 'watchdog');
        const { memoryPeak = 0, ...ending } = await exitOf(tree);
        assert.deepEqual(ending, { signal: 'SIGKILL', oomKilled: true });
        assert.ok(memoryPeak > 96 * MiB, `${memoryPeak} bytes`);
        await tree.kill(10_000);

        const modest = await launch(stay, { limits, memoryWatchdog: true });
        await announced('ready');
        const adopted = await (await successor()).adopt(modest.record);
        assert.equal(adopted && of(adopted, 'memory')?.by, 'watchdog', 'the next daemon watches on');
      });
      return;
    }

    it('on CPU time hold within 5 %', async t => {
      const { launch, announced } = await yard(t, variant);
      const share = 0.3;
      const tree = await launch([program('burn-cpu.sh')], { limits: { cpu: share } });
      await announced('ready');
      const took = await cores(tree, 1);
      assert.ok(took < share * 1.05, `${took} cores`);
      const { throttledSeconds = 0, pressure } = (await tree.usage()) ?? {};
      assert.ok(throttledSeconds > 0, 'being held back is counted');
      if (backend === 'cgroup-v2' && existsSync('/proc/pressure')) assert.ok(pressure, 'and so is what waits');
      await tree.limit({ cpu: share / 2 });
      const less = await cores(tree, 0.6);
      assert.ok(less < (share / 2) * 1.05, `${less} cores after the change`);
    });

    const disk = process.env['SLIPWAY_TEST_DISK'];
    it('on disks hold, and what was read and written is counted', {
      skip: backend !== 'cgroup-v2' ? 'needs cgroup v2' : disk === undefined && 'SLIPWAY_TEST_DISK names no disk',
    }, async t => {
      const { launch } = await yard(t, variant);
      const limits = { io: { readBytes: MiB, writeBytes: 2 * MiB } };
      const dd = `dd if=${disk} of=/dev/null bs=64k iflag=direct & dd if=/dev/zero of=${disk} bs=64k oflag=direct & wait`;
      const tree = await launch(['/bin/sh', '-c', dd], { limits });
      assert.deepEqual(
        tree.enforcement.map(({ by, inForce }) => [by, inForce]),
        [
          [backend, MiB],
          [backend, 2 * MiB],
        ],
      );
      const before = await bytes(tree, 0);
      const after = await bytes(tree, 8 * MiB);
      const took = (after.at - before.at) / 1000;
      for (const [done, limit] of [
        [after.read - before.read, MiB],
        [after.written - before.written, 2 * MiB],
      ] as const) {
        assert.ok(done > 0 && done / took < limit * 1.15, `${done} bytes in ${took} s`);
      }
      await tree.limit({ io: { readBytes: MiB } });
      const group = tree.record.cgroups[0] ?? '';
      assert.match(readFileSync(join(group, 'io.max'), 'latin1'), /rbps=1048576 wbps=max/);
    });

    it('of a service hold for all of its trees together', async t => {
      const { launch, host } = await yard(t, variant);
      const totalLimits = { memory: 160 * MiB, cpu: 0.4 };
      const burn = [program('burn-cpu.sh')];
      const one = await launch(burn, { key: 'svc.0.r1', totalLimits });
      const two = await launch(burn, { key: 'svc.1.r1', totalLimits });
      const [first, second] = await Promise.all([cores(one, 0.4), cores(two, 0.4)]);
      assert.ok(first + second < 0.4 * 1.1, `${first} and ${second} cores`);

      const hold = [process.execPath, program('hold-memory.mjs'), '120'];
      const three = await launch(hold, { key: 'svc.2.r1', totalLimits, limits: { memory: 400 * MiB } });
      const four = await launch(hold, { key: 'svc.3.r1', totalLimits, limits: { memory: 400 * MiB } });
      const ended = await Promise.race([exitOf(three), exitOf(four)]);
      assert.equal(ended.oomKilled, true, 'neither is over its own limit, both together are over that of the service');

      const lifted = host.limitTotal('svc', { memory: 160 * MiB }, totalLimits);
      assert.deepEqual(
        lifted.map(({ limit }) => limit),
        ['totalLimits.memory'],
      );
      const folders = one.record.cgroups.map(group => join(group, '..'));
      const quota = ['cpu.max', 'cpu.cfs_quota_us'].flatMap(file =>
        folders.map(folder => join(folder, file)).filter(existsSync),
      );
      assert.match(readFileSync(quota[0] ?? '', 'latin1'), /^(max|-1)/);
    });
  });
}

function of({ enforcement }: Pick<ProcessTree, 'enforcement'>, name: string): Enforcement | undefined {
  return enforcement.find(({ limit }) => limit === name);
}

/** What it has read and written, as soon as that is so many bytes written. */
function bytes(tree: ProcessTree, least: number) {
  return eventually(`${least} bytes written`, async () => {
    const { readBytes: read = 0, writtenBytes: written = 0 } = (await tree.usage()) ?? {};
    return written >= least ? { at: performance.now(), read, written } : undefined;
  });
}

/** Cores that it uses while it takes so many seconds of CPU time; more of them where one period weighs more. */
async function cores(tree: ProcessTree, cpuSeconds: number): Promise<number> {
  const seconds = cpuSeconds * patience;
  const read = async () => ({ at: performance.now(), cpu: (await tree.usage())?.cpuSeconds ?? 0 });
  const first = await read();
  const last = await eventually(`${seconds} s of CPU time`, async () => {
    const now = await read();
    return now.cpu - first.cpu > seconds ? now : undefined;
  });
  return (last.cpu - first.cpu) / ((last.at - first.at) / 1000);
}
