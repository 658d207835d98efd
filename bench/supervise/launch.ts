/**
 * CPU time of one launch, by level of isolation: of the daemon and of all that comes before the program's first
 * instruction, beside a plain spawn of the same program. The program ends at once.
 *
 *     node --import tsx bench/supervise/launch.ts [LAUNCHES]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/control/clock.ts';
import { Isolation } from '../../src/control/isolation.ts';
import { Users } from '../../src/control/users.ts';
import { defaultIsolation, type IsolationLevel } from '../../src/domain/isolation-spec.ts';
import type { Revision } from '../../src/domain/revision.ts';
import { createProcessHost } from '../../src/processes/host.ts';
import { judge, printTable, type Row } from '../support/report.ts';

const most = 10;
const program = '/bin/true';
const release = 'a'.repeat(64);

const launches = Number(process.argv[2] ?? 100);
const home = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
mkdirSync(join(home, 'releases', release), { recursive: true });
mkdirSync(join(home, 'run'));
const host = await createProcessHost({ home, clock: systemClock });
const isolation = new Isolation(
  home,
  host.isolation,
  new Users({ users: async () => ({}), saveUsers: async () => {} }, home),
);

/** Of this process and of all its children that have ended, in ms. */
function cpu(): number {
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]?.split(' ') ?? [];
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at]), 0) * 10;
}

async function plain(): Promise<void> {
  await once(spawn(program, { stdio: 'ignore', detached: true }), 'exit');
}

async function launch(level: IsolationLevel, round: number): Promise<void> {
  const id = { service: 'svc', index: 0, revision: round };
  const key = `svc.0.r${round}`;
  const revision = {
    release,
    runtime: { name: 'exec', version: '', path: '' },
    launch: { argv: [program], cwd: '/', env: {} },
    spec: { isolation: { ...defaultIsolation, level }, secrets: {} },
  } as unknown as Revision;
  const { sandbox } = await isolation.house({ id, key, revision, place: undefined });
  const tree = await host.launch({
    key,
    argv: [program],
    cwd: '/',
    env: {},
    logFile: join(home, 'log'),
    limits: { memory: 2 ** 28, cpu: 1, pids: 100 },
    totalLimits: {},
    strict: false,
    memoryWatchdog: false,
    ...(sandbox && { sandbox }),
  });
  await new Promise<void>(resolve => tree.onExit(() => resolve()));
  await tree.kill(10_000);
  await isolation.clear(key);
}

const ways: readonly (readonly [string, (round: number) => Promise<void>])[] = [
  ['a plain spawn', plain],
  ['level none', round => launch('none', round)],
  ...(host.isolation.standard === true
    ? [['level standard', (round: number) => launch('standard', round)] as const]
    : []),
  ...(host.isolation.strict === true ? [['level strict', (round: number) => launch('strict', round)] as const] : []),
];

try {
  const spent = new Map(ways.map(([name]) => [name, 0]));
  // In turns, so that whatever else the machine does falls on all of them.
  for (let round = 1; round <= launches; round++) {
    for (const [name, way] of ways) {
      const before = cpu();
      await way(round);
      spent.set(name, (spent.get(name) ?? 0) + cpu() - before);
    }
  }
  const rows: Row[] = [...spent].map(([name, total]) => ({ name, figures: [total / launches] }));
  printTable(['CPU ms'], rows, 2);
  const of = (name: string) => (spent.get(name) ?? Number.NaN) / launches;
  judge([
    {
      what: 'ms of CPU at level standard over a plain spawn',
      figure: of('level standard') - of('a plain spawn'),
      most,
    },
  ]);
} finally {
  host.close();
  rmSync(home, { recursive: true, force: true });
}
