/**
 * Ends a tree that uses more memory than it may, where no cgroup does: it is measured, so that a short peak can pass and
 * shared memory counts more than once.
 */
import type { Cancel, Clock, Milliseconds } from '../domain/clock.ts';
import type { Bytes } from '../domain/limits-spec.ts';
import type { Usage } from './contract.ts';

const every: Milliseconds = 1_000;

export interface WatchedTree {
  usage(): Promise<Usage | undefined>;
  /** Called once; nothing is measured after it. */
  end(): void;
}

export class MemoryWatchdog {
  readonly #clock: Clock;
  readonly #most: Bytes;
  readonly #tree: WatchedTree;
  #cancel: Cancel = () => {};
  #isOver = false;
  /** What it used when it was ended for it. */
  exceeded: Bytes | undefined;

  constructor(clock: Clock, most: Bytes, tree: WatchedTree) {
    this.#clock = clock;
    this.#most = most;
    this.#tree = tree;
    this.#again();
  }

  close(): void {
    this.#isOver = true;
    this.#cancel();
  }

  #again(): void {
    this.#cancel = this.#clock.after(every, () => void this.#look());
  }

  async #look(): Promise<void> {
    const usage = await this.#tree.usage();
    if (this.#isOver) return;
    if (usage === undefined || usage.memory <= this.#most) return this.#again();
    this.exceeded = usage.memory;
    this.#tree.end();
  }
}
