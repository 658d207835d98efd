/**
 * One launched or adopted process tree.
 *
 * - Its exit is announced once, and before `kill` says that all of it is gone.
 * - Once gone, it never touches its enclosure again: the next tree of the same key may live there.
 */
import type { Cancel, Clock, Milliseconds } from '../domain/clock.ts';
import type { Enforcement, Exit, ProcessTree, TreeRecord, Usage } from './contract.ts';
import { type Enclosure, killAll } from './enclosure.ts';
import type { Ending, MainProcess } from './main-process.ts';

export interface TreeParts {
  readonly record: TreeRecord;
  readonly main: MainProcess;
  readonly enclosure: Enclosure;
  readonly clock: Clock;
  /** Why the program never ran, if this ending is one of the launcher and not of the program. */
  failureOf(ending: Ending): string | undefined;
  /** Nothing of the tree is left on the host. */
  onGone(): void;
}

export class Tree implements ProcessTree {
  readonly record: TreeRecord;
  readonly #parts: TreeParts;
  readonly #listeners = new Set<(exit: Exit) => void>();
  readonly #ended: Promise<Exit>;
  #exit: Exit | undefined;
  /** Begun when the tree was found to be gone. */
  #removal: Promise<void> | undefined;

  constructor(parts: TreeParts) {
    this.#parts = parts;
    this.record = parts.record;
    this.#ended = new Promise(resolve => {
      parts.main.onEnd(ending => {
        this.#exit = this.#describe(ending);
        resolve(this.#exit);
        for (const listener of [...this.#listeners]) listener(this.#exit);
        this.#listeners.clear();
      });
    });
  }

  get enforcement(): readonly Enforcement[] {
    return this.record.enforcement;
  }

  onExit(listener: (exit: Exit) => void): Cancel {
    const exit = this.#exit;
    this.#listeners.add(listener);
    if (exit) queueMicrotask(() => this.#listeners.delete(listener) && listener(exit));
    return () => {
      this.#listeners.delete(listener);
    };
  }

  signal(signal: NodeJS.Signals): boolean {
    return this.#exit === undefined && this.#parts.main.signal(signal);
  }

  async kill(timeout: Milliseconds): Promise<readonly number[]> {
    if (this.#removal === undefined) {
      const survivors = await this.#killAll(timeout);
      if (survivors.length > 0) return survivors;
    }
    this.#removal ??= this.#remove();
    await this.#removal;
    return [];
  }

  async usage(): Promise<Usage | undefined> {
    return this.#removal ? undefined : this.#parts.enclosure.usage();
  }

  /** Lets go of it; it runs on. */
  release(): void {
    this.#listeners.clear();
    this.#parts.main.release();
  }

  async #killAll(timeout: Milliseconds): Promise<readonly number[]> {
    const { main, enclosure, clock } = this.#parts;
    const end = clock.now() + timeout;
    // By its pid, too: it may still be on its way into the enclosure.
    this.signal('SIGKILL');
    const survivors = await killAll(enclosure, clock, timeout);
    if (survivors.length > 0) return survivors;
    main.look();
    return (await this.#endsWithin(end - clock.now())) ? [] : [this.record.identity.pid];
  }

  async #remove(): Promise<void> {
    await this.#parts.enclosure.remove();
    this.#parts.onGone();
  }

  #endsWithin(delay: Milliseconds): Promise<boolean> {
    return new Promise(resolve => {
      const cancel = this.#parts.clock.after(Math.max(0, delay), () => resolve(false));
      void this.#ended.then(() => {
        cancel();
        resolve(true);
      });
    });
  }

  #describe(ending: Ending): Exit {
    const { enclosure, failureOf } = this.#parts;
    const failure = failureOf(ending);
    return {
      ...ending,
      oomKilled: enclosure.oomKills() > this.record.oomKills,
      ...(failure === undefined ? {} : { failure }),
    };
  }
}
