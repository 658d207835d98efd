/**
 * What holds one tree together, so that all of it can be found, limited, measured and killed. There is one kind for
 * each {@link Backend}; they differ in what they can promise, and say so in the enforcement of each limit.
 */
import type { Clock, Milliseconds } from '../domain/clock.ts';
import type { Backend, Enforcement, TreeRecord, Usage } from './contract.ts';
import type { Asked, LimitKey } from './enforcement.ts';

export interface Enclosure {
  /** Absolute folders; none where there are no cgroups. */
  readonly cgroups: readonly string[];
  /** Files to which the launcher writes `0`, and is inside. */
  readonly entrances: readonly string[];
  /** Pids of the living; zombies don't count. */
  members(): Promise<readonly number[]>;
  /** One SIGKILL to each of the `members`, and whatever keeps them from forking on. */
  strike(members: readonly number[]): Promise<void>;
  /** Puts them in force, for what runs too. @param lifted are to be in force no more */
  limit(asked: Asked, lifted?: Iterable<LimitKey>): readonly Enforcement[];
  /** Processes that the kernel killed here for want of memory. */
  oomKills(): number;
  /** Bytes, of all that ran here; `undefined` where nobody counts it. */
  memoryPeak(): number | undefined;
  usage(): Promise<Usage | undefined>;
  /** Removes what `enclose` made. What is still in use is left for a later sweep. */
  remove(): Promise<void>;
}

export interface Containment {
  readonly backend: Backend;
  /**
   * A new enclosure for `key`, empty, with the limits in force; and those of all of its service together.
   * @throws SlipwayError SLIP_LAUNCH_FAILED when something of that key is alive in it
   */
  enclose(key: string, asked: Asked, total: Asked): Promise<NewEnclosure>;
  /** Of all trees of a service together, those that run too. */
  limitTotal(service: string, asked: Asked, lifted?: Iterable<LimitKey>): readonly Enforcement[];
  /** The enclosure that a tree was launched in, by this daemon or another. */
  reopen(key: string, tree?: Pick<TreeRecord, 'identity' | 'cgroups'>): Enclosure;
  /** Keys of all enclosures there are. */
  keys(): Promise<readonly string[]>;
  /** How many processes and threads are in all of them, if that is cheap to know. */
  population(): number | undefined;
  /** Removes what is shared by all enclosures, if none is left. */
  close(): void;
}

export interface NewEnclosure {
  readonly enclosure: Enclosure;
  readonly enforcement: readonly Enforcement[];
}

const longestPause: Milliseconds = 32;

/** Kills until nobody is left or `timeout` is over, but tries once in any case. @returns who is left */
export async function killAll(enclosure: Enclosure, clock: Clock, timeout: Milliseconds): Promise<readonly number[]> {
  const end = clock.now() + timeout;
  for (let wait = 1; ; wait = Math.min(wait * 2, longestPause)) {
    const alive = await enclosure.members();
    if (alive.length === 0 || (wait > 1 && clock.now() >= end)) return alive;
    await enclosure.strike(alive);
    await pause(clock, wait);
  }
}

export function pause(clock: Clock, delay: Milliseconds): Promise<void> {
  return new Promise(resolve => {
    clock.after(delay, resolve);
  });
}

/** A key begins with the name of its service, which has no dot. */
export function serviceOf(key: string): string {
  return key.slice(0, key.indexOf('.') >>> 0);
}

export const totalPrefix = 'totalLimits.';
