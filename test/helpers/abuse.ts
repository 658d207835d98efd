/**
 * What an attack on a router may cost others, and the router itself. Router, instance, attacker and a client that
 * measures are processes of their own.
 *
 * - The client is served at the latency that it had before, as ratios with some slack. What the host alone delays it by
 *   meanwhile is known from what it measures at the instance itself, and not the router's fault.
 * - The worker's memory grows by no more than so much for each connection, and nothing of the attack is left after it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { defaultSettings, type RouterLimits } from '../../src/domain/router-spec.ts';
import { type AttackName, type Latencies, type Measured, nothingYet, type Tally } from '../fixtures/abuse/tally.ts';
import { eventually } from './eventually.ts';
import { anyRoute, portOf, TestRouter } from './router.ts';
import { tlsSpec } from './tls.ts';
import { descriptors, mostDescriptors, rss, Watch } from './vitals.ts';

export interface Attack {
  readonly name: AttackName;
  readonly connections: number;
  /** By TLS. */
  readonly isSecure?: boolean;
  readonly limits?: Partial<RouterLimits>;
  /** Of the worker, that a connection takes: 2 with one to the instance. */
  readonly descriptors: 1 | 2;
  /** Bytes that the worker may need for one of its connections, while it is open. */
  readonly memory: number;
  /** For how long others are looked at from its beginning, in ms. */
  readonly lasting: number;
  /** Whether it does to the router what it is about, besides that it has all its connections: it is waited for. */
  readonly bites?: (tally: Tally) => boolean;
  /** What becomes of it, while it goes on. */
  readonly end?: (siege: Siege) => Promise<void>;
}

export interface Siege {
  readonly attacker: Attacker;
  readonly router: TestRouter;
}

/** What the runtime needs for more work, however many connections there are. */
const runtimeMemory = 32e6;
/** Of what it holds after a collection: counters, code, connections to the instance. */
const heldMemory = 3e6;
/** The share of the time in which it has something to do, and may have to wait for a CPU. */
const patience = 0.2;
/** Attackers are elsewhere in real life: they, and whatever else the host does, are not to take the CPU from others. */
const urgent = -15;
/** Connections to the instance that are kept, the client's own, and what the runtime opens. */
const fewDescriptors = 32;
const routerCommand = [process.execPath, '--expose-gc', '--import', import.meta.resolve('tsx'), pathOf('router')];

export async function withstand(t: TestContext, attack: Attack): Promise<void> {
  // The router leaves a quarter of its descriptors to connections to instances.
  const needed = attack.connections * Math.max(attack.descriptors, 4 / 3) + 1_000;
  if (needed > mostDescriptors()) {
    t.skip(`a process may have ${mostDescriptors()} descriptors here, and ${needed} are needed`);
    return;
  }
  const { router, worker, port, plainPort, instance } = await routerInFront(t, attack);
  const probe = program(t, 'probe', plainPort, instance.port);
  for (const pid of [worker, instance.process.pid, probe.pid]) urge(pid ?? 0);
  await measured(probe, 1_000);
  const held = await heldBy(router, worker);
  const before = { ...(await measured(probe, 2_000)), memory: rss(worker), descriptors: descriptors(worker) };

  const attacker = new Attacker(t, attack, port);
  const watch = new Watch(worker);
  t.after(() => watch.stop());
  const during = await measured(probe, attack.lasting);
  const cpu = watch.cpu(attacker.tally.cpu);
  t.diagnostic(cpu.told);
  t.diagnostic(`ms through the router: ${told(before.routed)}, then ${told(during.routed)}`);
  t.diagnostic(`ms at the instance: ${told(before.direct)}, then ${told(during.direct)}`);
  await attacker.until('the attack to bite', tally => {
    return tally.isUp && tally.opened === attack.connections && attack.bites?.(tally) !== false;
  });
  await attack.end?.({ attacker, router });
  const peak = watch.stop();
  await attacker.kill();

  const grown = peak - before.memory;
  const each = Math.round(grown / attack.connections);
  t.diagnostic(`memory: ${mb(before.memory)} MB, at most ${mb(peak)} MB, ${each} bytes more a connection`);
  assert.deepEqual([...before.failures, ...during.failures], []);
  judge('p50', before, during, 3, 10);
  if (cpu.waited < patience) judge('p99', before, during, 5, 50);
  else t.diagnostic('the host left the router too little CPU for a judgement of the p99');
  assert.ok(grown <= runtimeMemory + attack.connections * attack.memory, `the worker grew by ${mb(grown)} MB`);
  const limit = before.descriptors + fewDescriptors;
  await eventually('the descriptors to be closed', () => descriptors(worker) <= limit, 90_000);
  await eventually('all that was held to be let go of', async () => (await heldBy(router, worker)) < held + heldMemory);
  t.diagnostic(
    `afterwards: ${mb(rss(worker))} MB, of which ${mb((await heldBy(router, worker)) - held)} MB are held more`,
  );
  assert.equal(router.record.worker.pid, worker, 'the worker is the same as before');
}

