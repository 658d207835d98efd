/**
 * CPU time of one look at what 500 instances use: all figures of all of them, as `status`, `/metrics` and `top` take it.
 *
 *     node --import tsx bench/supervise/usage.ts [INSTANCES]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/control/clock.ts';
import type { ProcessTree } from '../../src/processes/contract.ts';
import { createProcessHost } from '../../src/processes/host.ts';
import { judge, printTable } from '../support/report.ts';
import { median } from '../support/statistics.ts';

const looks = 40;
/** For those that were stirred to run. */
const rest = 100;
const most = 15;

const instances = Number(process.argv[2] ?? 500);
const home = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
const host = await createProcessHost({ home, clock: systemClock });
const trees: ProcessTree[] = [];
try {
  for (let index = 0; index < instances; index++) {
    trees.push(
      await host.launch({
        key: `svc.${index}.r1`,
        argv: ['/usr/bin/perl', '-e', '$SIG{USR1} = sub {}; sleep 1000 while 1'],
        cwd: '/',
        env: {},
        logFile: join(home, 'log'),
        limits: {},
        totalLimits: {},
        strict: false,
        memoryWatchdog: false,
      }),
    );
  }
  await delay(1000);
  const rows = [];
  for (const [name, stir] of [
    ['idle', () => {}],
    ['all have run since the last look', () => trees.forEach(tree => void tree.signal('SIGUSR1'))],
  ] as const) {
    const figures: number[] = [];
    for (let look = 0; look < looks; look++) {
      stir();
      await delay(rest);
      const before = process.cpuUsage();
      for (const tree of trees) await tree.usage();
      const { user, system } = process.cpuUsage(before);
      figures.push((user + system) / 1000);
    }
    rows.push({ name, figures: [median(figures.slice(looks / 4))] });
  }
  console.log(`${instances} instances, ${host.backend}`);
  printTable(['CPU ms'], rows, 1);
  judge(
    rows.map(({ name, figures: [figure = Number.NaN] }) => ({ what: `ms of CPU for a look, ${name}`, figure, most })),
  );
} finally {
  await Promise.all(trees.map(tree => tree.kill(10_000)));
  host.close();
  rmSync(home, { recursive: true, force: true });
}
