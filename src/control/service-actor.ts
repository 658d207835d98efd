/**
 * One service: its record, its instances, and the loop that brings the second to the first.
 *
 * - A change is durable before it has an effect, and changes of one service happen one after the other.
 * - `reconcile` is level-triggered: it may be called at any time, any number of times.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Cancel, Milliseconds } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import { type InstanceId, instanceKey, instanceLabel } from '../domain/names.ts';
import type { Place } from '../domain/place.ts';
import { type Action, type Plan, plan } from '../domain/plan.ts';
import { judgeRollout, type RolloutProgress } from '../domain/rollout.ts';
import { concludeRollout, isRolling, revert, revision, type ServiceRecord, targetRevision } from '../domain/service.ts';
import type { ServiceSpec } from '../domain/spec.ts';
import type { EndpointAddress, RoutedService } from '../router-link/protocol.ts';
import type { InstanceRecord } from '../state/contract.ts';
import { crashPoint } from './crash-points.ts';
import { InstanceActor } from './instance-actor.ts';
import type { InstanceWorld } from './instance-world.ts';

/** What a service needs to know of the others. */
export interface Neighbours {
  isReady(service: string): boolean;
  isSettled(service: string): boolean;
  /** Why one more instance of the service doesn't fit on the host now. */
  whyNoRoom(service: ServiceActor): string | undefined;
  /** Something here changed that others may wait for. */
  changed(service: ServiceActor): void;
}

export class ServiceActor {
  readonly #world: InstanceWorld;
  readonly #neighbours: Neighbours;
  readonly #actors = new Map<string, InstanceActor>();
  #record: ServiceRecord;
  #plan: Plan | undefined;
  #changes: Promise<unknown> = Promise.resolve();
  #scheduled = false;
  #busy = false;
  #leaving: 'gently' | 'hurry' | undefined;
  #cancelAgain: Cancel = () => {};
  #progress: RolloutProgress | undefined;
  /** The index that was restarted last, until that is ticked off. */
  #restarted: number | undefined;
  /** Nothing is done with it any more: it was removed, or its daemon ends. */
  #over = false;
  /** Why an instance that is wanted is not started. */
  #waits: string | undefined;

  constructor(world: InstanceWorld, record: ServiceRecord, neighbours: Neighbours) {
    this.#world = world;
    this.#record = record;
    this.#neighbours = neighbours;
  }

  get record(): ServiceRecord {
    return this.#record;
  }

  get name(): string {
    return this.#record.name;
  }

  /** Why an instance that is wanted waits for room on the host. */
  get waits(): string | undefined {
    return this.#waits;
  }

