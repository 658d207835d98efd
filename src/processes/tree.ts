/**
 * One launched or adopted process tree.
 *
 * - Its exit is announced once, and before `kill` says that all of it is gone.
 * - Once gone, it never touches its enclosure again: the next tree of the same key may live there.
 */
import type { Cancel, Clock, Milliseconds } from '../domain/clock.ts';
import type { Limits } from '../domain/limits-spec.ts';
import type { Command, Enforcement, Exit, ProcessTree, TreeRecord, Usage } from './contract.ts';
import { type Enclosure, killAll, totalPrefix } from './enclosure.ts';
import { askedOf, type LimitKey } from './enforcement.ts';
import { besideOf } from './launcher.ts';
import type { Ending, MainProcess } from './main-process.ts';
import { MemoryWatchdog } from './memory-watchdog.ts';
import { changeProcesses, isOfProcess, type Privileges } from './process-limits.ts';

export interface TreeParts {
  readonly record: TreeRecord;
  readonly main: MainProcess;
  readonly enclosure: Enclosure;
  readonly clock: Clock;
  /** Why the program never ran, if this ending is one of the launcher and not of the program. */
  failureOf(ending: Ending): string | undefined;
  readonly privileges: Privileges;
  /** Nothing of the tree is left on the host. */
  onGone(): void;
}

export class Tree implements ProcessTree {
  #record: TreeRecord;
  readonly #parts: TreeParts;
  readonly #listeners = new Set<(exit: Exit) => void>();
  readonly #ended: Promise<Exit>;
  #exit: Exit | undefined;
  #watchdog: MemoryWatchdog | undefined;
  /** Begun when the tree was found to be gone. */
  #removal: Promise<void> | undefined;

  constructor(parts: TreeParts) {
    this.#parts = parts;
    this.#record = parts.record;
    this.#watch();
    this.#ended = new Promise(resolve => {
      parts.main.onEnd(ending => {
        this.#exit = this.#describe(ending);
        resolve(this.#exit);
        for (const listener of [...this.#listeners]) listener(this.#exit);
        this.#listeners.clear();
      });
    });
  }

  get record(): TreeRecord {
    return this.#record;
  }

  get enforcement(): readonly Enforcement[] {
    return this.#record.enforcement;
  }

  beside(command: Command): Command {
    return besideOf(this.record, this.#parts.enclosure.entrances, command);
  }

  async limit(limits: Limits): Promise<readonly Enforcement[]> {
    const { enclosure, privileges } = this.#parts;
    if (this.#removal) return this.enforcement;
    const asked = askedOf(limits);
    const totals = this.enforcement.filter(({ limit }) => limit.startsWith(totalPrefix));
    const had = this.enforcement
      .map(({ limit }) => limit)
      .filter(limit => !limit.startsWith(totalPrefix)) as LimitKey[];
    const lifted = had.filter(limit => !asked.has(limit));
    const changed = new Map(
      [...asked].filter(([key, value]) => this.enforcement.find(({ limit }) => limit === key)?.asked !== value),
    );
    const kept = new Set<string>([...asked.keys()].filter(key => !changed.has(key)));
    const now = [
      ...enclosure.limit(asked, lifted),
      ...changeProcesses(await enclosure.members(), changed, lifted, privileges),
      ...this.enforcement.filter(({ limit }) => isOfProcess(limit) && kept.has(limit)),
    ];
    const isWatched = this.enforcement.some(({ by }) => by === 'watchdog');
    this.#record = { ...this.#record, enforcement: [...(isWatched ? now.map(watched) : now), ...totals] };
    this.#watch();
    return this.enforcement;
  }

  /** Of all trees of its service, which share these. */
  setTotals(totals: readonly Enforcement[]): void {
    const own = this.enforcement.filter(({ limit }) => !limit.startsWith(totalPrefix));
    this.#record = { ...this.#record, enforcement: [...own, ...totals] };
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
    this.#watchdog?.close();
    this.#listeners.clear();
    this.#parts.main.release();
  }

  #watch(): void {
    const { clock, enclosure } = this.#parts;
    this.#watchdog?.close();
    const watched = this.enforcement.find(({ by }) => by === 'watchdog');
    if (watched === undefined) return;
    this.#watchdog = new MemoryWatchdog(clock, watched.asked, {
      usage: () => enclosure.usage(),
      end: () => void this.signal('SIGKILL'),
    });
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
    const measured = this.#watchdog?.exceeded;
    this.#watchdog?.close();
    const oomKilled = measured !== undefined || enclosure.oomKills() > this.record.oomKills;
    const memoryPeak = oomKilled ? (measured ?? enclosure.memoryPeak()) : undefined;
    return {
      ...ending,
      oomKilled,
      ...(memoryPeak === undefined ? {} : { memoryPeak }),
      ...(failure === undefined ? {} : { failure }),
    };
  }
}

/** Where no cgroup limits memory, and it shall be watched instead. */
export function watched(one: Enforcement): Enforcement {
  if (one.limit !== 'memory' || one.by !== 'not enforced') return one;
  return { limit: one.limit, asked: one.asked, inForce: one.asked, by: 'watchdog' };
}
