/** What comes round by itself: log rotation, a look at the configuration, collection of unused releases, a router that is gone, a missed event. */
import type { Cancel, Clock, Milliseconds } from '../domain/clock.ts';
import type { ProjectSpec } from '../domain/spec.ts';
import type { Log } from '../logger.ts';
import type { LogStore } from '../logs/contract.ts';
import type { RouterLink } from '../router-link/contract.ts';
import type { Configuration } from './configuration.ts';
import { crashPoint } from './crash-points.ts';
import type { Deployer } from './deployer.ts';
import type { Fleet } from './fleet.ts';
import { listensOf } from './router-settings.ts';

export interface UpkeepParts {
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly deployer: Deployer;
  readonly configuration: Configuration;
  readonly logs: LogStore;
  readonly router: RouterLink;
  readonly log: Log;
  readonly project: () => ProjectSpec;
}

const rotateEvery = 5_000;
const routerEvery = 1_000;
const configurationEvery = 5_000;
const collectEvery = 600_000;
/** Nothing waits for this one: it makes good what an event that was lost would have done. */
const reconcileEvery = 30_000;

export class Upkeep {
  readonly #parts: UpkeepParts;
  readonly #cancels = new Map<string, Cancel>();
  #stopped = true;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
  }

  start(): void {
    const { configuration, fleet, logs, router, project } = this.#parts;
    this.#stopped = false;
    this.#repeat('log rotation', rotateEvery, async () => {
      await logs.rotate(project().logs);
      crashPoint('logs.rotated');
    });
    this.#repeat('configuration', configurationEvery, () => configuration.check());
    this.#repeat('router', routerEvery, async () => {
      if (router.status().state === 'down') await router.ensure(listensOf(project()));
    });
    this.#repeat('collection', collectEvery, () => this.#collect());
    this.#repeat('reconciliation', reconcileEvery, async () => {
      for (const service of fleet.services) service.reconcile();
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#cancels.values()) cancel();
  }

  /** After what may have made a release unused. */
  collectSoon(): void {
    if (!this.#stopped) this.#in('collection soon', 1_000, () => this.#collect());
  }

  async #collect(): Promise<void> {
    const { deployer, fleet } = this.#parts;
    await deployer.collect(fleet.inUse());
  }

  /** Each run begins so long after the last one has ended. */
  #repeat(what: string, every: Milliseconds, work: () => Promise<void>): void {
    this.#in(what, every, work, () => this.#repeat(what, every, work));
  }

  #in(what: string, delay: Milliseconds, work: () => Promise<void>, then: () => void = () => {}): void {
    this.#cancels.get(what)?.();
    const cancel = this.#parts.clock.after(delay, () => {
      work()
        .catch(error => this.#parts.log.error({ err: error }, `${what} failed`))
        .finally(() => {
          if (!this.#stopped) then();
        });
    });
    this.#cancels.set(what, cancel);
  }
}