  /** By index, newest revision last. */
  get actors(): readonly InstanceActor[] {
    return [...this.#actors.values()].sort((a, b) => a.id.index - b.id.index || a.id.revision - b.id.revision);
  }

  /** No instance of it is left, not even a record of one. */
  get isEmpty(): boolean {
    return this.#actors.size === 0;
  }

  get isReady(): boolean {
    return this.actors.some(actor => actor.instance.state === 'ready' || actor.instance.completed);
  }

  /** Nothing is under way: all that is wanted is ready, stopped or given up. */
  get isSettled(): boolean {
    const { record } = this;
    if (this.#plan === undefined || this.#busy || isRolling(record) || record.removing) return false;
    if (record.restarting.length > 0 || this.#plan.actions.length > 0) return false;
    if (this.#isHeld && this.#actors.size === 0) return this.#waitsInVain();
    return this.#plan.converged || this.actors.every(actor => settled.has(actor.instance.state));
  }

  /**
   * Takes over an instance of the last daemon.
   * @returns whether it was found alive; `undefined` where its revision is not known
   */
  async recover(found: InstanceRecord): Promise<boolean | undefined> {
    return this.#actorFor(found.id)?.recover(found);
  }

  /** Durable once resolved; the effects follow. @throws SlipwayError SLIP_SERVICE_UNKNOWN, where it was removed */
  change(next: (record: ServiceRecord) => ServiceRecord): Promise<ServiceRecord> {
    return this.#next(async () => {
      if (this.#over) {
        throw new SlipwayError('SLIP_SERVICE_UNKNOWN', `cannot change ${this.name}: it was removed meanwhile`);
      }
      const record = next(this.#record);
      if (record === this.#record) return record;
      await this.#world.store.saveService(record);
      const before = this.#record;
      this.#record = record;
      this.#world.routing.changed();
      await this.#applyLimits(before.declared);
      this.reconcile();
      return record;
    });
  }

  /**
   * Removes its state once it is to vanish and nothing of it is left. In its turn among the changes, so that one that
   * was made meanwhile is not lost.
   * @returns whether it is gone
   */
  retire(): Promise<boolean> {
    return this.#next(async () => {
      if (this.#over || !this.#record.removing || !this.isEmpty) return false;
      await this.#world.store.removeService(this.name);
      this.release();
      return true;
    });
  }

  /** The daemon lets go of it: what runs, runs on. */
  release(): void {
    this.#over = true;
    this.#cancelAgain();
    for (const actor of this.#actors.values()) actor.release();
  }

  /** What runs is limited anew without a restart. */
  async #applyLimits(before: ServiceSpec): Promise<void> {
    const { limits, totalLimits } = this.#record.declared;
    const totalsChanged = !isDeepStrictEqual(totalLimits, before.totalLimits);
    const limitTotal = () => this.#world.host.limitTotal(this.name, totalLimits, before.totalLimits);
    // What is below may not have more than what is above, neither before nor after: one of the two orders does it.
    const isRefused = totalsChanged && limitTotal().some(({ by }) => by === 'not enforced');
    if (!isDeepStrictEqual(limits, before.limits) || totalsChanged) {
      await Promise.all(this.actors.map(actor => actor.applyLimits()));
    }
    if (isRefused) limitTotal();
  }

  /** Also what gave up, or waits for its next try, starts at once. */
  startStuck(index: number | undefined): void {
    for (const actor of this.#of(index)) {
      if (stuck.has(actor.instance.state) || actor.instance.completed) actor.send({ kind: 'start' });
    }
  }

  /** At once, but for those whose turn comes. */
  restartOthers(index: number | undefined, queued: readonly number[]): void {
    for (const actor of this.#of(index)) {
      if (!queued.includes(actor.id.index)) actor.send({ kind: 'restart' });
    }
  }

  /** Stops all instances without a change of what is desired: the daemon itself goes. */
  leave(how: 'gently' | 'hurry'): void {
    this.#leaving = how;
    this.reconcile();
  }

  routed(): RoutedService {
    const { declared } = this.#record;
    const endpoints = this.actors.flatMap(actor =>
      actor.instance.state === 'ready' && actor.place !== undefined
        ? [{ id: actor.key, index: actor.id.index, ...endpointAt(actor.place) }]
        : [],
    );
    return { name: this.name, routes: declared.routes, traffic: declared.traffic, tcp: declared.tcp, endpoints };
  }

  /** Soon, and once for all that happens until then. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.reconcile();
    });
  }

  reconcile(): void {
    if (this.#over) return;
    const record = this.#record;
    const target = targetRevision(record);
    this.#cancelAgain();
    const up = record.desired === 'up' && !record.removing && this.#leaving === undefined;
    const rollout = record.declared.rollout;
    this.#plan = plan(
      {
        up,
        wanted: record.removing ? 0 : record.instances,
        target,
        stopped: new Set(record.stopped),
        rollout,
        held: this.#isHeld,
      },
      this.actors.map(observe),
      this.#world.clock.now(),
    );
    this.#waits = undefined;
    for (const action of this.#plan.actions) this.#act(action);
    if (this.#leaving === 'hurry') this.#hurry();
    if (this.#leaving !== undefined) this.#forgetOver();
    if (this.#plan.again !== undefined) this.#wakeAt(this.#plan.again);
    if (isRolling(record)) this.#followRollout(record, this.#plan);
    else this.#restartNext(record);
    this.#neighbours.changed(this);
  }

  get #isHeld(): boolean {
    return !this.#record.declared.dependsOn.every(name => this.#neighbours.isReady(name));
  }

  /** What it is held for has itself given up, or was stopped. */
  #waitsInVain(): boolean {
    const { isReady, isSettled } = this.#neighbours;
    return this.#record.declared.dependsOn.some(name => !isReady(name) && isSettled(name));
  }

  #act(action: Action): void {
    if (action.kind === 'create' || action.kind === 'start') {
      this.#waits = this.#neighbours.whyNoRoom(this);
      if (this.#waits !== undefined) return;
    }
    const id: InstanceId = { service: this.name, index: action.index, revision: action.revision };
    const actor = action.kind === 'create' ? this.#actorFor(id) : this.#actors.get(instanceKey(id));
    switch (action.kind) {
      case 'create':
      case 'start':
        actor?.send({ kind: 'start' });
        return;
      case 'stop':
        actor?.send({ kind: 'stop', hurry: this.#leaving === 'hurry' });
        return;
      case 'remove':
        actor?.dispose();
        this.#actors.delete(instanceKey(id));
        this.schedule();
        return;
      default:
        action satisfies never;
    }
  }

  #actorFor(id: InstanceId): InstanceActor | undefined {
    const of = revision(this.#record, id.revision);
    if (of === undefined) return undefined;
    const actor = new InstanceActor(
      this.#world,
      id,
      of,
      () => this.#record.declared,
      () => this.schedule(),
    );
    this.#actors.set(actor.key, actor);
    return actor;
  }

  #of(index: number | undefined): readonly InstanceActor[] {
    const target = targetRevision(this.#record);
    return this.actors.filter(one => one.id.revision === target && (index === undefined || one.id.index === index));
  }

  /** Also what began to stop gently, or was launching when the hurry began. */
  #hurry(): void {
    for (const actor of this.actors) {
      const { state } = actor.instance;
      if (state === 'draining' || state === 'stopping') actor.send({ kind: 'stop', hurry: true });
    }
  }

  #forgetOver(): void {
    for (const actor of this.actors) {
      if (actor.instance.state !== 'stopped' && actor.instance.state !== 'failed') continue;
      actor.dispose();
      this.#actors.delete(actor.key);
    }
  }

  #wakeAt(at: number): void {
    this.#cancelAgain = this.#world.clock.after(Math.max(1, at - this.#world.clock.now()), () => this.reconcile());
  }

  #followRollout(record: ServiceRecord, current: Plan): void {
    if (this.#busy || this.#leaving !== undefined) return;
    const isReverting = record.rollout?.state === 'reverting';
    if (current.converged || record.instances === 0 || (isReverting && this.#isAllThatCanBe(current))) {
      this.#conclude('rollout.concluded', isReverting ? 'reverted' : 'succeeded', concludeRollout);
      return;
    }
    if (record.rollout?.state !== 'rolling') return;
    const failure = this.#rolloutFailure(
      record.rollout.to,
      current.available ? undefined : record.declared.rollout.timeout,
    );
    if (failure !== undefined) this.#conclude('rollout.reverting', failure, one => revert(one, failure));
  }

  /** The old revision may be no better by now. Then nothing is left to be done, and nothing to wait for. */
  #isAllThatCanBe(current: Plan): boolean {
    const { current: back } = this.#record;
    const actors = this.actors;
    return (
      current.actions.length === 0 &&
      (actors.every(actor => actor.id.revision === back) || actors.every(actor => settled.has(actor.instance.state)))
    );
  }

