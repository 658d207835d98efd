/**
 * The real fleet, on a machine and in a time that are simulated: whatever users, programs and crashes of the daemon do,
 * in any order, it comes to rest where the records say, never runs two processes of one instance, takes nothing away
 * that must serve, and leaves nothing behind. SIM_SECONDS makes it look for longer; by default it takes a few seconds.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { Audit } from '../../src/control/audit.ts';
import type { Configuration } from '../../src/control/configuration.ts';
import { ControlPlane } from '../../src/control/control.ts';
import type { Deployer } from '../../src/control/deployer.ts';
import { Fleet } from '../../src/control/fleet.ts';
import { Ports } from '../../src/control/ports.ts';
import { Routing } from '../../src/control/routing.ts';
import type { ServiceActor } from '../../src/control/service-actor.ts';
import { Sockets } from '../../src/control/sockets.ts';
import type { Clock } from '../../src/domain/clock.ts';
import { defaultCapacity } from '../../src/domain/limits-spec.ts';
import { instanceKey } from '../../src/domain/names.ts';
import type { Revision } from '../../src/domain/revision.ts';
import { defaultSettings } from '../../src/domain/router-spec.ts';
import { declare, firstRecord, type ServiceRecord } from '../../src/domain/service.ts';
import type { RolloutSpec } from '../../src/domain/spec.ts';
import type { Exit, ProcessHost, ProcessTree, TreeRecord } from '../../src/processes/contract.ts';
import type { RouterLink } from '../../src/router-link/contract.ts';
import type { InstanceRecord, StateStore } from '../../src/state/contract.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { serviceSpec } from '../helpers/specs.ts';

const seconds = Number(process.env['SIM_SECONDS'] ?? 6);
const home = mkdtempSync(join(tmpdir(), 'slipway-sim-'));
after(() => rmSync(home, { recursive: true }));

/** How a release behaves. */
type Program = 'good' | 'crashes' | 'hangs';

interface Process {
  readonly record: TreeRecord;
  readonly service: string;
  readonly program: Program;
  alive: boolean;
  readonly listeners: Set<(exit: Exit) => void>;
}

/** What outlives a daemon: processes, files and time. */
class Machine {
  readonly clock = new ManualClock();
  readonly services = new Map<string, string>();
  readonly instances = new Map<string, string>();
  readonly processes: Process[] = [];
  /** The names of instances that the router sends requests to. */
  routed: ReadonlySet<string> = new Set();
  #pid = 100;

  living(service?: string): Process[] {
    return this.processes.filter(one => one.alive && (service === undefined || one.service === service));
  }

  spawn(key: string, service: string, program: Program): Process {
    assert.ok(!this.living().some(one => one.record.key === key), `two processes of ${key}`);
    this.#pid += 1;
    const identity = { pid: this.#pid, startTime: this.#pid, bootId: 'boot' };
    const record = { key, identity, cgroups: [], oomKills: 0, enforcement: [] };
    const process: Process = { record, service, program, alive: true, listeners: new Set() };
    this.processes.push(process);
    if (program === 'crashes') this.clock.after(30, () => this.end(process, { code: 1, oomKilled: false }));
    return process;
  }

  end(process: Process, exit: Exit): void {
    if (!process.alive) return;
    process.alive = false;
    for (const listener of process.listeners) queueMicrotask(() => listener(exit));
  }
}

/** One life of the daemon. It can die between any two things that it does to the machine. */
class Daemon {
  readonly fleet: Fleet;
  readonly control: ControlPlane;
  dead = false;
  /** Things it may still do. */
  left = Number.POSITIVE_INFINITY;
  readonly #machine: Machine;

