/**
 * The process host: launches trees, finds again those of an earlier daemon, and ends what nobody knows of any more.
 *
 * - A key has at most one living tree.
 * - Without a cgroup it works all the same, and says what is missing.
 */
import { existsSync } from 'node:fs';
import type { Clock, Milliseconds } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import type { TotalLimits } from '../domain/limits-spec.ts';
import type {
  Backend,
  Enforcement,
  LaunchOrder,
  ProcessHost,
  ProcessIdentity,
  ProcessTree,
  TreeRecord,
} from './contract.ts';
import { type Containment, type Enclosure, killAll, serviceOf } from './enclosure.ts';
import { askedOf } from './enforcement.ts';
import { ExitWatch } from './exit-watch.ts';
import { coreBlockSize } from './launch-line.ts';
import { launch, launchFailure } from './launcher.ts';
import { adoptedMain, childMain, type MainProcess, wrappedMain } from './main-process.ts';
import { homeId, marker } from './marker.ts';
import { NoCgroup } from './no-cgroup.ts';
import { preflight } from './preflight.ts';
import { ownPrivileges, type Privileges, prepareProcess } from './process-limits.ts';
import type { ProcessTable } from './process-table.ts';
import { Procfs } from './procfs.ts';
import { Ps } from './ps.ts';
import type { Sandbox, SandboxSupport } from './sandbox/contract.ts';
import { innerProcess } from './sandbox/inner-process.ts';
import { writeMountList } from './sandbox/mount-list.ts';
import { sandboxSupport } from './sandbox/support.ts';
import { Tree, type TreeParts, watched } from './tree.ts';
import { usableCgroup } from './usable-cgroup.ts';

export interface ProcessHostOptions {
  /** Absolute. Two hosts on one home see each other's trees as their own. */
  readonly home: string;
  readonly clock: Clock;
  /** `auto`: the first of cgroup v2, cgroup v1 and none that works here. */
  readonly backend?: Backend | 'auto';
  /** Whether `/proc` tells of processes; asked of the host by default. */
  readonly procfs?: boolean;
}

const sweepTimeout: Milliseconds = 10_000;

/** @throws SlipwayError SLIP_BACKEND_UNUSABLE when the backend that was asked for doesn't work here */
export async function createProcessHost(options: ProcessHostOptions): Promise<ProcessHost> {
  const { clock, backend = 'auto', procfs = existsSync('/proc/self/stat') } = options;
  const id = homeId(options.home);
  const processes = procfs ? new Procfs() : new Ps();
  const parts = { id, clock, processes, privileges: ownPrivileges(), isolation: sandboxSupport() };
  const cgroup =
    backend === 'none' ? 'the backend `none` was asked for' : await usableCgroup(backend, `slipway-${id}`, clock);
  if (typeof cgroup !== 'string') {
    return new Host({ ...parts, containment: cgroup, noCgroup: new NoCgroup(processes, id, '') });
  }
  if (backend !== 'none' && backend !== 'auto') {
    throw new SlipwayError('SLIP_BACKEND_UNUSABLE', `cannot hold processes by ${backend}: ${cgroup}`);
  }
  const noCgroup = new NoCgroup(processes, id, cgroup);
  return new Host({ ...parts, containment: noCgroup, noCgroup, whyNoCgroup: cgroup });
}

interface HostParts {
  readonly id: string;
  readonly clock: Clock;
  readonly processes: ProcessTable;
  readonly containment: Containment;
  /** The containment itself where there is no cgroup; else what finds processes that no cgroup leads to. */
  readonly noCgroup: NoCgroup;
  readonly whyNoCgroup?: string;
  readonly privileges: Privileges;
  readonly isolation: SandboxSupport;
}

class Host implements ProcessHost {
  readonly backend: Backend;
  readonly whyNoCgroup?: string;
  readonly isolation: SandboxSupport;
  readonly #parts: HostParts;
  readonly #exitWatch: ExitWatch;
  readonly #trees = new Map<string, Tree>();
  readonly #launching = new Set<string>();

  constructor(parts: HostParts) {
    this.#parts = parts;
    this.#exitWatch = new ExitWatch(parts.clock, () => parts.containment.population());
    this.backend = parts.containment.backend;
    this.isolation = parts.isolation;
    if (parts.whyNoCgroup !== undefined) this.whyNoCgroup = parts.whyNoCgroup;
  }

  async launch(order: LaunchOrder): Promise<ProcessTree> {
    const { key } = order;
    requireKey(key);
    if (this.#trees.has(key) || this.#launching.has(key)) {
      throw new SlipwayError('SLIP_LAUNCH_FAILED', `cannot start ${key}: its last tree has not been killed yet`);
    }
    this.#launching.add(key);
    try {
      preflight(order);
      return await this.#launch(order);
    } finally {
      this.#launching.delete(key);
    }
  }

