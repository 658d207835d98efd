/** The control plane as one object: what the API offers, put together from the parts that do it. */
import type { Cancel, Clock } from '../domain/clock.ts';
import { type Diagnosis, diagnose } from '../domain/diagnosis/diagnose.ts';
import type { CertificateFacts, HostFacts } from '../domain/diagnosis/facts.ts';
import { SlipwayError } from '../domain/errors.ts';
import type { Revision } from '../domain/revision.ts';
import { previousRevision, resize, revision, rollOut, type ServiceRecord, targetRevision } from '../domain/service.ts';
import type { Backend } from '../processes/contract.ts';
import type { RouterLink } from '../router-link/contract.ts';
import type { Audit } from './audit.ts';
import { type Claim, claimOf, surgeOf } from './capacity.ts';
import type { Configuration } from './configuration.ts';
import type { Actor, ApplyOptions, ApplyResult, Control, DeployOrder } from './contract.ts';
import { crashPoint } from './crash-points.ts';
import type { Candidate, Deployer } from './deployer.ts';
import { describeHistory, describeRevision, describeService } from './describe.ts';
import type { Fleet } from './fleet.ts';
import type { ServiceActor } from './service-actor.ts';
import type { AuditEvent, HostStatus, RevisionSummary, ServiceStatus } from './views.ts';

export interface ControlParts {
  readonly fleet: Fleet;
  readonly deployer: Deployer;
  readonly configuration: Configuration;
  readonly router: RouterLink;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly about: {
    readonly version: string;
    readonly home: string;
    readonly backend: Backend;
    readonly whyNoCgroup?: string;
    readonly adopted: number;
    readonly isolation: HostStatus['isolation'];
  };
  /** Looked up anew at each call. */
  readonly hostFacts: () => Promise<HostFacts>;
  readonly certificateFacts: () => Promise<readonly CertificateFacts[]>;
  /** Everything is stopped: the process may end. */
  readonly onDown: () => void;
}

/** What a new revision comes with: the record must still be one that it was made for. */
interface Occasion {
  readonly isStill: (record: ServiceRecord) => boolean;
  readonly also: (record: ServiceRecord) => ServiceRecord;
}

/** Same as in the configuration's schema. */
const maxInstances = 1000;

export class ControlPlane implements Control {
  readonly #parts: ControlParts;
  readonly #startedAt: number;
  #down: Promise<void> | undefined;

  constructor(parts: ControlParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.wallTime();
  }

  host(): HostStatus {
    const { about, router, configuration } = this.#parts;
    const config = configuration.status();
    return {
      ...about,
      pid: process.pid,
      startedAt: this.#startedAt,
      router: router.status(),
      ...this.#parts.fleet.capacity.status(),
      ...(config === undefined ? {} : { config }),
    };
  }

  async doctor(): Promise<Diagnosis> {
    const { router, config } = this.host();
    const [host, certificates, services] = await Promise.all([
      this.#parts.hostFacts(),
      this.#parts.certificateFacts(),
      this.services(),
    ]);
    const problem = config?.problem;
    return diagnose(host, { router, certificates, services, ...(problem !== undefined && { configProblem: problem }) });
  }

