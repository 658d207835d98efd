/**
 * The daemon as a command: signals, the first configuration, and what a person at the terminal reads. In the foreground
 * it is the user's session, so Ctrl-C stops everything; otherwise the daemon is one thing and what it runs another.
 */
import { loadConfigApart } from './config/load-apart.ts';
import { configError } from './config/problem.ts';
import type { ServiceStatus } from './control/views.ts';
import { type Daemon, startDaemon } from './daemon.ts';
import { createLogger, type Log } from './logger.ts';
import { takeServiceManager } from './service-manager.ts';

export interface DaemonRun {
  readonly home: string;
  readonly version: string;
  /** Applied at the start; else the one that was applied last. */
  readonly config?: string;
  readonly foreground: boolean;
}

/** How long the foreground waits for all to be ready before it says how far it got; in ms. */
const announceAfter = 60_000;

/** Resolves when the daemon has ended. @throws SlipwayError of `startDaemon` and of applying the configuration */
export async function runDaemon({ home, version, config, foreground }: DaemonRun): Promise<void> {
  const manager = takeServiceManager(process.env);
  const log = await createLogger({ pretty: process.stderr.isTTY === true, level: 'info' });
  process.on('uncaughtException', error => {
    log.error({ err: error }, 'the daemon crashed; instances and router run on');
    process.exit(1);
  });
  // Before anything is started for nothing.
  if (config !== undefined) await requireValid(config);
  const daemon = await startDaemon({ home, version, log });
  onSignals(daemon, foreground, log);
  if (config !== undefined) {
    try {
      await daemon.control.apply(config, { dryRun: false, replace: false }, 'start');
    } catch (error) {
      await daemon.leave();
      throw error;
    }
  }
  await manager?.ready().catch(error => log.warn({ err: error }, 'cannot tell the service manager that all is up'));
  if (foreground) void announce(daemon, home);
  await daemon.ended;
  if (foreground && process.exitCode !== 1) process.stdout.write('everything is stopped\n');
}

async function requireValid(config: string): Promise<void> {
  const result = await loadConfigApart(config, { env: process.env });
  if (!result.ok) throw configError(result);
}

function onSignals(daemon: Daemon, foreground: boolean, log: Log): void {
  let signals = 0;
  const stop = (signal: NodeJS.Signals) => {
    signals += 1;
    if (!foreground) {
      if (signals > 1) return;
      log.info(`${signal}: the daemon ends; instances and router run on (\`slipway down\` would stop them)`);
      void daemon.leave();
      return;
    }
    log.info(signals === 1 ? 'stopping everything; once more to hurry' : 'stopping everything at once');
    daemon.control.down({ hurry: signals > 1 }, signal).catch(error => {
      log.error({ err: error }, 'cannot stop everything');
      process.exitCode = 1;
      return daemon.leave();
    });
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // To a session in the foreground its terminal was closed; to a daemon it means what it means to every other.
  process.on('SIGHUP', signal => {
    if (foreground) stop(signal);
    else void daemon.reload();
  });
}

async function announce({ control }: Daemon, home: string): Promise<void> {
  await control.settled(undefined, AbortSignal.timeout(announceAfter)).catch(() => {});
  const services = await control.services();
  const { urlsOf } = await import('./cli/urls.ts');
  const host = control.host();
  const width = Math.max(0, ...services.map(service => service.name.length));
  const lines = services.map(service => {
    return `  ${service.name.padEnd(width)}  ${countOf(service)}  ${urlsOf([service], host).join('  ')}`;
  });
  process.stdout.write(
    [
      'slipway is up; Ctrl-C stops everything',
      ...lines,
      `  in another terminal: slipway --home ${home} status`,
      '',
    ].join('\n'),
  );
}

function countOf({ ready, wanted, state }: ServiceStatus): string {
  return state === 'ready' ? `${ready}/${wanted} ready` : `${ready}/${wanted} ready (${state})`;
}
