/** How far an instance is kept from the others and from the host. */

/**
 * `none`: runs as the daemon's user, sees the host. `standard`: an unprivileged user of its own, no way to more
 * privileges, a read-only view of the host in which other services and Slipway's state do not exist. `strict`: also
 * its own process table, devices, and a list of system calls that are refused.
 */
export type IsolationLevel = 'none' | 'standard' | 'strict';

export interface IsolationSpec {
  /** Absent: `standard` where the daemon may switch users, else `none`. */
  readonly level?: IsolationLevel;
  /** A user of the host; absent: one that belongs to the service alone. */
  readonly user?: string;
  readonly capabilities: readonly Capability[];
  /** As chmod takes it: 0o022 and so on. */
  readonly umask: number;
  /** Absolute folders and files beyond its own data and temporary folder that it may write to. */
  readonly writable: readonly string[];
  /** `loopback`: no network but its own loopback. */
  readonly network: 'host' | 'loopback';
}

export type Capability = 'NET_BIND_SERVICE';

/** Absolute path of the file that holds it. The instance finds it under its name in `$SLIPWAY_SECRETS`. */
export interface SecretSpec {
  readonly file: string;
}

/** What applies where nothing is said. */
export const defaultIsolation: IsolationSpec = { capabilities: [], umask: 0o022, writable: [], network: 'host' };
