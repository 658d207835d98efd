/**
 * cgroup v1: one hierarchy for each controller, so that an enclosure is a folder of the same name in several.
 *
 * - Membership is read from one hierarchy, the same for every enclosure; processes enter all or none.
 * - The launcher enters through `tasks`, not `cgroup.procs`: a thread that moves itself needs no lock of the whole
 *   host, which takes tens of milliseconds to get.
 * - The tree of a hybrid host's cgroup v2 is never touched.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import type { Limits } from '../domain/spec.ts';
import {
  codeOf,
  cpuBandwidth,
  enclosuresIn,
  enforce,
  livingIn,
  makeGroup,
  processesIn,
  readCounter,
  readNumber,
  removeGroup,
  removeIfEmpty,
  tryWriteSetting,
  Unavailable,
  writeSetting,
} from './cgroup.ts';
import type { Enforcement, Usage } from './contract.ts';
import type { Containment, Enclosure, NewEnclosure } from './enclosure.ts';
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

  async enclose(key: string, limits: Limits): Promise<NewEnclosure> {
    const enclosure = this.reopen(key);
    try {
      for (const group of enclosure.cgroups) await makeGroup(group, this.#clock);
    } catch (error) {
      if (error instanceof SlipwayError) throw error;
      await enclosure.remove();
      throw new SlipwayError('SLIP_LAUNCH_FAILED', `cannot make the cgroups of ${key} (${codeOf(error)})`, {
        cause: error,
      });
    }
    return { enclosure, enforcement: this.#enforce(enclosure, limits) };
  }

  reopen(key: string): V1Enclosure {
    return new V1Enclosure(new Map([...this.#bases].map(([name, base]) => [name, join(base, key)])), this.#clock);
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

  #enforce(enclosure: V1Enclosure, limits: Limits): readonly Enforcement[] {
    const folder = (controller: Controller) => {
      const found = enclosure.folders.get(controller);
      if (found === undefined) throw new Unavailable(this.#missing.get(controller));
      return found;
    };
    return enforce(this.backend, limits, {
      memory: bytes => {
        writeSetting(folder('memory'), 'memory.limit_in_bytes', bytes);
        const swapToo = tryWriteSetting(folder('memory'), 'memory.memsw.limit_in_bytes', bytes);
        return swapToo ? undefined : 'swap is not counted: the kernel was started without swap accounting';
      },
      cpu: cores => {
        const { quota, period } = cpuBandwidth(cores);
        writeSetting(folder('cpu'), 'cpu.cfs_period_us', period);
        writeSetting(folder('cpu'), 'cpu.cfs_quota_us', quota);
        return undefined;
      },
      pids: count => {
        writeSetting(folder('pids'), 'pids.max', count);
        return undefined;
      },
    });
  }
}

class V1Enclosure implements Enclosure {
  readonly folders: Folders;
  readonly cgroups: readonly string[];
  readonly entrances: readonly string[];
  readonly #clock: Clock;

  constructor(folders: Folders, clock: Clock) {
    this.folders = folders;
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

  oomKills(): number {
    return readCounter(this.folders.get('memory') ?? '', 'memory.oom_control', 'oom_kill') ?? 0;
  }

  async usage(): Promise<Usage | undefined> {
    const pids = processesIn(this.#home);
    const cpu = readNumber(this.folders.get('cpuacct') ?? '', 'cpuacct.usage');
    const memory = readNumber(this.folders.get('memory') ?? '', 'memory.usage_in_bytes');
    if (cpu === undefined || memory === undefined) return usageOf(pids);
    const reclaimable = readCounter(this.folders.get('memory') ?? '', 'memory.stat', 'total_inactive_file') ?? 0;
    return { cpuSeconds: cpu / 1e9, memory: Math.max(0, memory - reclaimable), processes: pids.length };
  }

  async remove(): Promise<void> {
    for (const group of this.cgroups) await removeGroup(group, this.#clock);
  }

  get #home(): string {
    return this.cgroups[0] ?? '';
  }
}
