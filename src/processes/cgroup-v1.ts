/**
 * cgroup v1: one hierarchy for each controller, so that an enclosure is a folder of the same name in several.
 *
 * - Membership is read from one hierarchy, the same for every enclosure; processes enter all or none.
 * - The launcher enters through `tasks`, not `cgroup.procs`: a thread that moves itself needs no lock of the whole
 *   host, which takes tens of milliseconds to get.
 * - The tree of a hybrid host's cgroup v2 is never touched.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import {
  codeOf,
  cpuBandwidth,
  cpuShares,
  enclosuresIn,
  livingIn,
  makeGroup,
  processesIn,
  readCounter,
  readNumber,
  removeGroup,
  removeIfEmpty,
  tryWriteSetting,
  writeSetting,
} from './cgroup.ts';
import type { Enforcement, TreeRecord, Usage } from './contract.ts';
import { type Containment, type Enclosure, type NewEnclosure, serviceOf, totalPrefix } from './enclosure.ts';
import {
  type Applier,
  type Appliers,
  type Asked,
  enforce,
  type InForce,
  type LimitKey,
  Unavailable,
} from './enforcement.ts';
import { GroupUsage } from './group-usage.ts';
import type { CgroupMounts } from './mounts.ts';
import { killEach } from './signals.ts';
import { usageOf } from './usage.ts';

/** In the order in which membership is read from the first one there is: `pids` can stop forks, so it comes first. */
const controllers = ['pids', 'memory', 'cpu', 'cpuacct'] as const;
type Controller = (typeof controllers)[number];

/** Folders by controller; those of controllers that are mounted together are the same. */
type Folders = ReadonlyMap<Controller, string>;

export class CgroupV1 implements Containment {
  readonly backend = 'cgroup-v1';
  readonly #bases: Folders;
  readonly #missing: ReadonlyMap<Controller, string>;
  readonly #clock: Clock;

  private constructor(bases: Folders, missing: ReadonlyMap<Controller, string>, clock: Clock) {
    this.#bases = bases;
    this.#missing = missing;
    this.#clock = clock;
  }

  /** @returns why not, in words, where no hierarchy lets this process make a folder of that name */
  static open(mounts: CgroupMounts, name: string, clock: Clock): CgroupV1 | string {
    if (mounts.v1.length === 0) return 'no cgroup v1 hierarchy is mounted';
    const bases = new Map<Controller, string>();
    const missing = new Map<Controller, string>();
    for (const controller of controllers) {
      const mount = mounts.v1.find(candidate => candidate.controllers.includes(controller));
      if (!mount) {
        missing.set(controller, `no cgroup v1 hierarchy has the ${controller} controller`);
        continue;
      }
      const base = join(mount.path, name);
      try {
        mkdirSync(base, { recursive: true });
        bases.set(controller, base);
      } catch (error) {
        missing.set(controller, `cannot make ${base} (${codeOf(error)})`);
      }
    }
    return bases.size > 0 ? new CgroupV1(bases, missing, clock) : ([...missing.values()][0] ?? '');
  }

