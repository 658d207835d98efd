/** A control plane in memory: it keeps the promises of `Control`, and its instances are only said to exist. */
import { access, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parse } from 'yaml';
import type { Actor, ApplyOptions, ApplyResult, Control, DeployOrder } from '../../src/control/contract.ts';
import type {
  AuditEvent,
  HostStatus,
  InstanceStatus,
  RevisionSummary,
  ServiceStatus,
} from '../../src/control/views.ts';
import type { PlannedChange } from '../../src/domain/change.ts';
import type { Diagnosis } from '../../src/domain/diagnosis/diagnose.ts';
import type { Finding } from '../../src/domain/diagnosis/finding.ts';
import { SlipwayError } from '../../src/domain/errors.ts';

interface Service {
  status: ServiceStatus;
  revisions: RevisionSummary[];
}

export class MemoryControl implements Control {
  readonly #services = new Map<string, Service>();
  readonly #events: AuditEvent[] = [];
  readonly #listeners = new Set<(event: AuditEvent) => void>();
  #settled = Promise.resolve();
  /** Thrown by the next call of anything that can fail. */
  failure: unknown;
  findings: Finding[] = [];
  downCalls: { hurry: boolean }[] = [];
  onDown: () => void = () => {};

  constructor(names: Readonly<Record<string, number>> = {}) {
    for (const [name, instances] of Object.entries(names)) this.add(name, instances);
  }

  add(name: string, instances: number): void {
    const revision = this.#revision(1, `${name}-1.0.0.tgz`, 'first deploy');
    const status: ServiceStatus = {
      name,
      state: 'ready',
      desired: 'up',
      wanted: instances,
      ready: instances,
      revision: 1,
      package: revision.package,
      release: revision.release,
      runtime: revision.runtime,
      command: ['/usr/bin/node', 'server.js'],
      routes: [{ host: `${name}.localhost`, path: '/', stripPrefix: false }],
      tcp: [],
      limits: { memory: 268_435_456, cpu: 0.5 },
      totalLimits: {},
      requests: {},
      dependsOn: [],
      env: { LOG_LEVEL: 'info', DB_PASSWORD: '[hidden]' },
      instances: [],
    };
    this.#services.set(name, { status, revisions: [revision] });
    this.#show(name, { instances: this.#instances(name, instances, 1) });
  }