/** Lets the router end all connections of the attack by itself. */
export async function ended({ attacker }: Siege): Promise<void> {
  await attacker.until('the router to end every connection', ({ isUp, open }) => isUp && open === 0, 60_000);
}

/** Waits until so many requests are at the instance. */
export async function underWay({ router }: Siege, count: number): Promise<void> {
  await eventually(`${count} requests to be under way`, async () => {
    const stats = await router.link.stats();
    return (stats?.services['a']?.inFlight ?? 0) >= count;
  });
}

class Attacker {
  readonly #process: ChildProcess;
  tally = nothingYet();

  constructor(t: TestContext, { name, connections }: Attack, port: number) {
    this.#process = program(t, 'attacker', name, port, connections);
    this.#process.on('message', message => {
      this.tally = message as Tally;
    });
  }

  until(what: string, holds: (tally: Tally) => boolean, limit?: number): Promise<boolean> {
    return eventually(what, () => holds(this.tally), limit).catch(error => {
      throw new Error(`${(error as Error).message}: ${JSON.stringify(this.tally)}`);
    });
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }
}

async function routerInFront(t: TestContext, { isSecure = false, limits }: Attack) {
  const instance = program(t, 'instance');
  const [instancePort] = (await once(instance, 'message')) as [number];
  const router = await TestRouter.create(t, '', routerCommand);
  router.link.publish([anyRoute('a', { id: 'a', port: instancePort })], {
    ...defaultSettings,
    limits: { ...defaultSettings.limits, ...limits },
    tls: tlsSpec('first'),
  });
  await router.link.ensure(['127.0.0.1:0', 'https://127.0.0.1:0']);
  await eventually('the table is confirmed', () => router.link.status().table >= 1);
  const [plainPort, securePort] = router.link.status().listen.map(portOf) as [number, number];
  const worker = router.record.worker.pid;
  const port = isSecure ? securePort : plainPort;
  return { router, worker, port, plainPort, instance: { process: instance, port: instancePort } };
}

/** Where that is allowed. Priorities are of processes in their session, and of sessions: see sched(7), autogroup. */
function urge(pid: number): void {
  try {
    setPriority(pid, urgent);
    writeFileSync(`/proc/${pid}/autogroup`, String(urgent));
  } catch {
    // It has to do with the CPU that it gets.
  }
}

/** Bytes that the worker holds, garbage aside. */
async function heldBy({ home }: TestRouter, worker: number): Promise<number> {
  const file = join(home, 'heap');
  rmSync(file, { force: true });
  process.kill(worker, 'SIGUSR2');
  await eventually('the worker to have collected its garbage', () => existsSync(file));
  return Number(readFileSync(file, 'latin1'));
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(`../fixtures/abuse/${name}.ts`, import.meta.url));
}

function program(t: TestContext, name: string, ...args: readonly (string | number)[]): ChildProcess {
  const child = fork(pathOf(name), args.map(String), {
    execArgv: ['--import', import.meta.resolve('tsx')],
  });
  t.after(() => void child.kill('SIGKILL'));
  return child;
}

async function measured(probe: ChildProcess, duration: number): Promise<Measured> {
  probe.send(duration);
  const [message] = (await once(probe, 'message')) as [Measured];
  return message;
}

function judge(quantile: 'p50' | 'p99', before: Measured, during: Measured, ratio: number, slack: number): void {
  const usual = Math.max(before.routed[quantile], during.direct[quantile]);
  const now = during.routed[quantile];
  assert.ok(now <= ratio * usual + slack, `${quantile} of others is ${now} ms, where ${usual} ms are usual`);
}

function told({ count, p50, p99 }: Latencies): string {
  return `p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)} of ${count}`;
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
