/**
 * The daemon put together. Crash-only: starting is recovering, and the order here is what makes it safe. The lock
 * comes before anything is touched; all instances are found again before a table is published, so that none is
 * withdrawn; the API opens last.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveMetrics } from './api/metrics-server.ts';
import { serveApi } from './api/server.ts';
import { defaultProject } from './config/defaults.ts';
import { Applier } from './control/applier.ts';
import { Audit } from './control/audit.ts';
import { certificateFacts } from './control/certificate-facts.ts';
import { systemClock } from './control/clock.ts';
import { Configuration } from './control/configuration.ts';
import type { Control } from './control/contract.ts';
import { ControlPlane } from './control/control.ts';
import { crashPoint } from './control/crash-points.ts';
import { Deployer } from './control/deployer.ts';
import { Fleet } from './control/fleet.ts';
import { hostFacts } from './control/host-facts.ts';
import type { InstanceWorld } from './control/instance-world.ts';
import { Isolation } from './control/isolation.ts';
import { Ports } from './control/ports.ts';
import { listensOf, settingsOf } from './control/router-settings.ts';
import { Routing } from './control/routing.ts';
import { Sockets } from './control/sockets.ts';
import { Upkeep } from './control/upkeep.ts';
import { Users } from './control/users.ts';
import type { RouterSettings } from './domain/router-spec.ts';
import type { ProjectSpec } from './domain/spec.ts';
import type { Log } from './logger.ts';
import { createLogStore } from './logs/store.ts';
import { Counters } from './metrics/counters.ts';
import { createMetrics } from './metrics/metrics.ts';
import { createReleaseStore } from './packages/release-store.ts';
import { createProber } from './probes/prober.ts';
import { createProcessHost } from './processes/host.ts';
import { readBootId } from './processes/identity.ts';
import { routerCommand } from './router-link/command.ts';
import { createRouterLink } from './router-link/link.ts';
import { socketPath } from './router-link/socket-path.ts';
import { createRuntimes } from './runtimes/runtimes.ts';
import type { AppliedConfig } from './state/contract.ts';
import { lockHome } from './state/lock.ts';
import { openStateStore } from './state/store.ts';

export interface DaemonOptions {
  readonly home: string;
  readonly version: string;
  readonly log: Log;
}

export interface Daemon {
  readonly control: Control;
  /** Ends the daemon only: instances and router run on. Idempotent. */
  leave(): Promise<void>;
  /** Applies the followed slipway.yaml again. What is wrong with it is an event, and shown in the host's status. */
  reload(): Promise<void>;
  /** Resolves when the daemon has let go of everything, after `leave` or `control.down`. */
  readonly ended: Promise<void>;
}

