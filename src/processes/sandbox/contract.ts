/** How one instance is kept from others and from the host; everything that this host was asked about is decided. */
import type { Capability } from '../../domain/isolation-spec.ts';

/** Whom it runs as. */
export interface SandboxUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface Sandbox {
  readonly level: 'standard' | 'strict';
  readonly user: SandboxUser;
  readonly capabilities: readonly Capability[];
  readonly umask: number;
  readonly network: 'host' | 'loopback';
  /** Absolute folders that do not exist for it: Slipway's home, where all others are. */
  readonly hidden: readonly string[];
  /** Absolute folders, below the hidden ones and elsewhere, that are there all the same. */
  readonly visible: readonly VisibleFolder[];
  /** What it sees under another name: its own `/tmp`, an `/etc/passwd` that knows its user. */
  readonly replaced: readonly { readonly path: string; readonly by: string; readonly writable: boolean }[];
  /** An empty folder of the host on which its view of the host is put together. */
  readonly root: string;
  /** Files of the daemon's, for one launch: the list of mounts, and what `bwrap` tells of itself. */
  readonly mountList: string;
  readonly report: string;
  /** The file with the filter of system calls, for level `strict`. */
  readonly filter: string;
}

export interface VisibleFolder {
  readonly path: string;
  /** The folder of the host that it is, where that is another. */
  readonly from?: string;
  readonly writable: boolean;
}

/** What this host can do: `true`, or why not, in words. */
export interface SandboxSupport {
  readonly standard: true | string;
  readonly strict: true | string;
}
