/**
 * cgroup v2: one hierarchy, in which an enclosure is one folder.
 *
 * - The base is `slipway-<home>` at the top for root, and inside the daemon's own cgroup for anyone else: only there
 *   may a plain user move processes.
 * - A group with controllers for those inside it may hold no process itself. So where the base is inside the
 *   daemon's own cgroup, the daemon moves to a leaf beside it, together with those that started it.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import {
  codeOf,
  cpuBandwidth,
  enclosuresIn,
  livingIn,
  makeGroup,
  processesIn,
  readCounter,
  readNumber,
  readSetting,
  removeGroup,
  removeIfEmpty,
  tryWriteSetting,
  writeSetting,
} from './cgroup.ts';
import type { Enforcement, TreeRecord, Usage } from './contract.ts';
import { type Containment, type Enclosure, type NewEnclosure, serviceOf, totalPrefix } from './enclosure.ts';
import { type Applier, type Appliers, type Asked, enforce, type LimitKey, Unavailable } from './enforcement.ts';
import { GroupUsage } from './group-usage.ts';
import { ioAppliers } from './io-limits.ts';
import { type CgroupMounts, ownCgroup } from './mounts.ts';
import { readStat } from './procfs.ts';
import { killEach } from './signals.ts';
import { usageOf } from './usage.ts';

const daemonLeaf = 'slipway-daemon';
const controllers = ['memory', 'cpu', 'pids', 'io'] as const;

export class CgroupV2 implements Containment {
  readonly backend = 'cgroup-v2';
  readonly #top: string;
  readonly #base: string;
  readonly #clock: Clock;

  private constructor(top: string, base: string, clock: Clock) {
    this.#top = top;
    this.#base = base;
    this.#clock = clock;
  }

  /** @returns why not, in words, where this process can't have such a base */
  static open(mounts: CgroupMounts, name: string, clock: Clock): CgroupV2 | string {
    if (!mounts.v2) return 'no cgroup v2 hierarchy is mounted';
    const own = ownCgroup(readFileSync('/proc/self/cgroup', 'latin1'), mounts.v2);
    const parent = process.getuid?.() === 0 ? mounts.v2.path : own && withoutLeaf(own);
    if (parent === undefined) return 'the daemon’s own cgroup lies outside of what is mounted here';
    if (mounts.v1.length > 0 && available(parent).length === 0) return 'the controllers are those of cgroup v1 here';
    const base = join(parent, name);
    try {
      mkdirSync(base, { recursive: true });
      delegate(parent, own === parent);
      delegate(base, false);
      return new CgroupV2(mounts.v2.path, base, clock);
    } catch (error) {
      removeIfEmpty(base);
      return error instanceof Unavailable ? error.message : `cannot make ${base} (${codeOf(error)})`;
    }
  }

  async enclose(key: string, asked: Asked, total: Asked): Promise<NewEnclosure> {
    const service = serviceOf(key);
    const group = join(this.#base, service, key);
    let totals: readonly Enforcement[] = [];
    try {
      this.#makeService(service);
      totals = this.limitTotal(service, total);
      await makeGroup(group, this.#clock);
    } catch (error) {
      if (error instanceof SlipwayError) throw error;
      throw new SlipwayError('SLIP_LAUNCH_FAILED', `cannot make the cgroup ${group} (${codeOf(error)})`, {
        cause: error,
      });
    }
    // A tree that has lost a part of itself to the kernel is worse than one that is gone and started again.
    tryWriteSetting(group, 'memory.oom.group', 1);
    const enclosure = new V2Enclosure(this.#top, group, this.#clock);
    return { enclosure, enforcement: [...enclosure.limit(asked), ...totals] };
  }

  limitTotal(service: string, asked: Asked, lifted: Iterable<LimitKey> = []): readonly Enforcement[] {
    if (asked.size === 0 && [...lifted].length === 0) return [];
    this.#makeService(service);
    return enforce(this.backend, asked, appliersV2(this.#top, join(this.#base, service)), {
      lifted,
      prefix: totalPrefix,
    });
  }

  reopen(key: string, tree?: Pick<TreeRecord, 'cgroups'>): Enclosure {
    const inService = join(this.#base, serviceOf(key), key);
    // That of a tree that an older Slipway launched is directly in the base.
    const direct = join(this.#base, key);
    const group = tree?.cgroups[0] ?? (existsSync(direct) ? direct : inService);
    return new V2Enclosure(this.#top, group, this.#clock);
  }

  #makeService(service: string): void {
    const group = join(this.#base, service);
    mkdirSync(group, { recursive: true });
    delegate(group, false);
  }

  async keys(): Promise<readonly string[]> {
    return enclosuresIn(this.#base);
  }

  population(): number | undefined {
    return readNumber(this.#base, 'pids.current');
  }

  close(): void {
    removeIfEmpty(this.#base);
  }
}

function appliersV2(top: string, group: string): Appliers {
  const set = (controller: string, file: string, value: string | number) => {
    if (!existsSync(join(group, file)))
      throw new Unavailable(`the ${controller} controller is not delegated to ${group}`);
    writeSetting(group, file, value);
  };
  const memoryFile =
    (file: string): Applier =>
    bytes => {
      set('memory', file, bytes ?? 'max');
      return bytes === undefined ? undefined : { value: readNumber(group, file) ?? bytes };
    };
  return {
    memory: bytes => {
      const inForce = memoryFile('memory.max')(bytes);
      const noSwap = tryWriteSetting(group, 'memory.swap.max', bytes === undefined ? 'max' : 0);
      return inForce && { ...inForce, ...(noSwap ? {} : { why: noSwapAccounting }) };
    },
    memoryHigh: memoryFile('memory.high'),
    swap: bytes => {
      const isLimited = readSetting(group, 'memory.max')?.trim() !== 'max';
      set('memory', 'memory.swap.max', bytes ?? (isLimited ? 0 : 'max'));
      return undefined;
    },
    cpu: cores => {
      if (cores === undefined) set('cpu', 'cpu.max', 'max');
      else {
        const { quota, period } = cpuBandwidth(cores);
        set('cpu', 'cpu.max', `${quota} ${period}`);
        return { value: quota / period };
      }
      return undefined;
    },
    cpuWeight: (weight = 100) => {
      set('cpu', 'cpu.weight', weight);
      return undefined;
    },
    pids: count => {
      set('pids', 'pids.max', count ?? 'max');
      return undefined;
    },
    ...ioAppliers(top, group),
  };
}

const noSwapAccounting = 'swap is not counted: the kernel was started without swap accounting';

class V2Enclosure implements Enclosure {
  readonly cgroups: readonly string[];
  readonly entrances: readonly string[];
  readonly #top: string;
  readonly #group: string;
  readonly #clock: Clock;
  #usage: GroupUsage | undefined;

  constructor(top: string, group: string, clock: Clock) {
    this.cgroups = [group];
    this.entrances = [join(group, 'cgroup.procs')];
    this.#top = top;
    this.#group = group;
    this.#clock = clock;
  }

  async members(): Promise<readonly number[]> {
    return livingIn(this.#group);
  }

  async strike(members: readonly number[]): Promise<void> {
    if (existsSync(join(this.#group, 'cgroup.kill')) && tryWriteSetting(this.#group, 'cgroup.kill', 1)) return;
    // Linux before 5.14: with no fork allowed any more, the next look finds at most those that were being born.
    tryWriteSetting(this.#group, 'pids.max', 0);
    killEach(members);
  }

  limit(asked: Asked, lifted: Iterable<LimitKey> = []): readonly Enforcement[] {
    return enforce('cgroup-v2', asked, appliersV2(this.#top, this.#group), { lifted });
  }

  oomKills(): number {
    return readCounter(this.#group, 'memory.events', 'oom_kill') ?? 0;
  }

  memoryPeak(): number | undefined {
    return readNumber(this.#group, 'memory.peak'); // From Linux 5.19 on.
  }

  async usage(): Promise<Usage | undefined> {
    const group = this.#group;
    this.#usage ??= new GroupUsage({
      version: 2,
      members: group,
      cpu: group,
      cpuacct: group,
      memory: group,
      hasQuota: true,
    });
    return this.#usage.read() ?? usageOf(processesIn(group));
  }

  async remove(): Promise<void> {
    this.#usage?.close();
    this.#usage = undefined;
    await removeGroup(this.#group, this.#clock);
    removeIfEmpty(dirname(this.#group));
  }
}

/** A daemon that an earlier one started is in its leaf already. */
function withoutLeaf(own: string): string {
  return basename(own) === daemonLeaf ? dirname(own) : own;
}

function words(group: string, file: string): readonly string[] {
  return (readSetting(group, file) ?? '').trim().split(/\s+/);
}

function available(group: string): readonly string[] {
  const offered = words(group, 'cgroup.controllers');
  return controllers.filter(controller => offered.includes(controller));
}

/** Lets groups inside this one use its controllers; those that it can't pass on are left out. */
function delegate(group: string, isOwn: boolean): void {
  const passedOn = words(group, 'cgroup.subtree_control');
  for (const controller of available(group)) {
    if (passedOn.includes(controller)) continue;
    const request = [group, 'cgroup.subtree_control', `+${controller}`] as const;
    if (tryWriteSetting(...request)) continue;
    if (isOwn) moveToLeaf(group);
    tryWriteSetting(...request);
  }
}

/** Moves this process, and of those that started it whoever is in the same group, out of the way. */
function moveToLeaf(group: string): void {
  const inside = new Set((readSetting(group, 'cgroup.procs') ?? '').split('\n').filter(Boolean).map(Number));
  const leaf = join(group, daemonLeaf);
  mkdirSync(leaf, { recursive: true });
  for (let pid = process.pid; pid > 0; pid = readStat(pid)?.parent ?? 0) {
    if (inside.has(pid)) tryWriteSetting(leaf, 'cgroup.procs', pid);
  }
}
