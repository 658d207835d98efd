/**
 * The imperative shell around one instance's state machine. Events go in one at a time; the record is on disk before
 * an effect runs, so that a daemon that dies here is followed by one that knows what was about to happen.
 */
import type { Cancel } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import type { EventOf, InstanceEffect, InstanceEvent } from '../domain/instance/events.ts';
import { type Instance, newInstance } from '../domain/instance/state.ts';
import { step } from '../domain/instance/step.ts';
import { type InstanceId, instanceKey } from '../domain/names.ts';
import { type Place, placeholdersOf } from '../domain/place.ts';
import { expandPlaceholders } from '../domain/placeholders.ts';
import type { Revision } from '../domain/revision.ts';
import type { ProcessTree } from '../processes/contract.ts';
import type { InstanceRecord } from '../state/contract.ts';
import { type CrashPoint, crashPoint } from './crash-points.ts';
import { environmentOf } from './environment.ts';
import type { InstancePolicy, InstanceWorld } from './instance-world.ts';
import type { Level } from './isolation.ts';
import { isFree } from './ports.ts';
import { runtimeChange } from './runtime-words.ts';

/** How long SIGKILL may take to be obeyed; after that the process hangs in the kernel. */
const reapTimeout = 10_000;
const retryAfter = 1_000;

const passedOnEntering: Partial<Record<Instance['state'], CrashPoint>> = {
  ready: 'instance.ready',
  draining: 'instance.draining',
};

export class InstanceActor {
  readonly id: InstanceId;
  readonly key: string;
  readonly revision: Revision;
  readonly #world: InstanceWorld;
  readonly #policy: () => InstancePolicy;
  readonly #onChange: () => void;
  #instance: Instance = newInstance();
  #place: Place | undefined;
  #tree: ProcessTree | undefined;
  #runtimeVersion: string | undefined;
  #env: Readonly<Record<string, string>> = {};
  #readySince: number | undefined;
  #cancelTimer: Cancel = () => {};
  #cancelProbes: Cancel = () => {};
  #cancelExit: Cancel = () => {};
  #drain: AbortController | undefined;
  #disposed = false;

  constructor(
    world: InstanceWorld,
    id: InstanceId,
    revision: Revision,
    policy: () => InstancePolicy,
    onChange: () => void,
  ) {
    this.#world = world;
    this.id = id;
    this.key = instanceKey(id);
    this.revision = revision;
    this.#policy = policy;
    this.#onChange = onChange;
  }

  get instance(): Instance {
    return this.#instance;
  }

  /** Where it listens, or will. */
  get place(): Place | undefined {
    return this.#place;
  }

  get tree(): ProcessTree | undefined {
    return this.#tree;
  }

  /** Of its last launch, where the host has replaced what its revision was accepted with. */
  get runtimeVersion(): string | undefined {
    return this.#runtimeVersion;
  }

  /** What it is given, or will be. */
  get isolation(): Level {
    return this.#world.isolation.levelOf(this.revision.spec.isolation);
  }

  /** Monotonic; while it is ready. */
  get readySince(): number | undefined {
    return this.#readySince;
  }

  send(event: InstanceEvent): void {
    if (this.#disposed) return;
    const { clock, random } = this.#world;
    const before = this.#instance;
    const { restart, stop } = this.#policy();
    const { next, effects } = step(before, event, { restart, stop, now: clock.now(), random: random() });
    if (next === before) return;
    this.#instance = next;
    if (next.state !== 'ready') this.#readySince = undefined;
    else this.#readySince ??= clock.now();
    this.#save();
    if (next.state !== before.state) this.#passed(next.state);
    for (const effect of effects) this.#run(effect);
    this.#onChange();
  }

  /**
   * Goes on from what the last daemon recorded.
   * @returns whether its process was found alive
   */
  async recover(record: InstanceRecord): Promise<boolean> {
    this.#runtimeVersion = record.runtimeVersion;
    if (record.port !== undefined) {
      this.#place = { port: record.port };
      this.#world.ports.claim(record.port);
    } else if (record.socket !== undefined) this.#place = { socket: record.socket };
    const { instance } = record;
    if (instance.state === 'stopped' || instance.state === 'failed') {
      this.#instance = instance;
      return false;
    }
    if (instance.state === 'backoff') {
      this.#instance = instance;
      this.#setTimer((instance.retryAt ?? 0) - this.#world.clock.now(), instance.sequence);
      return false;
    }
    this.#instance = { ...instance, state: 'recovering' };
    const tree = record.tree === undefined ? undefined : await this.#world.host.adopt(record.tree);
    if (tree === undefined) {
      const detail = record.tree ? 'exited while no daemon ran' : 'its daemon died while launching it';
      this.send({ kind: 'lost', detail });
      return false;
    }
    this.#tree = tree;
    // Only an exec probe needs it; a secret file that is gone by now must not cost a running process.
    this.#env = await this.#environment(await this.#world.isolation.environmentOf(this)).catch(
      () => this.revision.launch.env,
    );
    this.send({ kind: 'adopted', as: adoptedState(instance) });
    this.#watchExit(tree);
    // They may have been changed just before the last daemon died.
    await this.applyLimits();
    return true;
  }

