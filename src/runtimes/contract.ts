/** A runtime turns a release into a command line. One file each; one contract suite runs against all. */
import type { LaunchPlan, Release, RuntimeChoice } from '../domain/revision.ts';
import type { RuntimePaths, ServiceSpec } from '../domain/spec.ts';
import type { VersionRange } from '../domain/version-range.ts';

export type RunRequest = Pick<ServiceSpec, 'runtime' | 'command' | 'args' | 'runtimeArgs'>;

/** An executable of a runtime that is installed on this host. */
export interface Installed {
  /** Exact, as the executable itself says. */
  readonly version: string;
  readonly path: string;
  /** How it was found, in words: `PATH`, `JAVA_HOME`, `nvm`. */
  readonly foundBy: string;
}

export interface Discovery {
  /** Newest first. */
  readonly installed: readonly Installed[];
  /** What looked like the runtime but can't be used. */
  readonly unusable: readonly { readonly path: string; readonly foundBy: string; readonly why: string }[];
}

/** The versions that a release asks for, and where it says so: `engines.node`, `Requires-Python`. */
export interface Wanted {
  readonly range: VersionRange;
  readonly by: string;
}

export interface Runtime {
  readonly name: string;
  /** What makes a release its kind, in words, for the refusal of a release that is of no kind. */
  readonly looksFor: string;
  /** Whether this release is of its kind, by looking at the release alone. */
  detects(release: Release): Promise<boolean>;
  /** @param extra the paths that the configuration adds */
  discover(extra: readonly string[]): Promise<Discovery>;
  /** `undefined` also where the release asks in a way that can't be understood; saying so is up to `plan`. */
  wants(release: Release): Promise<Wanted | undefined>;
  /**
   * Does what must be done once before a start (venv, `npm ci`) into `prepared`, and gives the command line, which
   * may hold the placeholder `$PORT`. A `command` in the request replaces the entry point, not the preparing.
   * Repeatable: a second call with the same arguments reuses what the first one finished.
   * @throws SlipwayError SLIP_ENTRY_MISSING, SLIP_PREPARE_FAILED, SLIP_DISK_FULL
   */
  plan(order: PlanOrder): Promise<LaunchPlan>;
}

export interface PlanOrder {
  readonly release: Release;
  readonly installed: Installed;
  readonly request: RunRequest;
  /** Absolute; owned by this release and this runtime version. Not there until the runtime makes it. */
  readonly prepared: string;
  readonly signal?: AbortSignal;
}

export interface Runtimes {
  /**
   * Detects or takes the named runtime, chooses the newest installed version that fits, prepares.
   * @throws SlipwayError SLIP_RUNTIME_UNKNOWN, SLIP_RUNTIME_MISSING and those of {@link Runtime.plan}
   */
  resolve(release: Release, request: RunRequest, paths: RuntimePaths, signal?: AbortSignal): Promise<Resolution>;
}

export interface Resolution {
  readonly runtime: RuntimeChoice;
  readonly launch: LaunchPlan;
}
