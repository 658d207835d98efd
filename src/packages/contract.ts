/** What the rest of Slipway knows of packages: a source goes in, an immutable release comes out. */
import type { Digest, Release } from '../domain/revision.ts';
import type { PackageSource, UnpackLimits } from '../domain/spec.ts';

export interface ReleaseStore {
  /**
   * Streams the package in, hashes, verifies, unpacks and publishes it. The same bytes twice are one release. On
   * any failure nothing is left behind.
   * @throws SlipwayError SLIP_PACKAGE_*, SLIP_DISK_FULL
   */
  ingest(source: PackageSource, limits: UnpackLimits, signal?: AbortSignal): Promise<Release>;
  /** Keeps an uploaded stream as a file that `ingest` can take; the caller discards it. */
  receive(name: string, body: AsyncIterable<Uint8Array>, limits: UnpackLimits): Promise<Upload>;
  find(digest: Digest): Promise<Release | undefined>;
  list(): Promise<readonly Release[]>;
  /** Removes every release that is not in `keep`, and everything that a crash left half done. */
  collect(keep: ReadonlySet<Digest>): Promise<readonly Digest[]>;
  /** A folder that belongs to a release and lives as long as it does: what a runtime prepares goes there. */
  preparedDir(digest: Digest, key: string): string;
}

export interface Upload {
  readonly path: string;
  discard(): Promise<void>;
}