  private constructor(machine: Machine, audit: Audit) {
    this.#machine = machine;
    const clock: Clock = {
      now: () => machine.clock.now(),
      wallTime: () => machine.clock.wallTime(),
      after: (delay, run) => machine.clock.after(delay, () => this.dead || run()),
    };
    const link: Pick<RouterLink, 'publish' | 'drained'> = {
      publish: services => {
        if (this.does()) machine.routed = new Set(services.flatMap(one => one.endpoints.map(({ id }) => id)));
      },
      drained: (_id, signal) =>
        new Promise((resolve, reject) => {
          clock.after(20, resolve);
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    };
    const routing = new Routing(link as RouterLink, () => ({
      settings: defaultSettings,
      services: this.fleet.table(),
    }));
    const programs = (env: Readonly<Record<string, string>>) => env['PROGRAM'] as Program;
    this.fleet = new Fleet(
      {
        clock,
        random: () => 0.5,
        bootId: 'boot',
        isolation: {
          house: async () => ({ env: {} }),
          environmentOf: async () => ({}),
          clear: async () => {},
          levelOf: () => ({ level: 'none' }),
        },
        host: this.#host(),
        runtimes: { versionNow: async ({ version }) => version },
        prober: {
          watch: (_probes, { env }, _from, { onPassed }) => {
            const pass = () => programs(env) === 'good' && onPassed('readiness');
            return clock.after(50, pass);
          },
        },
        logs: { file: () => '/dev/null', read: async function* () {}, rotate: async () => {}, remove: async () => {} },
        ports: new Ports({ from: 1, to: 2 }),
        sockets: new Sockets('/nowhere'),
        routing,
        store: this.#store(),
        counters: { restarted: () => {}, probed: () => {} },
        audit,
      },
      () => defaultCapacity,
    );
    routing.release();
    const deployer = {
      holding: (work: () => unknown) => work(),
      ingest: async ({ path }: { path: string }) => ({ digest: path, name: path }),
      find: async (digest: string) => ({ digest, name: digest }),
      prepareAgain: async ({ release, spec }: Revision) => revisionOf(spec.name as Name, release as Program),
      prepare: async ({ digest }: { digest: string }, spec: { name: string }) =>
        revisionOf(spec.name as Name, digest as Program),
    };
    this.control = new ControlPlane({
      fleet: this.fleet,
      deployer: deployer as unknown as Deployer,
      configuration: { close: () => {} } as Configuration,
      router: { stop: async () => {} } as unknown as RouterLink,
      hostFacts: () => Promise.reject(new Error('not here')),
      certificateFacts: async () => [],
      audit,
      clock,
      about: { version: '', home, backend: 'none', adopted: 0, isolation: { standard: '', strict: '' } },
      onDown: () => {},
    });
  }

  static async start(machine: Machine): Promise<Daemon> {
    const daemon = new Daemon(machine, await Audit.open(home, machine.clock, () => {}));
    await settle(daemon.fleet.recover());
    return daemon;
  }

  /** @returns whether it lives to do this */
  does(): boolean {
    this.left -= 1;
    if (this.left < 0) this.dead = true;
    return !this.dead;
  }

  #host(): ProcessHost {
    const machine = this.#machine;
    const never = new Promise<never>(() => {});
    const tree = (process: Process): ProcessTree => ({
      record: process.record,
      enforcement: [],
      onExit: listener => {
        const hear = (exit: Exit) => this.dead || listener(exit);
        process.listeners.add(hear);
        if (!process.alive) queueMicrotask(() => hear({ oomKilled: false }));
        return () => process.listeners.delete(hear);
      },
      signal: () => {
        if (this.does()) machine.clock.after(40, () => machine.end(process, { signal: 'SIGTERM', oomKilled: false }));
        return true;
      },
      kill: async () => {
        if (!this.does()) return never;
        machine.end(process, { signal: 'SIGKILL', oomKilled: false });
        return [];
      },
      usage: async () => undefined,
      limit: async () => [],
      beside: command => command,
    });
    return {
      backend: 'none',
      isolation: { standard: 'a model has none', strict: 'a model has none' },
      limitTotal: () => [],
      launch: async ({ key, env }) => {
        if (!this.does()) return never;
        const process = machine.spawn(key, env['SLIPWAY_SERVICE'] ?? '', env['PROGRAM'] as Program);
        return this.does() ? tree(process) : never;
      },
      adopt: async ({ identity }) => {
        const process = machine.living().find(one => one.record.identity.pid === identity.pid);
        return process && tree(process);
      },
      sweep: async key => {
        if (!this.does()) return never;
        for (const one of machine.living()) if (one.record.key === key) machine.end(one, { oomKilled: false });
        return [];
      },
      traces: async () => machine.living().map(one => one.record.key),
      close: () => {},
    };
  }

  #store(): StateStore {
    const { services, instances } = this.#machine;
    const never = new Promise<never>(() => {});
    const parse = <T>(files: Map<string, string>) => [...files.values()].map(text => JSON.parse(text) as T);
    return {
      services: async () => parse<ServiceRecord>(services),
      saveService: async record => {
        await new Promise(resolve => setImmediate(resolve));
        if (!this.does()) return never;
        services.set(record.name, JSON.stringify(record));
      },
      removeService: async name => {
        await new Promise(resolve => setImmediate(resolve));
        if (!this.does()) return never;
        services.delete(name);
      },
      instances: async () => parse<InstanceRecord>(instances),
      saveInstance: record => {
        if (this.does()) instances.set(instanceKey(record.id), JSON.stringify(record));
      },
      removeInstance: id => {
        if (this.does()) instances.delete(instanceKey(id));
      },
      users: async () => ({}),
      saveUsers: async () => {},
      config: async () => undefined,
      saveConfig: async () => {},
    };
  }
}

const names = ['ledger', 'shop'] as const;
type Name = (typeof names)[number];

let rollout: RolloutSpec;
function specOf(name: Name, program: Program) {
  return serviceSpec({
    name,
    instances: 2,
    port: false,
    env: { PROGRAM: { kind: 'plain', value: program } },
    routes: [{ path: '/', stripPrefix: false }],
    rollout,
    stop: { signal: 'SIGTERM', grace: 1000, drain: 500 },
    restart: {
      policy: 'always',
      backoff: { initial: 100, max: 1000, factor: 2, jitter: 0 },
      stableAfter: 5000,
      giveUpAfter: { restarts: 5, within: 60_000 },
    },
    dependsOn: name === 'shop' ? ['ledger'] : [],
    keepRevisions: 3,
  });
}

function revisionOf(name: Name, program: Program): Revision {
  const launch = { argv: ['/bin/true'], cwd: '/', env: {} };
  const runtime = { name: 'exec', version: '', path: '/bin/true' };
  const spec = specOf(name, program);
  return { number: 1, release: program, packageName: program, spec, runtime, launch, createdAt: 0, cause: '' };
}

type Step =
  | { readonly kind: 'deploy'; readonly name: Name; readonly program: Program }
  | { readonly kind: 'start' | 'stop' | 'restart'; readonly name: Name; readonly index: number | undefined }
  | { readonly kind: 'scale'; readonly name: Name; readonly instances: number }
  | { readonly kind: 'rollback' | 'remove' | 'declare'; readonly name: Name }
  | { readonly kind: 'wait'; readonly span: number }
  | { readonly kind: 'crash'; readonly at: number }
  | { readonly kind: 'die'; readonly after: number };

const name = fc.constantFrom(...names);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('deploy' as const),
    name,
    program: fc.constantFrom<Program>('good', 'good', 'crashes', 'hangs'),
  }),
  fc.record({
    kind: fc.constantFrom('start' as const, 'stop' as const, 'restart' as const),
    name,
    index: fc.constantFrom(undefined, 0, 1, 2),
  }),
  fc.record({ kind: fc.constant('scale' as const), name, instances: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ kind: fc.constantFrom('rollback' as const, 'remove' as const, 'declare' as const), name }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), span: fc.integer({ min: 1, max: 3000 }) }) },
  fc.record({ kind: fc.constant('crash' as const), at: fc.nat(9) }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('die' as const), after: fc.nat(12) }) },
);

