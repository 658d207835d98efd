/** Real process hosts and trees for tests; whatever a test leaves running is killed after it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/control/clock.ts';
import { SlipwayError } from '../../src/domain/errors.ts';
import type { Backend, Exit, LaunchOrder, ProcessHost, ProcessTree } from '../../src/processes/contract.ts';
import { createProcessHost } from '../../src/processes/host.ts';
import { eventually } from './eventually.ts';
import { tempDir } from './temp-dir.ts';

/** One way to hold processes, as a contract suite runs through them all. */
export interface Variant {
  readonly name: string;
  readonly backend: Backend;
  readonly procfs: boolean;
}

export const variants: readonly Variant[] = [
  { name: 'cgroup-v2', backend: 'cgroup-v2', procfs: true },
  { name: 'cgroup-v1', backend: 'cgroup-v1', procfs: true },
  { name: 'none', backend: 'none', procfs: true },
  { name: 'none, without /proc', backend: 'none', procfs: false },
];

/** Why the variant can't be tried on this host; `false` if it can. `SLIPWAY_TEST_BACKEND` names the only one, which must work. */
export async function unusable(variant: Variant): Promise<string | false> {
  const only = process.env['SLIPWAY_TEST_BACKEND'];
  if (only !== undefined && only !== variant.backend) return `only ${only} is asked for`;
  try {
    const host = await createProcessHost({ ...variant, home: '/nonexistent/slipway-test', clock: systemClock });
    host.close();
    return false;
  } catch (error) {
    if (!(error instanceof SlipwayError) || only !== undefined) throw error;
    return error.message;
  }
}

export interface Yard {
  readonly host: ProcessHost;
  readonly home: string;
  readonly logFile: string;
  log(): string;
  /** Waits for a line of the log and gives the number at its end: programs announce themselves as `ready PID`. */
  announced(word: string): Promise<number>;
  order(argv: readonly string[], rest?: Partial<LaunchOrder>): LaunchOrder;
  launch(argv: readonly string[], rest?: Partial<LaunchOrder>): Promise<ProcessTree>;
  /** Another host on the same home, as the next daemon would have it. */
  successor(): Promise<ProcessHost>;
}

export async function yard(t: TestContext, variant: Variant): Promise<Yard> {
  const home = await tempDir(t);
  const logFile = join(home, 'out.log');
  const open = () => createProcessHost({ ...variant, home, clock: systemClock });
  const host = await open();
  const keys = new Set<string>();
  const log = () => readFileSync(logFile, 'utf8');
  const order = (argv: readonly string[], rest: Partial<LaunchOrder> = {}): LaunchOrder => ({
    key: 'svc.0.r1',
    argv,
    cwd: home,
    env: { PATH: process.env['PATH'] ?? '', LOG: logFile },
    logFile,
    limits: {},
    totalLimits: {},
    strict: false,
    memoryWatchdog: false,
    ...rest,
  });
  t.after(async () => {
    const sweeper = await open();
    for (const key of [...keys, ...(await sweeper.traces())]) assert.deepEqual(await host.sweep(key), []);
    assert.deepEqual(await sweeper.traces(), []);
    host.close();
    sweeper.close();
  });
  return {
    host,
    home,
    logFile,
    log,
    announced: word =>
      eventually(`"${word}" in the log`, () => {
        const number = new RegExp(`^${word} (\\d+)$`, 'm').exec(log())?.[1];
        return number === undefined ? undefined : Number(number);
      }),
    order,
    launch: async (argv, rest) => {
      const wanted = order(argv, rest);
      keys.add(wanted.key);
      return host.launch(wanted);
    },
    successor: async () => {
      const next = await open();
      t.after(() => next.close());
      return next;
    },
  };
}

export function program(name: string): string {
  return fileURLToPath(new URL(`../fixtures/programs/${name}`, import.meta.url));
}

export function exitOf(tree: ProcessTree): Promise<Exit> {
  return new Promise(resolve => tree.onExit(resolve));
}

/** Neither there nor anything but a zombie. */
export function isGone(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return true;
  }
}