  /** From now on nothing settles until the returned function is called. */
  unsettle(): () => void {
    let release = () => {};
    this.#settled = new Promise(resolve => {
      release = resolve;
    });
    return release;
  }

  /** Says of an instance what a real one would make come true. */
  set(name: string, index: number, change: Partial<InstanceStatus>): void {
    const { instances } = this.#get(name).status;
    const changed = instances.map(instance => (instance.index === index ? { ...instance, ...change } : instance));
    this.#show(name, { instances: changed });
  }

  /** The same of a whole service. */
  setService(name: string, change: Partial<ServiceStatus>): void {
    this.#show(name, change);
  }

  emit(event: Omit<AuditEvent, 'at'>): void {
    const whole = { at: 1_700_000_000_000 + this.#events.length, ...event };
    this.#events.push(whole);
    for (const listener of this.#listeners) listener(whole);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  host(): HostStatus {
    return {
      version: '0.1.0',
      pid: process.pid,
      home: '/var/lib/slipway',
      startedAt: 1_700_000_000_000,
      backend: 'cgroup-v2',
      isolation: { standard: true, strict: 'bwrap is missing (Debian: bubblewrap)' },
      capacity: { cpu: 2, memory: 2 ** 32 },
      requested: { cpu: 0.5, memory: 2 ** 28 },
      router: { state: 'running', pid: 4242, listen: ['0.0.0.0:8080'], table: 7 },
      config: { path: '/etc/slipway.yaml' },
      adopted: 0,
    };
  }

  async doctor(): Promise<Diagnosis> {
    return { daemon: true, findings: this.findings };
  }

  async services(): Promise<readonly ServiceStatus[]> {
    this.#fail();
    return [...this.#services.values()].map(service => service.status).sort((a, b) => a.name.localeCompare(b.name));
  }

  async service(name: string): Promise<ServiceStatus> {
    this.#fail();
    return this.#get(name).status;
  }

  async apply(path: string, { dryRun }: ApplyOptions, actor: Actor): Promise<ApplyResult> {
    const text = await readFile(path, 'utf8').catch(() => {
      throw new SlipwayError('SLIP_CONFIG_UNREADABLE', `cannot read ${path}`);
    });
    const { services } = parse(text) as { services?: Record<string, { instances?: number }> };
    if (!services) {
      throw new SlipwayError('SLIP_CONFIG_INVALID', `cannot apply ${path}`, { details: [`${path}:1:1: no services`] });
    }
    const changes: PlannedChange[] = [];
    for (const [service, { instances = 1 }] of Object.entries(services)) {
      const wanted = this.#services.get(service)?.status.wanted;
      if (wanted === undefined) changes.push({ service, action: 'add', details: [] });
      else if (wanted !== instances) {
        changes.push({ service, action: 'change', details: [`instances: ${wanted} → ${instances}`] });
      }
      if (!dryRun && wanted === undefined) this.add(service, instances);
      else if (!dryRun) await this.scale(service, instances, actor);
    }
    for (const service of this.#services.keys()) {
      if (service in services) continue;
      changes.push({ service, action: 'remove', details: [] });
      if (!dryRun) this.#services.delete(service);
    }
    return { changes, dryRun };
  }

  /** A package with `broken` in its name never becomes ready. */
  async deploy(name: string, { source, packageName, instances }: DeployOrder, actor: Actor): Promise<RevisionSummary> {
    const service = this.#get(name);
    if (source.kind === 'path') {
      await access(source.path).catch(() => {
        throw new SlipwayError('SLIP_PACKAGE_UNREADABLE', `cannot read ${source.path}`);
      });
    }
    const shown = packageName ?? basename(source.kind === 'path' ? source.path : source.url);
    const from = service.status.revision;
    const next = this.#revision(service.revisions.length + 1, shown, `deploy of ${shown}`);
    service.revisions = [next, ...service.revisions.map(revision => ({ ...revision, current: false }))];
    const rollout = { from, to: next.number, startedAt: 1_700_000_000_000 };
    if (shown.includes('broken')) {
      this.#show(name, { rollout: { ...rollout, state: 'failed', reason: 'readiness: connection refused' } });
    } else {
      const count = instances ?? service.status.wanted;
      this.#show(name, {
        revision: next.number,
        package: shown,
        wanted: count,
        rollout: { ...rollout, state: 'succeeded' },
        instances: this.#instances(name, count, next.number),
      });
    }
    this.emit({ kind: 'deploy', service: name, actor, message: next.cause });
    return next;
  }

  async start(name: string, index: number | undefined, actor: Actor): Promise<void> {
    this.#each(name, index, instance => ({ ...instance, state: 'ready', pid: 5000 + instance.index }));
    this.emit({ kind: 'start', service: name, actor, message: 'started' });
  }

  async stop(name: string, index: number | undefined, actor: Actor): Promise<void> {
    this.#each(name, index, ({ pid: _pid, uptime: _uptime, usage: _usage, ...instance }) => ({
      ...instance,
      state: 'stopped',
    }));
    this.emit({ kind: 'stop', service: name, actor, message: 'stopped' });
  }

  async restart(name: string, index: number | undefined, actor: Actor): Promise<void> {
    this.#each(name, index, instance => ({ ...instance, state: 'ready', pid: (instance.pid ?? 5000) + 100 }));
    this.emit({ kind: 'restart', service: name, actor, message: 'restarted' });
  }

  async scale(name: string, instances: number, actor: Actor): Promise<void> {
    const { revision } = this.#get(name).status;
    this.#show(name, { wanted: instances, instances: this.#instances(name, instances, revision) });
    this.emit({ kind: 'scale', service: name, actor, message: `to ${instances}` });
  }

  async history(name: string): Promise<readonly RevisionSummary[]> {
    return this.#get(name).revisions;
  }

  async rollback(name: string, to: number | undefined, actor: Actor): Promise<RevisionSummary> {
    const { revisions, status } = this.#get(name);
    const target = revisions.find(revision => revision.number === (to ?? status.revision - 1));
    if (!target) throw new SlipwayError('SLIP_REVISION_UNKNOWN', `cannot find revision ${to} of ${name}`);
    return this.deploy(name, { source: { kind: 'path', path: '/' }, packageName: target.package }, actor);
  }

  async settled(name: string | undefined, signal: AbortSignal): Promise<readonly ServiceStatus[]> {
    await Promise.race([
      this.#settled,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
    ]);
    return name === undefined ? this.services() : [await this.service(name)];
  }

  async events(limit: number): Promise<readonly AuditEvent[]> {
    return this.#events.slice(Math.max(0, this.#events.length - limit));
  }

  onEvent(listener: (event: AuditEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async down(options: { hurry: boolean }): Promise<void> {
    this.downCalls.push(options);
    this.onDown();
  }

  #fail(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
  }

  #get(name: string): Service {
    const service = this.#services.get(name);
    if (!service) throw new SlipwayError('SLIP_SERVICE_UNKNOWN', `cannot find a service named ${name}`);
    return service;
  }

  #each(name: string, index: number | undefined, change: (instance: InstanceStatus) => InstanceStatus): void {
    const { instances } = this.#get(name).status;
    if (index !== undefined && !instances.some(instance => instance.index === index)) {
      throw new SlipwayError('SLIP_INSTANCE_UNKNOWN', `cannot find instance ${name}/${index}`);
    }
    this.#show(name, {
      instances: instances.map(instance =>
        index === undefined || instance.index === index ? change(instance) : instance,
      ),
    });
  }

  #show(name: string, change: Partial<ServiceStatus>): void {
    const service = this.#get(name);
    const status = { ...service.status, ...change };
    const ready = status.instances.filter(instance => instance.state === 'ready').length;
    const stopped = status.instances.every(instance => instance.state === 'stopped');
    const state = stopped ? 'stopped' : ready === status.wanted ? 'ready' : ready > 0 ? 'degraded' : 'down';
    service.status = { ...status, ready, state, desired: stopped ? 'down' : 'up' };
  }

  #instances(service: string, count: number, revision: number): InstanceStatus[] {
    return Array.from({ length: count }, (_, index) => ({
      service,
      index,
      revision,
      state: 'ready',
      pid: 5000 + index,
      port: 20_000 + index,
      restarts: 0,
      uptime: 192_000,
      usage: {
        cpuSeconds: 1.92,
        memory: 35_651_584,
        processes: 1,
        openFiles: 21,
        readBytes: 4096,
        writtenBytes: 8192,
        throttledSeconds: 0.5,
        pressure: { cpu: 0.1, memory: 0, io: 0.2 },
      },
      limits: [
        { limit: 'memory', asked: 2 ** 28, inForce: 2 ** 28, by: 'cgroup-v2' },
        { limit: 'cpu', asked: 0.5, by: 'not enforced', why: 'the host has no cpu controller' },
      ],
    }));
  }

  #revision(number: number, packageName: string, cause: string): RevisionSummary {
    const release = number.toString(16).repeat(64).slice(0, 64);
    const createdAt = 1_700_000_000_000 + number;
    return { number, release, package: packageName, runtime: 'node 20.20.2', createdAt, cause, current: true };
  }
}