/** Lets everything run that does not wait for time to pass. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 6; turn += 1) await new Promise(resolve => setImmediate(resolve));
}

/** A promise of a daemon that dies never settles. */
async function settle(promise: Promise<unknown>): Promise<void> {
  promise.catch(error => {
    if ((error as { code?: unknown }).code === undefined) throw error;
  });
  await quiet();
}

class World {
  readonly machine = new Machine();
  daemon!: Daemon;

  async run(steps: readonly Step[], checkFloor: boolean): Promise<void> {
    this.daemon = await Daemon.start(this.machine);
    for (const one of names) await settle(this.daemon.fleet.add(firstRecord(revisionOf(one, 'good'))));
    await this.pass(2000);
    for (const one of steps) {
      await this.#do(one);
      await this.#revive();
      if (checkFloor) await this.#requireFloor();
    }
    await this.#comeToRest();
  }

  async pass(span: number, checkFloor = false): Promise<void> {
    for (let left = span; left > 0; left -= 25) {
      this.machine.clock.advance(Math.min(25, left));
      await quiet();
      await this.#revive();
      if (checkFloor) await this.#requireFloor();
    }
  }

  async #revive(): Promise<void> {
    if (this.daemon.dead) this.daemon = await Daemon.start(this.machine);
  }

  async #requireFloor(): Promise<void> {
    for (const one of names) {
      const serving = this.machine.living(one).filter(({ program }) => program === 'good');
      const floor = 2 - rollout.maxUnavailable;
      assert.ok(serving.length >= floor, `${serving.length} of ${one} are left, and ${floor} must serve`);
    }
  }

  async #do(one: Step): Promise<void> {
    const { machine, daemon } = this;
    const { control, fleet } = daemon;
    switch (one.kind) {
      case 'deploy':
        return settle(control.deploy(one.name, { source: { kind: 'path', path: one.program } }, 'sim'));
      case 'start':
      case 'stop':
      case 'restart':
        return settle(control[one.kind](one.name, one.index, 'sim'));
      case 'scale':
        return settle(control.scale(one.name, one.instances, 'sim'));
      case 'rollback':
        return settle(control.rollback(one.name, undefined, 'sim'));
      case 'remove': {
        const service = fleet.find(one.name);
        if (service) await settle(service.change(record => ({ ...record, removing: true, restarting: [] })));
        return;
      }
      case 'declare': {
        const service = fleet.find(one.name);
        if (service) await settle(service.change(record => declare(record, specOf(one.name, 'good'), 'good')));
        else await settle(fleet.add(firstRecord(revisionOf(one.name, 'good'))));
        return;
      }
      case 'wait':
        return this.pass(one.span, false);
      case 'crash': {
        const living = machine.living();
        const victim = living[one.at % Math.max(1, living.length)];
        if (victim) machine.end(victim, { code: 1, oomKilled: false });
        return quiet();
      }
      case 'die':
        daemon.left = one.after;
        if (one.after === 0) daemon.dead = true;
        return;
    }
  }

  async #comeToRest(): Promise<void> {
    const { machine } = this;
    this.daemon.left = Number.POSITIVE_INFINITY;
    const rests = () => this.daemon.fleet.isSettled || this.daemon.fleet.services.some(hangs);
    for (let waited = 0; waited < 400 && !rests(); waited += 1) await this.pass(1000);
    const { fleet } = this.daemon;
    const states = fleet.services.map(({ record, actors }) => ({
      record: {
        ...record,
        revisions: record.revisions.map(revision => `${revision.number} ${revision.release}`),
        declared: '',
      },
      instances: actors.map(actor => `${actor.key} ${actor.instance.state} ${actor.instance.detail ?? ''}`),
    }));
    const seen = JSON.stringify(states, undefined, 1);
    assert.ok(rests(), `never comes to rest: ${seen}`);
    if (this.daemon.fleet.isSettled) this.#requireConverged(seen);
    const down = this.daemon.control.down({ hurry: false }, 'sim');
    let isDown = false;
    void down.then(() => {
      isDown = true;
    });
    for (let waited = 0; waited < 20 && !isDown; waited += 1) await this.pass(1000);
    assert.ok(isDown, `can't be stopped: ${seen}`);
    assert.deepEqual(machine.living(), [], 'nothing is left');
    assert.equal(machine.instances.size, 0, 'no record of an instance is left');
  }

  #requireConverged(seen: string): void {
    const { machine } = this;
    const { fleet } = this.daemon;
    for (const { record, actors } of fleet.services) {
      const current = record.revisions.find(({ number }) => number === record.current);
      const wanted = record.desired === 'up' ? record.instances - record.stopped.length : 0;
      const isGood = current?.release === 'good';
      // `shop` waits for `ledger`, which may have none; what it runs already goes on.
      const isHeld = record.name === 'shop' && !fleet.find('ledger')?.isReady;
      const ready = actors.filter(({ instance }) => instance.state === 'ready').length;
      if (isGood && !isHeld) assert.equal(ready, wanted, seen);
      const living = machine.living(record.name);
      assert.ok(living.length <= wanted, seen);
      assert.deepEqual(
        new Set(living.map(({ record: { key } }) => key)),
        new Set(actors.filter(({ tree }) => tree !== undefined).map(({ key }) => key)),
        seen,
      );
      assert.equal(machine.services.get(record.name), JSON.stringify(record), 'what is on disk is what is in force');
    }
    assert.equal(machine.services.size, fleet.services.length, `as many state files as services: ${seen}`);
  }
}

