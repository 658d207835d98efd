/**
 * From slipway.yaml to records. Everything that can be refused is done first (the file, each package, each runtime,
 * the addresses); only then is anything touched, and only what changed. Done again after a crash half-way, it goes on
 * where it was, since each service remembers what was declared of it.
 */
import { isDeepStrictEqual } from 'node:util';
import { planChanges } from '../config/plan.ts';
import type { PlannedChange } from '../domain/change.ts';
import type { Clock } from '../domain/clock.ts';
import { SlipwayError } from '../domain/errors.ts';
import type { Digest, RuntimeChoice } from '../domain/revision.ts';
import {
  declare,
  firstRecord,
  revision,
  rollOut,
  runsAlike,
  type ServiceRecord,
  targetRevision,
} from '../domain/service.ts';
import type { ProjectSpec, ServiceSpec } from '../domain/spec.ts';
import { type Claim, claimOf } from './capacity.ts';
import type { Candidate, Deployer } from './deployer.ts';
import type { Fleet } from './fleet.ts';
import { runtimeInWords } from './runtime-words.ts';

/** What one service is to become. Without a candidate no process changes. */
interface Prepared {
  readonly spec: ServiceSpec;
  readonly release: Digest;
  readonly candidate: Candidate | undefined;
  /** What all instances should have been of at that time; `undefined` where there was no such service. */
  readonly base: number | undefined;
  /** The runtime that could not be started again, where that is all that makes a candidate. */
  readonly replaces?: RuntimeChoice;
}

export class Applier {
  readonly #fleet: Fleet;
  readonly #deployer: Deployer;
  readonly #clock: Clock;

  constructor(fleet: Fleet, deployer: Deployer, clock: Clock) {
    this.#fleet = fleet;
    this.#deployer = deployer;
    this.#clock = clock;
  }

  /**
   * @param commit takes what applies to no single service (addresses, ports, limits) just before the services change
   * @throws SlipwayError and nothing was touched, if it comes from before or from `commit`
   */
  async apply(
    before: ProjectSpec | undefined,
    after: ProjectSpec,
    options: {
      readonly dryRun: boolean;
      readonly commit: () => Promise<void>;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<readonly PlannedChange[]> {
    return this.#deployer.holding(async () => {
      const prepared = await this.#prepareAll(after, options.signal);
      const changes = withPackages(planChanges(before, after), prepared, name => this.#fleet.find(name)?.record);
      this.#requireRoom(before, after);
      if (options.dryRun) return changes;
      await options.commit();
      for (const one of prepared) await this.#declare(one, after, options.signal);
      const dropped = this.#fleet.services.filter(service => after.services[service.name] === undefined);
      for (const service of dropped) {
        await service.change(record => ({ ...record, removing: true, restarting: [] }));
      }
      return changes;
    });
  }

  /** A number that was changed by `scale` stays, unless the configuration changes it. */
  #requireRoom(before: ProjectSpec | undefined, after: ProjectSpec): void {
    const claims = Object.values(after.services).map((spec): Claim => {
      const record = this.#fleet.find(spec.name)?.record;
      const kept = record !== undefined && record.declared.instances === spec.instances;
      const { name, requests } = spec;
      const isUp = record === undefined || record.removing || record.desired === 'up';
      return { name, requests, instances: kept ? record.instances : spec.instances, isUp };
    });
    const growing = claims.filter(claim => {
      const record = this.#fleet.find(claim.name)?.record;
      return record === undefined || !isWithin(claim, claimOf(record));
    });
    const lowered = !isDeepStrictEqual(before?.capacity, after.capacity);
    this.#fleet.capacity.requireRoom(
      claims,
      new Set((lowered ? claims : growing).map(({ name }) => name)),
      after.capacity,
    );
  }

  async #prepareAll(after: ProjectSpec, signal: AbortSignal | undefined): Promise<readonly Prepared[]> {
    const results = await Promise.allSettled(
      Object.values(after.services).map(spec => this.#prepare(spec, after, signal)),
    );
    const problems = results.flatMap(result => (result.status === 'rejected' ? [result.reason as unknown] : []));
    if (problems.length > 0) throw together(problems);
    return results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
  }

  async #prepare(spec: ServiceSpec, after: ProjectSpec, signal: AbortSignal | undefined): Promise<Prepared> {
    const release = await this.#deployer.ingest(spec.package, signal, after).catch(error => {
      throw inService(spec.name, error);
    });
    const record = this.#fleet.find(spec.name)?.record;
    const base = record && targetRevision(record);
    const target = record && revision(record, targetRevision(record));
    const samePackage = record?.declaredRelease === release.digest;
    const isAlike = record !== undefined && target !== undefined && samePackage && runsAlike(spec, record.declared);
    // What could not be started again is accepted anew.
    if (isAlike && (await this.#deployer.canRun(target.runtime))) {
      return { spec, release: release.digest, candidate: undefined, base };
    }
    // A package that `deploy` brought stays until the configuration names another one.
    const keeps = samePackage && target !== undefined && target.release !== release.digest;
    const run = keeps ? await this.#deployer.find(target.release) : release;
    const candidate = await this.#deployer
      .prepare(run, keeps ? { ...spec, package: target.spec.package } : spec, signal, after)
      .catch(error => {
        throw inService(spec.name, error);
      });
    const replaces = isAlike ? target.runtime : undefined;
    return { spec, release: release.digest, candidate, base, ...(replaces && { replaces }) };
  }

  /** A deploy, a rollback or the end of a removal may have come meanwhile: then it is prepared once more. */
  async #declare(first: Prepared, after: ProjectSpec, signal: AbortSignal | undefined): Promise<void> {
    let prepared = first;
    while (!(await this.#tryDeclare(prepared))) prepared = await this.#prepare(first.spec, after, signal);
  }

  /** @returns whether the service still was what it was prepared for */
  async #tryDeclare({ spec, release, candidate, base }: Prepared): Promise<boolean> {
    const createdAt = this.#clock.wallTime();
    const cause = 'configuration';
    const service = this.#fleet.find(spec.name);
    if (service === undefined) {
      if (base !== undefined || candidate === undefined) return false;
      await this.#fleet.add(firstRecord({ ...candidate, number: 1, createdAt, cause }));
      return true;
    }
    let isStill = false;
    try {
      await service.change(record => {
        isStill = targetRevision(record) === base;
        if (!isStill) return record;
        const declared = declare(record, spec, release);
        if (candidate === undefined) return isSame(record, declared) ? record : declared;
        return rollOut(declared, { ...candidate, number: record.nextRevision, createdAt, cause }, createdAt);
      });
    } catch (error) {
      if (this.#fleet.find(spec.name) === service) throw error;
    }
    return isStill;
  }
}

