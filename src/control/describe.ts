/** From what is, to what is shown. Secrets end here: a view holds their names only. */
import { redactEnv } from '../config/redact.ts';
import type { Milliseconds } from '../domain/clock.ts';
import { reasonInWords } from '../domain/instance/restart.ts';
import type { Revision } from '../domain/revision.ts';
import { revision, type ServiceRecord, targetRevision } from '../domain/service.ts';
import type { TreeRecord } from '../processes/contract.ts';
import type { InstanceActor } from './instance-actor.ts';
import type { Level } from './isolation.ts';
import { runtimeChange, runtimeInWords } from './runtime-words.ts';
import type { ServiceActor } from './service-actor.ts';
import type { InstanceStatus, IsolationView, RevisionSummary, ServiceState, ServiceStatus } from './views.ts';

export async function describeService(service: ServiceActor, now: Milliseconds): Promise<ServiceStatus> {
  const { record } = service;
  const target = revision(record, targetRevision(record));
  const instances = await Promise.all(service.actors.map(actor => describeInstance(actor, now)));
  const wanted = record.desired === 'up' && !record.removing ? record.instances - stoppedOf(record) : 0;
  const ready = instances.filter(one => one.state === 'ready').length;
  return {
    name: record.name,
    state: stateOf(wanted, ready, instances),
    desired: record.removing ? 'down' : record.desired,
    wanted,
    ready,
    revision: record.current,
    package: target?.packageName ?? '',
    release: target?.release ?? '',
    runtime: target === undefined ? '' : runtimeInWords(target.runtime),
    command: target?.launch.argv ?? [],
    routes: record.declared.routes.map(({ host, path, stripPrefix }) => ({
      ...(host === undefined ? {} : { host }),
      path,
      stripPrefix,
    })),
    tcp: record.declared.tcp,
    limits: record.declared.limits,
    totalLimits: record.declared.totalLimits,
    requests: record.declared.requests,
    ...(service.waits === undefined ? {} : { waits: service.waits }),
    dependsOn: record.declared.dependsOn,
    env: target === undefined ? {} : redactEnv(target.spec),
    ...(record.rollout === undefined ? {} : { rollout: record.rollout }),
    instances,
  };
}

async function describeInstance(actor: InstanceActor, now: Milliseconds): Promise<InstanceStatus> {
  const { instance, tree, place, runtimeVersion } = actor;
  const reason = reasonInWords(instance, now);
  const usage = await tree?.usage();
  return {
    service: actor.id.service,
    index: actor.id.index,
    revision: actor.id.revision,
    state: instance.state,
    ...(reason === undefined ? {} : { reason }),
    ...(tree === undefined ? {} : { pid: tree.record.identity.pid }),
    ...(place?.port === undefined ? {} : { port: place.port }),
    ...(place?.socket === undefined ? {} : { socket: place.socket }),
    ...(runtimeVersion === undefined || tree === undefined
      ? {}
      : { note: runtimeChange(actor.revision.runtime, runtimeVersion) }),
    restarts: instance.history.total,
    ...(tree === undefined || instance.launchedAt === undefined ? {} : { uptime: now - instance.launchedAt }),
    ...(usage === undefined ? {} : { usage }),
    limits: tree?.enforcement ?? [],
    ...(tree === undefined ? {} : { isolation: isolationOf(tree.record, actor.isolation) }),
  };
}

function isolationOf({ sandbox }: TreeRecord, { why }: Level): IsolationView {
  if (sandbox) return { level: sandbox.level, user: `${sandbox.user.name} (${sandbox.user.uid})` };
  return { level: 'none', ...(why === undefined ? {} : { why }) };
}

/** Newest first. */
export function describeHistory(record: ServiceRecord): readonly RevisionSummary[] {
  return record.revisions.map(one => describeRevision(one, record)).reverse();
}

export function describeRevision(one: Revision, record: ServiceRecord): RevisionSummary {
  return {
    number: one.number,
    release: one.release,
    package: one.packageName,
    runtime: runtimeInWords(one.runtime),
    createdAt: one.createdAt,
    cause: one.cause,
    current: one.number === record.current,
  };
}

function stoppedOf(record: ServiceRecord): number {
  return record.stopped.filter(index => index < record.instances).length;
}

function stateOf(wanted: number, ready: number, instances: readonly InstanceStatus[]): ServiceState {
  const over = instances.every(one => one.state === 'stopped' || (wanted === 0 && one.state === 'failed'));
  if (wanted === 0) return over ? 'stopped' : 'stopping';
  if (ready >= wanted) return 'ready';
  const some = (...states: readonly string[]) => instances.some(one => states.includes(one.state));
  if (ready > 0) return 'degraded';
  if (some('starting', 'launching', 'recovering') || instances.length === 0) return 'starting';
  if (over) return 'stopped';
  return some('backoff', 'unready', 'draining', 'stopping', 'killing') || !some('failed') ? 'down' : 'failed';
}