  async adopt(record: TreeRecord): Promise<ProcessTree | undefined> {
    requireKey(record.key);
    const { containment, noCgroup, processes } = this.#parts;
    const vigil = await processes.watch(record.identity);
    if (!vigil) return undefined;
    const held = record.cgroups.length > 0 ? containment : noCgroup;
    const main = adoptedMain(record.identity.pid, vigil, this.#exitWatch);
    return this.#add(record, main, held.reopen(record.key, record));
  }

  async sweep(key: string): Promise<readonly number[]> {
    requireKey(key);
    const { containment, noCgroup, clock } = this.#parts;
    const survivors = new Set(await this.#trees.get(key)?.kill(sweepTimeout));
    for (const held of new Set([containment, noCgroup])) {
      const enclosure = held.reopen(key);
      const alive = await killAll(enclosure, clock, sweepTimeout);
      if (alive.length === 0) await enclosure.remove();
      for (const pid of alive) survivors.add(pid);
    }
    return [...survivors];
  }

  async traces(): Promise<readonly string[]> {
    const { containment, noCgroup } = this.#parts;
    const keys = await Promise.all([...new Set([containment, noCgroup])].map(held => held.keys()));
    return [...new Set(keys.flat())].filter(key => keyPattern.test(key));
  }

  limitTotal(service: string, limits: TotalLimits, lifted: TotalLimits): readonly Enforcement[] {
    const enforcement = this.#parts.containment.limitTotal(service, askedOf(limits), askedOf(lifted).keys());
    for (const [key, tree] of this.#trees) if (serviceOf(key) === service) tree.setTotals(enforcement);
    return enforcement;
  }

  close(): void {
    for (const tree of this.#trees.values()) tree.release();
    this.#trees.clear();
    this.#parts.containment.close();
  }

  async #launch(order: LaunchOrder): Promise<ProcessTree> {
    const { id, containment, processes, privileges, clock } = this.#parts;
    const { key } = order;
    const asked = askedOf(order.limits);
    const { enclosure, enforcement: ofGroup } = await containment.enclose(key, asked, askedOf(order.totalLimits));
    const { preparation, enforcement: ofProcess } = prepareProcess(asked, privileges, coreBlockSize(order.env));
    const enforcement = [...(order.memoryWatchdog ? ofGroup.map(watched) : ofGroup), ...ofProcess];
    const { cgroups, entrances } = enclosure;
    const oomKills = enclosure.oomKills();
    try {
      if (order.strict) requireAll(key, enforcement);
      const { sandbox } = order;
      if (sandbox) writeMountList(sandbox);
      const { pid: outer, child } = await launch(order, entrances, preparation, marker(id, key));
      // Listened to from here on: it may end while its program is looked for.
      const launched = childMain(outer, child);
      const isWrapped = sandbox?.level === 'strict';
      const inner = isWrapped
        ? await innerProcess(sandbox.report, processes, clock, () => !launched.isRunning())
        : undefined;
      const pid = inner?.pid ?? outer;
      const main = isWrapped ? wrappedMain(pid, launched) : launched;
      // A child that is dead by now is still a zombie in `/proc`; only `ps` can come too late.
      const startTime = (inner ?? (await processes.find(pid)))?.startTime ?? 0;
      const identity: ProcessIdentity = { pid, startTime, bootId: processes.bootId };
      const record: TreeRecord = {
        key,
        identity,
        ...(sandbox && { sandbox: kept(sandbox) }),
        cgroups,
        oomKills,
        enforcement,
      };
      return this.#add(record, main, containment.reopen(key, record), ({ code }) => launchFailure(order.logFile, code));
    } catch (error) {
      await enclosure.remove();
      throw error;
    }
  }

  #add(
    record: TreeRecord,
    main: MainProcess,
    enclosure: Enclosure,
    failureOf: TreeParts['failureOf'] = () => undefined,
  ): Tree {
    const { key } = record;
    const { clock, privileges } = this.#parts;
    const onGone = () => {
      if (this.#trees.get(key) === tree) this.#trees.delete(key);
    };
    const tree: Tree = new Tree({ record, main, enclosure, clock, failureOf, privileges, onGone });
    this.#trees.set(key, tree);
    return tree;
  }
}

/** What the next daemon needs of it. */
function kept({ level, user, capabilities }: Sandbox): Pick<Sandbox, 'level' | 'user' | 'capabilities'> {
  return { level, user, capabilities };
}

function requireAll(key: string, enforcement: readonly Enforcement[]): void {
  const open = enforcement.filter(({ by }) => by === 'not enforced');
  if (open.length === 0) return;
  const reasons = open.map(({ limit, why }) => `${limit} (${why})`).join(', ');
  throw new SlipwayError(
    'SLIP_LIMIT_UNENFORCED',
    `cannot start ${key} with strictLimits: this host can’t enforce ${reasons}; remove these limits or strictLimits`,
  );
}

/** Also what makes a key safe as the name of a folder. */
const keyPattern = /^[a-z0-9][a-z0-9.-]{0,127}$/;

function requireKey(key: string): void {
  if (keyPattern.test(key)) return;
  throw new SlipwayError('SLIP_INTERNAL', `cannot name a cgroup by the key ${JSON.stringify(key)}`);
}