  async enclose(key: string, asked: Asked, total: Asked): Promise<NewEnclosure> {
    const enclosure = this.reopen(key);
    let totals: readonly Enforcement[] = [];
    try {
      // What is above is limited first: it must not have less to give than what is below.
      totals = this.limitTotal(serviceOf(key), total);
      for (const group of enclosure.cgroups) {
        mkdirSync(dirname(group), { recursive: true });
        await makeGroup(group, this.#clock);
      }
    } catch (error) {
      if (error instanceof SlipwayError) throw error;
      await enclosure.remove();
      throw new SlipwayError('SLIP_LAUNCH_FAILED', `cannot make the cgroups of ${key} (${codeOf(error)})`, {
        cause: error,
      });
    }
    return { enclosure, enforcement: [...enclosure.limit(asked), ...totals] };
  }

  limitTotal(service: string, asked: Asked, lifted: Iterable<LimitKey> = []): readonly Enforcement[] {
    if (asked.size === 0 && [...lifted].length === 0) return [];
    const folders = this.#folders(service);
    for (const group of folders.values()) mkdirSync(group, { recursive: true });
    return enforce(this.backend, asked, appliersV1(folders, this.#missing), { lifted, prefix: totalPrefix });
  }

  reopen(key: string, tree?: Pick<TreeRecord, 'cgroups'>): V1Enclosure {
    return new V1Enclosure(
      this.#found(key, tree) ?? this.#folders(join(serviceOf(key), key)),
      this.#missing,
      this.#clock,
    );
  }

  #folders(path: string): Folders {
    return new Map([...this.#bases].map(([name, base]) => [name, join(base, path)]));
  }

  /** Those of a tree that an older Slipway launched are directly in the base. */
  #found(key: string, tree: Pick<TreeRecord, 'cgroups'> | undefined): Folders | undefined {
    const direct = this.#folders(key);
    return [...direct.values()].some(group => tree?.cgroups.includes(group) ?? existsSync(group)) ? direct : undefined;
  }

  async keys(): Promise<readonly string[]> {
    return [...new Set([...this.#bases.values()].flatMap(enclosuresIn))];
  }

  population(): number | undefined {
    return readNumber(this.#bases.get('pids') ?? '', 'pids.current');
  }

  close(): void {
    for (const base of this.#bases.values()) removeIfEmpty(base);
  }
}

/** The largest that the kernel takes stands for none. */
const unlimited = -1;

function appliersV1(folders: Folders, missing: ReadonlyMap<Controller, string>): Appliers {
  const folder = (controller: Controller) => {
    const found = folders.get(controller);
    if (found === undefined) throw new Unavailable(missing.get(controller));
    return found;
  };
  const needsV2: Applier = value => {
    if (value === undefined) return undefined;
    throw new Unavailable('it needs cgroup v2');
  };
  return {
    memory: bytes => limitMemory(folder('memory'), bytes),
    memoryHigh: needsV2,
    swap: bytes => limitSwap(folder('memory'), bytes),
    cpu: cores => {
      const { quota, period } = cores === undefined ? { quota: unlimited, period: 100_000 } : cpuBandwidth(cores);
      writeSetting(folder('cpu'), 'cpu.cfs_period_us', period);
      writeSetting(folder('cpu'), 'cpu.cfs_quota_us', quota);
      return cores === undefined ? undefined : { value: quota / period };
    },
    cpuWeight: (weight = 100) => {
      writeSetting(folder('cpu'), 'cpu.shares', cpuShares(weight));
      return undefined;
    },
    pids: count => {
      writeSetting(folder('pids'), 'pids.max', count ?? 'max');
      return undefined;
    },
    'io.weight': needsV2,
    'io.readBytes': needsV2,
    'io.writeBytes': needsV2,
    'io.readOps': needsV2,
    'io.writeOps': needsV2,
  };
}

const swapToo = 'memory.memsw.limit_in_bytes';
const noSwapAccounting = 'swap is not counted: the kernel was started without swap accounting';

/** Memory and swap together may not be less than memory alone, at no time. */
function limitMemory(group: string, bytes: number | undefined): InForce | undefined {
  tryWriteSetting(group, swapToo, unlimited);
  writeSetting(group, 'memory.limit_in_bytes', bytes ?? unlimited);
  if (bytes === undefined) return undefined;
  const counted = tryWriteSetting(group, swapToo, bytes);
  const value = readNumber(group, 'memory.limit_in_bytes') ?? bytes;
  return { value, ...(counted ? {} : { why: noSwapAccounting }) };
}

/** After {@link limitMemory}, since what is counted is both together. */
function limitSwap(group: string, bytes: number | undefined): InForce | undefined {
  const memory = readNumber(group, 'memory.limit_in_bytes') ?? 0;
  const isLimited = memory < 2 ** 60;
  if (bytes !== undefined && !isLimited) throw new Unavailable('cgroup v1 limits swap only together with memory');
  if (!isLimited) return undefined;
  const written = tryWriteSetting(group, swapToo, memory + (bytes ?? 0));
  if (!written && bytes !== undefined) throw new Unavailable(noSwapAccounting);
  return undefined;
}

class V1Enclosure implements Enclosure {
  readonly folders: Folders;
  readonly cgroups: readonly string[];
  readonly entrances: readonly string[];
  readonly #missing: ReadonlyMap<Controller, string>;
  readonly #clock: Clock;
  #usage: GroupUsage | undefined;

  constructor(folders: Folders, missing: ReadonlyMap<Controller, string>, clock: Clock) {
    this.folders = folders;
    this.#missing = missing;
    this.cgroups = [...new Set(folders.values())];
    this.entrances = this.cgroups.map(group => join(group, 'tasks'));
    this.#clock = clock;
  }

  async members(): Promise<readonly number[]> {
    return livingIn(this.#home);
  }

  async strike(members: readonly number[]): Promise<void> {
    // With no fork allowed any more, the next look finds at most those that were being born during this one.
    const pids = this.folders.get('pids');
    if (pids !== undefined) tryWriteSetting(pids, 'pids.max', 0);
    killEach(members);
  }

  limit(asked: Asked, lifted: Iterable<LimitKey> = []): readonly Enforcement[] {
    // It goes by the limits that it began with.
    this.#usage?.close();
    this.#usage = undefined;
    return enforce('cgroup-v1', asked, appliersV1(this.folders, this.#missing), { lifted });
  }

  oomKills(): number {
    return readCounter(this.folders.get('memory') ?? '', 'memory.oom_control', 'oom_kill') ?? 0;
  }

  memoryPeak(): number | undefined {
    return readNumber(this.folders.get('memory') ?? '', 'memory.max_usage_in_bytes');
  }

  async usage(): Promise<Usage | undefined> {
    this.#usage ??= new GroupUsage({
      version: 1,
      members: this.#home,
      cpu: this.folders.get('cpu'),
      cpuacct: this.folders.get('cpuacct'),
      memory: this.folders.get('memory'),
      hasQuota: (readNumber(this.folders.get('cpu') ?? '', 'cpu.cfs_quota_us') ?? 0) > 0,
    });
    return this.#usage.read() ?? usageOf(processesIn(this.#home));
  }

  async remove(): Promise<void> {
    this.#usage?.close();
    this.#usage = undefined;
    for (const group of this.cgroups) {
      await removeGroup(group, this.#clock);
      removeIfEmpty(dirname(group));
    }
  }

  get #home(): string {
    return this.cgroups[0] ?? '';
  }
}