  services(): Promise<readonly ServiceStatus[]> {
    return Promise.all(this.#parts.fleet.services.map(service => this.#describe(service)));
  }

  async service(name: string): Promise<ServiceStatus> {
    return this.#describe(this.#parts.fleet.get(name));
  }

  apply(path: string, options: ApplyOptions, actor: Actor, signal?: AbortSignal): Promise<ApplyResult> {
    if (!options.dryRun) this.#refuseWhenStopping();
    return this.#parts.configuration.apply(path, options, actor, signal);
  }

  async deploy(name: string, order: DeployOrder, actor: Actor, signal?: AbortSignal): Promise<RevisionSummary> {
    this.#refuseWhenStopping();
    const { deployer } = this.#parts;
    const service = this.#changeable(name);
    const { instances } = order;
    if (instances !== undefined) {
      checkCount(instances);
      this.#requireRoom(service, { instances });
    }
    return deployer.holding(async () => {
      const release = await deployer.ingest(order.source, signal);
      for (;;) {
        const base = this.#target(service);
        const prepared = await deployer.prepare(release, { ...base.spec, package: order.source }, signal);
        const candidate = order.packageName === undefined ? prepared : { ...prepared, packageName: order.packageName };
        const cause = `deploy of ${candidate.packageName}`;
        const made = await this.#rollOut(service, candidate, cause, actor, {
          // Its spec may have been changed meanwhile, and that must not be lost.
          isStill: record => targetRevision(record) === base.number,
          also: record => (instances === undefined ? record : resize(record, instances)),
        });
        if (made !== undefined) return made;
      }
    });
  }

  async start(name: string, index: number | undefined, actor: Actor): Promise<void> {
    this.#refuseWhenStopping();
    const service = this.#known(name, index);
    if (index === undefined) this.#requireRoom(service, { isUp: true });
    await service.change(record => wantUp(record, index));
    service.startStuck(index);
    this.#record(actor, 'start', service, index, 'start');
  }

  async stop(name: string, index: number | undefined, actor: Actor): Promise<void> {
    this.#refuseWhenStopping();
    const service = this.#known(name, index);
    await service.change(record =>
      index === undefined
        ? { ...record, desired: 'down', restarting: [] }
        : {
            ...record,
            stopped: [...new Set([...record.stopped, index])].sort((a, b) => a - b),
            restarting: record.restarting.filter(one => one !== index),
          },
    );
    this.#record(actor, 'stop', service, index, 'stop');
  }

  async restart(name: string, index: number | undefined, actor: Actor): Promise<void> {
    this.#refuseWhenStopping();
    const service = this.#known(name, index);
    const ready = service.actors
      .filter(one => one.instance.state === 'ready' && (index === undefined || one.id.index === index))
      .map(one => one.id.index);
    await service.change(record => ({
      ...wantUp(record, index),
      restarting: [...new Set([...record.restarting, ...ready])],
    }));
    service.restartOthers(index, ready);
    this.#record(actor, 'restart', service, index, 'restart');
  }

  async scale(name: string, instances: number, actor: Actor): Promise<void> {
    this.#refuseWhenStopping();
    checkCount(instances);
    const service = this.#changeable(name);
    const before = service.record.instances;
    this.#requireRoom(service, { instances });
    await service.change(record => resize(record, instances));
    this.#record(actor, 'scale', service, undefined, `scale from ${before} to ${instances}`);
  }

  async history(name: string): Promise<readonly RevisionSummary[]> {
    return describeHistory(this.#parts.fleet.get(name).record);
  }

  async rollback(name: string, to: number | undefined, actor: Actor): Promise<RevisionSummary> {
    this.#refuseWhenStopping();
    const { deployer } = this.#parts;
    const service = this.#changeable(name);
    const past = to === undefined ? previousRevision(service.record) : revision(service.record, to);
    if (past === undefined) {
      const kept = service.record.revisions.map(one => one.number).join(', ');
      const what = to === undefined ? 'no earlier revision has served' : `revision ${to} is not kept`;
      throw new SlipwayError('SLIP_REVISION_UNKNOWN', `cannot roll ${name} back: ${what}; kept are: ${kept}`);
    }
    return deployer.holding(async () => {
      const candidate = await deployer.prepareAgain(past);
      const made = await this.#rollOut(service, candidate, `rollback to ${past.number}`, actor, {
        isStill: () => true,
        also: record => record,
      });
      if (made === undefined) throw new Error(`the rollback of ${name} was not recorded`);
      return made;
    });
  }

  async settled(name: string | undefined, signal: AbortSignal): Promise<readonly ServiceStatus[]> {
    const { fleet } = this.#parts;
    if (name === undefined) {
      await fleet.until(() => fleet.isSettled, signal);
      return this.services();
    }
    const service = fleet.get(name);
    await fleet.until(() => service.isSettled || fleet.find(name) !== service, signal);
    return [await this.#describe(service)];
  }

  async events(limit: number): Promise<readonly AuditEvent[]> {
    return this.#parts.audit.last(limit);
  }

  onEvent(listener: (event: AuditEvent) => void): Cancel {
    return this.#parts.audit.onEvent(listener);
  }

  down({ hurry }: { hurry: boolean }, actor: Actor): Promise<void> {
    const { fleet, router, audit, configuration } = this.#parts;
    if (this.#down === undefined) {
      audit.record({ kind: 'down', actor, message: `stopping everything${hurry ? ' at once' : ''}` });
      configuration.close();
      this.#down = fleet
        .leave(hurry ? 'hurry' : 'gently')
        .then(() => router.stop(hurry ? 0 : 5000))
        .finally(() => this.#parts.onDown());
    } else if (hurry) {
      fleet.hurry();
    }
    return this.#down;
  }

  #describe(service: ServiceActor): Promise<ServiceStatus> {
    return describeService(service, this.#parts.clock.now());
  }

  async #rollOut(
    service: ServiceActor,
    candidate: Candidate,
    cause: string,
    actor: Actor,
    { isStill, also }: Occasion,
  ): Promise<RevisionSummary | undefined> {
    this.#requireSurge(service);
    const createdAt = this.#parts.clock.wallTime();
    let number: number | undefined;
    const record = await service.change(one => {
      if (!isStill(one)) return one;
      number = one.nextRevision;
      return rollOut(also(one), { ...candidate, number, createdAt, cause }, createdAt);
    });
    if (number === undefined) return undefined;
    crashPoint('deploy.recorded');
    this.#record(actor, 'deploy', service, undefined, `revision ${number}: ${cause}`);
    const made = revision(record, number);
    if (made === undefined) throw new Error(`revision ${number} of ${service.name} is gone`);
    return describeRevision(made, record);
  }

  #target(service: ServiceActor): Revision {
    const made = revision(service.record, targetRevision(service.record));
    if (made === undefined) throw new Error(`service ${service.name} has no revision ${service.record.current}`);
    return made;
  }

  /** @throws SlipwayError SLIP_CAPACITY_EXCEEDED where the service would then request more than there is */
  #requireRoom(service: ServiceActor, change: Partial<Claim>): void {
    const { fleet } = this.#parts;
    const claims = fleet.services.map(one =>
      one === service ? { ...claimOf(one.record), ...change } : claimOf(one.record),
    );
    const was = claimOf(service.record);
    const grows = (change.instances ?? 0) > was.instances || (change.isUp === true && !was.isUp);
    if (grows) fleet.capacity.requireRoom(claims, new Set([service.name]));
  }

  /** A rollout that takes nothing away first needs room for one instance more. */
  #requireSurge({ name, record }: ServiceActor): void {
    const { fleet } = this.#parts;
    const surges = record.declared.rollout.maxUnavailable === 0 && record.instances > 0;
    const claims = fleet.services.map(one => claimOf(one.record));
    const surged = claims.map(claim => (claim.name === name && surges ? surgeOf(claim) : claim));
    fleet.capacity.requireRoom(surged, new Set([name]));
  }

  /** @throws SlipwayError SLIP_SERVICE_UNKNOWN */
  #changeable(name: string): ServiceActor {
    const service = this.#parts.fleet.get(name);
    if (!service.record.removing) return service;
    throw new SlipwayError('SLIP_SERVICE_UNKNOWN', `cannot change ${name}: it is being removed`);
  }

  #known(name: string, index: number | undefined): ServiceActor {
    const service = this.#changeable(name);
    const { instances } = service.record;
    if (index === undefined || index < instances) return service;
    throw new SlipwayError(
      'SLIP_INSTANCE_UNKNOWN',
      `cannot find ${name}/${index}: ${name} has ${instances === 0 ? 'no instances' : `instances 0 to ${instances - 1}`}`,
    );
  }

  #record(actor: Actor, kind: string, service: ServiceActor, index: number | undefined, message: string): void {
    const instance = index === undefined ? {} : { instance: `${service.name}/${index}` };
    this.#parts.audit.record({ kind, service: service.name, ...instance, actor, message });
  }

  #refuseWhenStopping(): void {
    if (this.#down === undefined) return;
    throw new SlipwayError('SLIP_STOPPING', 'cannot change anything: the daemon is going down; start it again first');
  }
}

/** Where one instance of a stopped service is wanted, the others stay as they are. */
function wantUp(record: ServiceRecord, index: number | undefined): ServiceRecord {
  const before = record.desired === 'up' ? record.stopped : Array.from({ length: record.instances }, (_, at) => at);
  return { ...record, desired: 'up', stopped: index === undefined ? [] : before.filter(one => one !== index) };
}

function checkCount(instances: number): void {
  if (Number.isInteger(instances) && instances >= 0 && instances <= maxInstances) return;
  throw new SlipwayError('SLIP_REQUEST_INVALID', `cannot run ${instances} instances; expected 0 to ${maxInstances}`);
}