/** What was put in force while nothing ran, so that nothing could tell that it never becomes ready. */
function hangs({ record }: ServiceActor): boolean {
  const current = record.revisions.find(({ number }) => number === record.current);
  return record.rollout?.state !== 'rolling' && current?.release === 'hangs';
}

const rollouts = fc.constantFrom<RolloutSpec>(
  { maxSurge: 1, maxUnavailable: 0, minReady: 0, timeout: 3000 },
  { maxSurge: 0, maxUnavailable: 1, minReady: 100, timeout: 3000 },
  { maxSurge: 2, maxUnavailable: 1, minReady: 0, timeout: 3000 },
);
const limits = {
  numRuns: Number.POSITIVE_INFINITY,
  interruptAfterTimeLimit: seconds * 500,
  endOnFailure: seconds < 20,
};

describe('the control plane, whatever happens', () => {
  it('comes to rest where the records say, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(rollouts, fc.array(step, { minLength: 1, maxLength: 25 }), async (spec, steps) => {
        rollout = spec;
        await new World().run(steps, false);
      }),
      limits,
    );
  });

  it('takes nothing away by deploys, rollbacks and deaths of its own that must serve', async () => {
    const harmless = step.filter(one => ['deploy', 'rollback', 'wait', 'die'].includes(one.kind));
    await fc.assert(
      fc.asyncProperty(rollouts, fc.array(harmless, { minLength: 1, maxLength: 15 }), async (spec, steps) => {
        rollout = spec;
        await new World().run(steps, true);
      }),
      limits,
    );
  });
});
