/** What a deploy leaves behind: a release, how it is run, and the two under a number. */
import type { Milliseconds } from './clock.ts';
import type { ServiceSpec } from './spec.ts';
import type { VersionRange } from './version-range.ts';

/** Lower-case hexadecimal SHA-256 of the package's bytes. */
export type Digest = string;

/**
 * `tree` is an unpacked archive; the others are kept as the one file they are. The bytes decide, not the name: so
 * the same bytes are the same release under any name.
 */
export type ReleaseFormat = 'tree' | 'jar' | 'wheel' | 'pyz' | 'binary';

/** A package, verified and unpacked, immutable. */
export interface Release {
  readonly digest: Digest;
  readonly format: ReleaseFormat;
  /** File name of the package as it was first handed over. */
  readonly name: string;
  /** Absolute, read-only folder with the content. */
  readonly root: string;
  /** For a format that stays one file: that file's absolute path, inside `root`. */
  readonly file?: string;
  /** Bytes of the package, and of its content on disk. */
  readonly packedSize: number;
  readonly unpackedSize: number;
  readonly entries: number;
}

/** The runtime that was chosen for a release, as found on this host. */
export interface RuntimeChoice {
  readonly name: string;
  /** Exact (`20.20.2`); empty for `exec` and an explicit command, which have no version of their own. */
  readonly version: string;
  /** Absolute path of the executable. */
  readonly path: string;
  /** Names its copy in the store, where it is pinned: `path` is in there then. */
  readonly pinned?: Digest;
  /** What its files looked like when it was accepted; absent where it is pinned, or has no version. */
  readonly identity?: string;
  /** Versions with which the host may replace it; goes with `identity`. */
  readonly accepts?: Pick<VersionRange, 'text' | 'dialect'>;
}

/** How a release is started: complete but for the instance's own port, identity and environment. */
export interface LaunchPlan {
  /** `argv[0]` is an absolute path. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Immutable. `number` counts up from 1 in each service and is never given twice. */
export interface Revision {
  readonly number: number;
  readonly release: Digest;
  readonly packageName: string;
  readonly spec: ServiceSpec;
  readonly runtime: RuntimeChoice;
  readonly launch: LaunchPlan;
  /** Unix time. */
  readonly createdAt: Milliseconds;
  /** In words: `deploy of greeter-1.2.0.tgz`, `rollback to 3`. */
  readonly cause: string;
}