/** @throws SlipwayError SLIP_DAEMON_RUNNING, SLIP_STATE_*, SLIP_LISTEN_FAILED */
export async function startDaemon({ home, version, log }: DaemonOptions): Promise<Daemon> {
  for (const folder of [home, join(home, 'run'), join(home, 'logs')]) {
    await mkdir(folder, { recursive: true, mode: 0o750 });
  }
  const lock = lockHome(home);
  const clock = systemClock;
  const audit = await Audit.open(home, clock, error => log.error({ err: error }, 'cannot write the event log'));
  audit.onEvent(({ at: _at, message, ...event }) => log.info(event, message));

  const store = await openStateStore(home);
  const applied = await store.config();
  let project = applied?.project ?? defaultProject();

  const host = await createProcessHost({ home, clock });
  if (host.whyNoCgroup !== undefined) log.warn(`limits are not enforced: ${host.whyNoCgroup}`);
  const logs = createLogStore({ home, clock, onProblem: problem => log.warn(problem) });
  const releases = createReleaseStore(home);
  const router = createRouterLink({ home, clock, log, routerCommand: routerCommand(...thisProgram()) });
  const counters = new Counters();
  let settings: RouterSettings = settingsOf(project.router);
  const ports = new Ports(project.ports);
  const routing = new Routing(router, () => ({ settings, services: fleet.table() }));
  const runtimes = createRuntimes({
    preparedDir: (digest, key) => releases.preparedDir(digest, key),
    pinnedDir: join(home, 'runtimes'),
  });
  const isolation = new Isolation(home, host.isolation, new Users(store, home));
  const world: InstanceWorld = {
    clock,
    random: Math.random,
    bootId: readBootId(),
    host,
    runtimes,
    isolation,
    prober: createProber({ clock }),
    logs,
    ports,
    sockets: new Sockets(home),
    routing,
    store,
    counters,
    audit,
  };
  const fleet = new Fleet(world, () => project.capacity);
  const deployer = new Deployer(releases, runtimes, () => project);
  const applier = new Applier(fleet, deployer, clock);

  const adopted = await fleet.recover();
  routing.release();
  let metricsListener: Awaited<ReturnType<typeof serveMetrics>> | undefined;

  async function settle(next: ProjectSpec): Promise<void> {
    const moved = next.metrics.listen !== project.metrics.listen || metricsListener === undefined;
    const address = next.metrics.listen;
    const listener = moved && address !== undefined ? await serveMetrics(address, metrics, log) : undefined;
    // First, so that there are certificates for an address before it is listened on.
    settings = settingsOf(next.router);
    routing.changed();
    try {
      await router.ensure(listensOf(next));
      crashPoint('router.started');
    } catch (error) {
      settings = settingsOf(project.router);
      routing.changed();
      await listener?.close();
      throw error;
    }
    if (moved) {
      await metricsListener?.close();
      metricsListener = listener;
    }
    ports.setRange(next.ports);
    project = next;
  }

  const configuration = new Configuration(
    { applier, store, audit, settle, onApplied: () => upkeep.collectSoon() },
    applied,
  );
  const upkeep = new Upkeep({ clock, fleet, deployer, configuration, logs, router, log, project: () => project });
  const control = new ControlPlane({
    fleet,
    deployer,
    configuration,
    router,
    audit,
    clock,
    about: {
      version,
      home,
      backend: host.backend,
      ...(host.whyNoCgroup === undefined ? {} : { whyNoCgroup: host.whyNoCgroup }),
      adopted,
      isolation: host.isolation,
    },
    hostFacts: () => hostFacts({ home, clock, host, runtimes, project }),
    certificateFacts: () => certificateFacts(project.router.tls),
    onDown: () => void end(),
  });
  const metrics = createMetrics({ control, router, counters });
  if (applied !== undefined) await resumeSettings(applied, settle, log);
  const api = await serveApi({
    control,
    logs,
    store: releases,
    unpackLimits: () => project.unpack,
    metrics,
    log,
    socketPath: socketPath(home, 'slipway.sock'),
  });
  upkeep.start();
  void configuration.resume();

  let resolveEnded = () => {};
  const ended = new Promise<void>(resolve => {
    resolveEnded = resolve;
  });
  let ending: Promise<void> | undefined;
  function end(): Promise<void> {
    ending ??= (async () => {
      configuration.close();
      upkeep.stop();
      await api.close();
      await metricsListener?.close();
      fleet.release();
      await isolation.close();
      router.close();
      host.close();
      lock.release();
      resolveEnded();
    })();
    return ending;
  }
  return { control, leave: end, reload: () => configuration.reload('SIGHUP'), ended };
}

/** An address that was free once may be taken now: that is no reason to leave the instances alone. */
async function resumeSettings(
  applied: AppliedConfig,
  settle: (project: ProjectSpec) => Promise<void>,
  log: Log,
): Promise<void> {
  try {
    await settle(applied.project);
  } catch (error) {
    log.error({ err: error }, 'cannot listen as configured; trying again');
  }
}

/** However it was started. */
function thisProgram(): readonly string[] {
  const main = fileURLToPath(import.meta.url).replace(/daemon(\.[jt]s)$/, 'main$1');
  return [...process.execArgv, main];
}
