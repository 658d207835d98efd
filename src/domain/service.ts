/**
 * The desired state of one service and its history: what `services/NAME.json` holds. Every change is a pure function
 * from one record to the next.
 */
import type { Milliseconds } from './clock.ts';
import type { Digest, Revision } from './revision.ts';
import type { ServiceSpec } from './spec.ts';

export interface Rollout {
  readonly from: number;
  readonly to: number;
  readonly state: 'rolling' | 'reverting' | 'succeeded' | 'failed';
  readonly reason?: string;
  /** Unix time. */
  readonly startedAt: Milliseconds;
}

export interface ServiceRecord {
  readonly name: string;
  readonly desired: 'up' | 'down';
  /** How many instances; the configuration's number until `scale` or `deploy --instances` changes it. */
  readonly instances: number;
  /** Indexes that a user stopped one by one. */
  readonly stopped: readonly number[];
  /** Indexes that are still to be restarted, one after the other. */
  readonly restarting: readonly number[];
  /** Oldest first. */
  readonly revisions: readonly Revision[];
  readonly nextRevision: number;
  /** Numbers of the revisions that have served, in that order. */
  readonly served: readonly number[];
  /** The revision that serves, or should; a rollout that succeeds moves it on. */
  readonly current: number;
  /** The last one, under way or over. */
  readonly rollout?: Rollout;
  /**
   * As the configuration last said: to tell what in it changed, and for all that needs no new process (routes,
   * limits, restart, rollout, stop, dependsOn, keepRevisions).
   */
  readonly declared: ServiceSpec;
  /** What `declared.package` was when it was applied: a file may change under the same path. */
  readonly declaredRelease: Digest;
  /** The service is to vanish once its last instance did. */
  readonly removing: boolean;
}

export function isRolling(record: ServiceRecord): boolean {
  return record.rollout?.state === 'rolling' || record.rollout?.state === 'reverting';
}

/** What all instances should be of right now. */
export function targetRevision(record: ServiceRecord): number {
  return record.rollout?.state === 'rolling' ? record.rollout.to : record.current;
}

export function revision(record: ServiceRecord, number: number): Revision | undefined {
  return record.revisions.find(one => one.number === number);
}

export function firstRecord(first: Revision): ServiceRecord {
  return {
    name: first.spec.name,
    desired: 'up',
    instances: first.spec.instances,
    stopped: [],
    restarting: [],
    revisions: [first],
    nextRevision: first.number + 1,
    served: [first.number],
    current: first.number,
    declared: first.spec,
    declaredRelease: first.release,
    removing: false,
  };
}

/**
 * Adds a revision and begins the rollout to it. One that is already rolling is superseded: the way goes from the
 * revision that still serves to the newest. Where the service is down there is nothing to roll: it is just next.
 */
export function rollOut(record: ServiceRecord, next: Revision, startedAt: Milliseconds): ServiceRecord {
  const revisions = [...record.revisions, next];
  const base = { ...record, revisions, nextRevision: next.number + 1, restarting: [] };
  if (record.desired === 'down') return prune(moveTo(base, next.number));
  return { ...base, rollout: { from: record.current, to: next.number, state: 'rolling', startedAt } };
}

export function revert(record: ServiceRecord, reason: string): ServiceRecord {
  if (record.rollout?.state !== 'rolling') return record;
  return { ...record, rollout: { ...record.rollout, state: 'reverting', reason } };
}

/** All instances are of the target and available: the rollout is over, one way or the other. */
export function concludeRollout(record: ServiceRecord): ServiceRecord {
  const { rollout } = record;
  if (rollout?.state === 'rolling') {
    return prune({ ...moveTo(record, rollout.to), rollout: { ...rollout, state: 'succeeded' } });
  }
  if (rollout?.state === 'reverting') return prune({ ...record, rollout: { ...rollout, state: 'failed' } });
  return record;
}

/** Keeps the last K revisions, and always the current one. During a rollout instances of any may run, so all stay. */
function prune(record: ServiceRecord): ServiceRecord {
  if (isRolling(record)) return record;
  const keep = record.declared.keepRevisions;
  const revisions = record.revisions.filter(
    (one, at) => at >= record.revisions.length - keep || one.number === record.current,
  );
  return { ...record, revisions, served: record.served.filter(number => revisions.some(one => one.number === number)) };
}

/**
 * What the configuration says now, against what it said before: a number or a package that a user changed since (by
 * `scale`, by `deploy`) stays, unless the configuration changed it too. Nothing is rolled out by this.
 */
export function declare(record: ServiceRecord, spec: ServiceSpec, release: Digest): ServiceRecord {
  const scaled = spec.instances !== record.declared.instances;
  const back = record.removing ? ({ ...record, removing: false, desired: 'up', stopped: [] } as const) : record;
  const sized = scaled ? resize(back, spec.instances) : back;
  return prune({ ...sized, declared: spec, declaredRelease: release });
}

/** What was said of an instance goes with it. */
export function resize(record: ServiceRecord, instances: number): ServiceRecord {
  const isLeft = (index: number) => index < instances;
  return {
    ...record,
    instances,
    stopped: record.stopped.filter(isLeft),
    restarting: record.restarting.filter(isLeft),
  };
}

/** Whether a process of one spec would be no different under the other. */
export function runsAlike(one: ServiceSpec, other: ServiceSpec): boolean {
  return JSON.stringify(runPart(one)) === JSON.stringify(runPart(other));
}

function runPart(spec: ServiceSpec): unknown {
  const { runtime, command, args, runtimeArgs, port, socket, env, probes, isolation, secrets, pinRuntime } = spec;
  const sorted = [Object.entries(env).sort(), Object.entries(secrets).sort()];
  return [runtime, command, args, runtimeArgs, port, socket, ...sorted, probes, isolation, pinRuntime];
}

/** The revision that a rollback without a number goes to: the last that served and isn't what all should be of now. */
export function previousRevision(record: ServiceRecord): Revision | undefined {
  const target = revision(record, targetRevision(record));
  return record.served
    .toReversed()
    .map(number => revision(record, number))
    .find(one => one !== undefined && !isSameRun(one, target));
}

function moveTo(record: ServiceRecord, number: number): ServiceRecord {
  return { ...record, current: number, served: [...record.served.filter(one => one !== number), number] };
}

function isSameRun(one: Revision, other: Revision | undefined): boolean {
  return other !== undefined && one.release === other.release && runsAlike(one.spec, other.spec);
}
