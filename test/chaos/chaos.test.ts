/** Under load nothing fails but what was in flight on what was killed: `npm run chaos -- --seconds 30 --seed 1`. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { routerFiles } from '../../src/router-link/files.ts';
import { TestHost } from '../helpers/daemon.ts';
import { deadPort } from '../helpers/forwarder.ts';
import { seeded } from '../helpers/seeded.ts';
import { Chaos, upgradeGrace } from './chaos.ts';
import { explain, repeated } from './explain.ts';
import {
  type Arrival,
  eventKinds,
  type Failure,
  type Happening,
  type Load,
  requestKinds,
  type Witnesses,
} from './history.ts';

const seconds = Number(process.env['CHAOS_SECONDS'] ?? 20);
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
const services = ['alpha', 'beta'];
const program = fileURLToPath(new URL('../fixtures/chaos/load.ts', import.meta.url));

async function startLoad(t: TestContext, ports: readonly number[]) {
  const child = fork(program, [...ports.map(String), ...services], {
    execArgv: ['--import', import.meta.resolve('tsx')],
  });
  t.after(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  return async (): Promise<Load> => {
    child.send('stop');
    const [load] = await once(child, 'message');
    return load as Load;
  };
}

function witnesses(home: string): Witnesses {
  const arrivals = new Map<string, Arrival[]>();
  for (const service of services) {
    const folder = join(home, 'logs', service);
    for (const name of readdirSync(folder)) {
      for (const [, id = '', pid, nth] of readFileSync(join(folder, name), 'latin1').matchAll(
        /request (\S+) (\d+) (\d+)/g,
      )) {
        arrivals.set(id, [...(arrivals.get(id) ?? []), { pid: Number(pid), nth: Number(nth) }]);
      }
    }
  }
  const blamed = new Map<string, string[]>();
  for (const line of readFileSync(routerFiles(home).log, 'latin1').split('\n')) {
    const [, endpoint = ''] = /"endpoint":"([^"]*)"/.exec(line) ?? [];
    const [, id] = /"requestId":"([^"]*)"/.exec(line) ?? [];
    if (id) blamed.set(id, [...(blamed.get(id) ?? []), endpoint]);
  }
  return { arrivals, blamed };
}

/** All that was done around a failure, from its own point in time. */
function story(failure: Failure, happenings: readonly Happening[], { arrivals, blamed }: Witnesses): string {
  const at = (time: number | undefined) => (time === undefined ? 'now' : `${(time - failure.failedAt).toFixed(0)} ms`);
  const around = happenings.filter(
    ({ startedAt, endedAt = Infinity }) => startedAt < failure.failedAt + 1_000 && endedAt > failure.startedAt - 3_000,
  );
  return [
    `${JSON.stringify(failure)}, begun at ${at(failure.startedAt)}`,
    `  came to ${JSON.stringify(arrivals.get(failure.id) ?? [])}, the router blames ${JSON.stringify(blamed.get(failure.id) ?? [])}`,
    ...around.map(({ kind, what, startedAt, endedAt }) => `  ${at(startedAt)} … ${at(endedAt)}: ${kind} ${what}`),
  ].join('\n');
}

function table(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): readonly string[] {
  return [heads, ...rows].map(([first, ...rest]) =>
    [String(first).padEnd(20), ...rest.map(cell => String(cell).padStart(18))].join(''),
  );
}

test(`chaos, seed ${seed}`, async t => {
  const host = await TestHost.create(t);
  const securePort = await deadPort();
  const chaos = new Chaos(host, services, [securePort, await deadPort()], seeded(seed));
  await chaos.start();
  const stop = await startLoad(t, [host.routerPort, securePort]);
  try {
    await chaos.during(seconds * 500, false);
    await chaos.during(seconds * 500, true);
  } catch (error) {
    for (const { kind, what, startedAt, endedAt } of chaos.happenings) {
      t.diagnostic(`${startedAt.toFixed(0)} … ${endedAt?.toFixed(0)}: ${kind} ${what}`);
    }
    throw error;
  }
  const { served, failures } = await stop();

  const { happenings } = chaos;
  const seen = witnesses(host.home);
  const explained = failures.map(failure => ({
    failure,
    cause: explain(failure, happenings, seen, upgradeGrace)?.kind ?? 'unexplained',
  }));
  const causes = [...new Set(explained.map(({ cause }) => cause))].sort();
  const counted = (kind: string, why: string) =>
    explained.filter(({ failure, cause }) => failure.kind === kind && cause === why).length;
  const byKind = requestKinds.map(kind => [kind, served[kind], ...causes.map(cause => counted(kind, cause))]);
  for (const line of table(['request', 'served', ...causes], byKind)) t.diagnostic(line);
  const times = eventKinds.map(kind => [kind, happenings.filter(one => one.kind === kind).length]);
  for (const line of table(['event', 'times'], times)) t.diagnostic(line);

  assert.ok(
    requestKinds.every(kind => served[kind] > 0),
    'there was load of every kind',
  );
  assert.ok(seen.arrivals.size > 0, 'instances wrote down what came');
  assert.deepEqual(
    repeated(seen, id => id.startsWith('POST')),
    [],
    'no POST was given to an instance twice, and nothing else more than twice',
  );
  const unexplained = explained.filter(({ cause }) => cause === 'unexplained');
  assert.equal(unexplained.length, 0, unexplained.map(({ failure }) => story(failure, happenings, seen)).join('\n'));
});
