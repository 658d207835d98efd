/**
 * The service manager that started this daemon, and waits to hear that it is up: the protocol of sd_notify(3). Node has
 * no datagram sockets of the Unix domain, so `systemd-notify` speaks, in the daemon's name.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const patience = 10_000;

export interface ServiceManager {
  /** @throws where it can't be told */
  ready(): Promise<void>;
}

/** Takes it out of the environment, so that nothing that is started from here can speak for the daemon. */
export function takeServiceManager(env: NodeJS.ProcessEnv): ServiceManager | undefined {
  const { NOTIFY_SOCKET } = env;
  delete env['NOTIFY_SOCKET'];
  if (NOTIFY_SOCKET === undefined) return undefined;
  return {
    async ready() {
      await promisify(execFile)('systemd-notify', ['--ready'], { env: { ...env, NOTIFY_SOCKET }, timeout: patience });
    },
  };
}