  /** Why the rollout is to be reverted, if it is. */
  #rolloutFailure(to: number, timeout: number | undefined): string | undefined {
    const fresh = this.actors
      .filter(actor => actor.id.revision === to)
      .map(({ id, instance }) => ({ label: instanceLabel(id), instance }));
    const verdict = judgeRollout(to, fresh, this.#progress, timeout, this.#world.clock.now());
    if (verdict.kind === 'failed') return verdict.reason;
    this.#progress = verdict.progress;
    const { deadline } = verdict;
    if (deadline !== undefined) this.#wakeAt(Math.min(deadline, this.#plan?.again ?? deadline));
    return undefined;
  }

  #conclude(
    point: 'rollout.concluded' | 'rollout.reverting',
    message: string,
    next: (record: ServiceRecord) => ServiceRecord,
  ): void {
    const { rollout } = this.#record;
    let isMine = false;
    const done = this.change(one => {
      isMine = one.rollout === rollout;
      return isMine ? next(one) : one;
    }).then(() => {
      if (!isMine) return;
      crashPoint(point);
      const which = `rollout from revision ${rollout?.from} to ${rollout?.to}`;
      this.#world.audit.record({ kind: point, service: this.name, message: `${which}: ${message}` });
    });
    this.#inBackground(done);
  }

  /** One after the other: the next only when all that is wanted is ready again. */
  #restartNext(record: ServiceRecord): void {
    const [index, ...rest] = record.restarting;
    if (index === undefined || this.#busy || this.#leaving !== undefined) return;
    const waits = this.actors.some(actor => !settled.has(actor.instance.state));
    if (waits) return;
    // Asked for before it is ticked off: a crash between the two restarts it once more, never not at all.
    if (this.#restarted !== index) for (const actor of this.#of(index)) actor.send({ kind: 'restart' });
    this.#restarted = index;
    const done = this.change(one => (one.restarting[0] === index ? { ...one, restarting: rest } : one));
    this.#inBackground(
      done.then(() => {
        this.#restarted = undefined;
      }),
    );
  }

  /** Nothing else is begun until it is done. What can't be done now (the disk is full, say) is tried again later. */
  #inBackground(work: Promise<unknown>): void {
    this.#busy = true;
    const goOn = () => {
      this.#busy = false;
      this.schedule();
    };
    work.then(goOn, error => {
      if (this.#over) return;
      this.#world.audit.record({ kind: 'internal-error', service: this.name, message: String(error) });
      this.#world.clock.after(retryAfter, goOn);
    });
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#changes.then(work);
    this.#changes = mine.catch(() => {});
    return mine;
  }
}

const retryAfter: Milliseconds = 1000;
const settled: ReadonlySet<string> = new Set(['ready', 'stopped', 'failed']);
const stuck: ReadonlySet<string> = new Set(['failed', 'backoff', 'stopped']);

/** As the router is told it. */
function endpointAt({ port, socket }: Place): EndpointAddress {
  return port === undefined ? { socket } : { host: '127.0.0.1', port };
}

function observe(actor: InstanceActor) {
  const { state, desired, completed } = actor.instance;
  return {
    index: actor.id.index,
    revision: actor.id.revision,
    state,
    desired,
    completed,
    readySince: actor.readySince,
  };
}