function isWithin(one: Claim, other: Claim): boolean {
  const { cpu = 0, memory = 0 } = one.requests;
  return (
    other.isUp &&
    one.instances <= other.instances &&
    cpu <= (other.requests.cpu ?? 0) &&
    memory <= (other.requests.memory ?? 0)
  );
}

function isSame(one: ServiceRecord, other: ServiceRecord): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A file can change under the same path, and a runtime on the host; the specs alone don't show that. */
function withPackages(
  changes: readonly PlannedChange[],
  prepared: readonly Prepared[],
  recordOf: (name: string) => ServiceRecord | undefined,
): readonly PlannedChange[] {
  const more = prepared.flatMap(({ spec, release, candidate, replaces }): PlannedChange[] => {
    const before = recordOf(spec.name)?.declaredRelease;
    if (replaces !== undefined && candidate !== undefined) {
      const detail = `runtime: ${runtimeInWords(replaces)} → ${runtimeInWords(candidate.runtime)}`;
      return [{ service: spec.name, action: 'change', details: [detail] }];
    }
    if (before === undefined || before === release) return [];
    const detail = `package content: ${before.slice(0, 12)} → ${release.slice(0, 12)}`;
    return [{ service: spec.name, action: 'change', details: [detail] }];
  });
  const merged = changes.map(change => {
    const same = more.find(one => one.service === change.service && change.action === 'change');
    return same === undefined ? change : { ...change, details: [...change.details, ...same.details] };
  });
  const named = new Set(changes.map(change => change.service));
  return [...merged, ...more.filter(one => !named.has(one.service))];
}

function inService(name: string, error: unknown): unknown {
  if (!(error instanceof SlipwayError)) return error;
  return new SlipwayError(error.code, `${error.message} (service ${name})`, { cause: error, details: error.details });
}

/** All problems at once; the first gives the code. */
function together(problems: readonly unknown[]): unknown {
  const bug = problems.find(problem => !(problem instanceof SlipwayError));
  if (bug !== undefined) return bug;
  const [first, ...others] = problems as readonly SlipwayError[];
  if (first === undefined || others.length === 0) return first;
  const details = [...first.details, ...others.flatMap(one => [one.message, ...one.details])];
  return new SlipwayError(first.code, first.message, { cause: first, details });
}