  /** Puts the limits that are wanted now in force for what runs. */
  async applyLimits(): Promise<void> {
    const tree = this.#tree;
    if (tree === undefined) return;
    await tree.limit(this.#policy().limits);
    if (this.#tree === tree && !this.#disposed) this.#save();
  }

  /** The daemon lets go of it: no event counts any more, and what runs, runs on. */
  release(): void {
    this.#disposed = true;
    this.#cancelTimer();
    this.#cancelProbes();
    this.#cancelExit();
    this.#drain?.abort();
  }

  /** Forgets an instance that is over: its record goes, its port is free for another. */
  dispose(): void {
    this.release();
    try {
      this.#world.store.removeInstance(this.id);
    } catch (error) {
      // It says that the instance is over; the next daemon reads that and removes it.
      this.#event('record-failed', error instanceof Error ? error.message : String(error));
    }
    crashPoint('instance.removed');
    if (this.#place?.port !== undefined) this.#world.ports.release(this.#place.port);
  }

  #save(): void {
    const record = {
      id: this.id,
      instance: this.#instance,
      port: this.#place?.port,
      ...(this.#place?.socket === undefined ? {} : { socket: this.#place.socket }),
      bootId: this.#world.bootId,
      ...(this.#runtimeVersion !== undefined && { runtimeVersion: this.#runtimeVersion }),
    };
    try {
      this.#world.store.saveInstance(this.#tree ? { ...record, tree: this.#tree.record } : record);
    } catch (error) {
      // A full disk must not stop supervision; the next daemon finds the process by its trace instead.
      this.#event('record-failed', error instanceof Error ? error.message : String(error));
    }
  }

  #passed(state: Instance['state']): void {
    const point = passedOnEntering[state];
    if (point !== undefined) crashPoint(point);
  }

  #run(effect: InstanceEffect): void {
    switch (effect.kind) {
      case 'spawn':
        void this.#spawn(effect.epoch);
        return;
      case 'signal':
        this.#tree?.signal(this.#policy().stop.signal);
        crashPoint('instance.signalled');
        return;
      case 'killTree':
        void this.#kill(this.#instance.epoch);
        return;
      case 'publish':
        this.#world.routing.changed();
        return;
      case 'withdraw':
        this.#drain?.abort();
        this.#world.routing.changedNow();
        return;
      case 'awaitDrain':
        this.#awaitDrain(this.#instance.epoch);
        return;
      case 'probe':
        this.#probe(effect.from, this.#instance.epoch);
        return;
      case 'unprobe':
        this.#cancelProbes();
        return;
      case 'setTimer':
        this.#setTimer(effect.after, effect.sequence);
        return;
      case 'cancelTimer':
        this.#cancelTimer();
        this.#drain?.abort();
        return;
      case 'restarted':
        if (effect.reason !== 'requested') this.#event('restart', effect.detail);
        this.#world.counters.restarted(this.id.service, effect.reason);
        return;
      default:
        effect satisfies never;
    }
  }

  async #spawn(epoch: number): Promise<void> {
    const { host, isolation, logs, sockets } = this.#world;
    try {
      await this.#checkRuntime();
      await this.#takePlace();
      const { sandbox, env } = await isolation.house(this);
      if (sandbox && this.#place?.socket !== undefined) await sockets.give(this.#place.socket, sandbox.user);
      this.#env = await this.#environment(env);
      crashPoint('instance.before-spawn');
      const { limits, totalLimits, strictLimits, memoryWatchdog } = this.#policy();
      const tree = await host.launch({
        key: this.key,
        argv: expandPlaceholders(this.revision.launch.argv, placeholdersOf(this.#place)),
        cwd: this.revision.launch.cwd,
        env: this.#env,
        logFile: logs.file(this.id.service, this.id.index),
        limits,
        totalLimits,
        strict: strictLimits,
        memoryWatchdog,
        ...(sandbox && { sandbox }),
      });
      crashPoint('instance.after-spawn');
      this.#tree = tree;
      this.send({ kind: 'spawned', epoch });
      crashPoint('instance.recorded');
      this.#watchExit(tree);
    } catch (error) {
      if (!(error instanceof SlipwayError)) this.#event('internal-error', String(error));
      const detail = error instanceof Error ? error.message : String(error);
      this.send({ kind: 'spawnFailed', epoch, detail });
    }
  }

  /** Said at each launch: a host that replaces what runs is worth more than one line in a log. */
  async #checkRuntime(): Promise<void> {
    const { runtime } = this.revision;
    const version = await this.#world.runtimes.versionNow(runtime);
    this.#runtimeVersion = version === runtime.version ? undefined : version;
    if (this.#runtimeVersion === undefined) return;
    this.#event('runtime-changed', `${runtimeChange(runtime, version)} at ${runtime.path}`);
  }

  #environment(housing: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    return environmentOf(this.id, this.revision, this.#place, housing);
  }

  /** Its own from the last run, unless a stranger took that one meanwhile. */
  async #takePlace(): Promise<void> {
    const { ports, sockets } = this.#world;
    const { spec } = this.revision;
    if (spec.socket !== false) {
      this.#place = { socket: await sockets.prepare(this.id) };
      return;
    }
    if (spec.port === false) return;
    const port = this.#place?.port;
    if (port !== undefined && !(await isFree(port))) {
      this.#event('port-taken', `port ${port} is taken by another process; another one is used`);
      ports.release(port);
      this.#place = undefined;
    }
    this.#place ??= { port: await ports.allocate() };
  }

  /** The next launch removes what can't be removed now. */
  async #removeSocket(): Promise<void> {
    const path = this.#place?.socket;
    if (path === undefined) return;
    await this.#world.sockets.remove(path).catch(error => {
      this.#event('socket-left', `cannot remove ${path}: ${(error as Error).message}`);
    });
  }

  #watchExit(tree: ProcessTree): void {
    const { epoch } = this.#instance;
    this.#cancelExit();
    this.#cancelExit = tree.onExit(exit => this.send({ kind: 'exited', epoch, exit }));
  }

  async #kill(epoch: number): Promise<void> {
    const survivors = await this.#killAll();
    if (this.#disposed) return;
    if (survivors.length === 0) {
      await this.#world.isolation.clear(this.key).catch(error => this.#event('internal-error', String(error)));
      await this.#removeSocket();
      this.#tree = undefined;
    }
    crashPoint('instance.killed');
    this.send({ kind: 'reaped', epoch, survivors });
  }

  /** What can't be looked for (no descriptor is left, say) is not gone: it is looked for again. */
  async #killAll(): Promise<readonly number[]> {
    for (;;) {
      try {
        return await (this.#tree ? this.#tree.kill(reapTimeout) : this.#world.host.sweep(this.key));
      } catch (error) {
        if (this.#disposed) return [];
        this.#event('internal-error', `cannot end its processes, trying again: ${String(error)}`);
      }
      await new Promise<void>(resolve => this.#world.clock.after(retryAfter, resolve));
    }
  }

  #awaitDrain(epoch: number): void {
    const abort = new AbortController();
    this.#drain = abort;
    this.#world.routing.drained(this.key, abort.signal).then(
      () => this.send({ kind: 'drained', epoch }),
      () => {
        // The drain timeout, or an exit, was faster.
      },
    );
  }

  #probe(from: 'launch' | 'running', epoch: number): void {
    const { prober, counters } = this.#world;
    const { service } = this.id;
    this.#cancelProbes();
    this.#cancelProbes = prober.watch(
      this.revision.spec.probes,
      {
        place: this.#place,
        env: this.#env,
        cwd: this.revision.launch.cwd,
        beside: command => this.#tree?.beside(command) ?? command,
      },
      from,
      {
        onResult: (kind, result) => counters.probed(service, kind, result.passed),
        onPassed: kind => {
          if (kind === 'readiness') this.send({ kind: 'readinessPassed', epoch });
        },
        onFailed: (kind, detail) => this.send({ kind: `${kind}Failed`, epoch, detail }),
      },
    );
  }

  #setTimer(after: number, sequence: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#world.clock.after(Math.max(0, after), () => this.send({ kind: 'timeout', sequence }));
  }

  #event(kind: string, message: string): void {
    const { service, index } = this.id;
    this.#world.audit.record({ kind, service, instance: `${service}/${index}`, message });
  }
}

function adoptedState(instance: Instance): EventOf<'adopted'>['as'] {
  switch (instance.state) {
    case 'ready':
    case 'unready':
    case 'draining':
      return instance.state;
    case 'stopping':
    case 'killing':
      return 'stopping';
    default:
      return 'starting';
  }
}
