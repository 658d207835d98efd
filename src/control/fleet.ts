/** All services of this home, their instances taken over from the last daemon, and the table they make together. */

import type { Demand } from '../domain/capacity.ts';
import { SlipwayError } from '../domain/errors.ts';
import type { CapacitySpec } from '../domain/limits-spec.ts';
import { instanceKey } from '../domain/names.ts';
import { startOrder } from '../domain/order.ts';
import type { ServiceRecord } from '../domain/service.ts';
import type { RoutedService } from '../router-link/protocol.ts';
import type { InstanceRecord } from '../state/contract.ts';
import { Capacity } from './capacity.ts';
import type { InUse } from './deployer.ts';
import type { InstanceActor } from './instance-actor.ts';
import type { InstanceWorld } from './instance-world.ts';
import { type Neighbours, ServiceActor } from './service-actor.ts';

export class Fleet {
  readonly #world: InstanceWorld;
  readonly #services = new Map<string, ServiceActor>();
  readonly #listeners = new Set<() => void>();
  readonly #capacity: Capacity;
  readonly #ready = new Map<string, boolean>();
  #leaving: 'gently' | 'hurry' | undefined;
  readonly #neighbours: Neighbours = {
    isReady: name => this.#services.get(name)?.isReady ?? false,
    isSettled: name => this.#services.get(name)?.isSettled ?? true,
    whyNoRoom: service => this.#capacity.whyNotOneMore(service.name, service.record.declared),
    changed: service => this.#changed(service),
  };

  constructor(world: InstanceWorld, capacity: () => CapacitySpec) {
    this.#world = world;
    this.#capacity = new Capacity(capacity, () => this.#reserved());
  }

  /** In order of name. */
  get services(): readonly ServiceActor[] {
    return [...this.#services.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get instances(): readonly InstanceActor[] {
    return this.services.flatMap(service => service.actors);
  }

  get isSettled(): boolean {
    return this.services.every(service => service.isSettled);
  }

  find(name: string): ServiceActor | undefined {
    return this.#services.get(name);
  }

  /** @throws SlipwayError SLIP_SERVICE_UNKNOWN */
  get(name: string): ServiceActor {
    const service = this.#services.get(name);
    if (service !== undefined) return service;
    const names = this.services.map(one => one.name).join(', ');
    throw new SlipwayError(
      'SLIP_SERVICE_UNKNOWN',
      `cannot find a service named ${JSON.stringify(name)}; there ${names === '' ? 'are none yet' : `are: ${names}`}`,
    );
  }

  /** Durable once resolved. */
  async add(record: ServiceRecord): Promise<void> {
    await this.#world.store.saveService(record);
    const service = new ServiceActor(this.#world, record, this.#neighbours);
    this.#services.set(record.name, service);
    this.#world.routing.changed();
    // What comes while all else is being stopped starts nothing any more.
    if (this.#leaving === undefined) service.reconcile();
    else service.leave(this.#leaving);
  }

  /**
   * Finds again what the last daemon left: its instances by their records, and processes without a record (it died
   * between spawn and record) by their traces, which are ended.
   * @returns how many instances were found alive
   */
  async recover(): Promise<number> {
    const { store, host, bootId } = this.#world;
    for (const record of await store.services()) {
      this.#services.set(record.name, new ServiceActor(this.#world, record, this.#neighbours));
    }
    const records = await store.instances();
    const found = await Promise.all(records.map(record => this.#recoverInstance(record)));
    const known = new Set(records.map(record => instanceKey(record.id)));
    const strays = (await host.traces()).filter(key => !known.has(key));
    await Promise.all(strays.map(key => host.sweep(key)));
    if (strays.length > 0) {
      this.#world.audit.record({ kind: 'strays-ended', message: `ended what no record names: ${strays.join(', ')}` });
    }
    for (const service of this.services) service.reconcile();
    this.#world.audit.record({
      kind: 'daemon-started',
      message: `adopted ${found.filter(Boolean).length} instances on boot ${bootId}`,
    });
    return found.filter(Boolean).length;
  }

  /** Stops everything, dependents before what they depend on. Called again with `hurry`, it skips the rest. */
  async leave(how: 'gently' | 'hurry'): Promise<void> {
    this.#leaving = how;
    const ranks = startOrder(new Map(this.services.map(one => [one.name, one.record.declared.dependsOn]))).toReversed();
    for (const rank of ranks) {
      const leaving = rank.flatMap(name => this.#services.get(name) ?? []);
      for (const service of leaving) service.leave(this.#leaving);
      await this.until(() => leaving.every(service => service.isEmpty));
    }
  }

  /** The second Ctrl-C: what is being stopped gently is not waited for any longer. */
  hurry(): void {
    this.#leaving = 'hurry';
    for (const service of this.services) service.leave('hurry');
  }

  /** Resolves when the condition holds after a change; rejects with the signal's reason. */
  until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#listeners.delete(check);
        signal?.removeEventListener('abort', abort);
      };
      const check = () => {
        if (!condition()) return;
        end();
        resolve();
      };
      const abort = () => {
        end();
        reject(signal?.reason);
      };
      if (signal?.aborted) return reject(signal.reason);
      this.#listeners.add(check);
      signal?.addEventListener('abort', abort);
      check();
    });
  }

  table(): readonly RoutedService[] {
    return this.services
      .filter(({ record: { declared } }) => declared.routes.length + declared.tcp.length > 0)
      .map(one => one.routed());
  }

  get capacity(): Capacity {
    return this.#capacity;
  }

  /** What must not be collected. */
  inUse(): InUse {
    const revisions = this.services.flatMap(({ record, actors }) => [
      ...record.revisions,
      ...actors.map(actor => actor.revision),
    ]);
    return {
      releases: new Set([
        ...this.services.map(({ record }) => record.declaredRelease),
        ...revisions.map(one => one.release),
      ]),
      runtimes: new Set(revisions.flatMap(({ runtime: { pinned } }) => pinned ?? [])),
    };
  }

  /** The daemon ends: nothing more is started, stopped or recorded by it. */
  release(): void {
    for (const service of this.services) service.release();
  }

  async #recoverInstance(record: InstanceRecord): Promise<boolean> {
    const { bootId, host, store } = this.#world;
    const service = this.#services.get(record.id.service);
    if (record.bootId !== bootId) {
      // Nothing of it survived, and its instants mean nothing any more; what is wanted is made anew.
      store.removeInstance(record.id);
      return false;
    }
    const known = await service?.recover(record);
    if (known !== undefined) return known;
    await host.sweep(instanceKey(record.id));
    store.removeInstance(record.id);
    return false;
  }

  #changed(service: ServiceActor): void {
    if (service.record.removing && service.isEmpty) void this.#retire(service);
    if (this.#ready.get(service.name) !== service.isReady) {
      this.#ready.set(service.name, service.isReady);
      for (const other of this.#services.values()) {
        if (other.record.declared.dependsOn.includes(service.name)) other.schedule();
      }
    }
    // Something may have become free.
    for (const other of this.#services.values()) if (other.waits !== undefined && other !== service) other.schedule();
    for (const listener of this.#listeners) listener();
  }

  /** What was given up, or stopped, runs no more; what waits for its next try comes back. */
  #reserved(): readonly Demand[] {
    return this.services.map(({ name, record, actors }) => ({
      service: name,
      instances: actors.filter(({ instance: { state } }) => state !== 'stopped' && state !== 'failed').length,
      requests: record.declared.requests,
    }));
  }

  async #retire(service: ServiceActor): Promise<void> {
    try {
      if (!(await service.retire())) return;
    } catch (error) {
      this.#world.audit.record({ kind: 'internal-error', service: service.name, message: String(error) });
      return;
    }
    this.#services.delete(service.name);
    this.#ready.delete(service.name);
    this.#world.routing.changed();
    for (const listener of this.#listeners) listener();
  }
}
