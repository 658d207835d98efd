/** A runtime turns a release into a command line. One file each; one contract suite runs against all. */
import type { LaunchPlan, Release, RuntimeChoice } from '../domain/revision.ts';
import type { RuntimePaths, ServiceSpec } from '../domain/spec.ts';

export type RunRequest = Pick<ServiceSpec, 'runtime' | 'command' | 'args' | 'runtimeArgs'>;

/** An executable of a runtime that is installed on this host. */
export interface Installed {
  /** Exact, as the executable itself says. */
  readonly version: string;
  readonly path: string;
  /** How it was found, in words: `PATH`, `JAVA_HOME`, `nvm`. */
  readonly foundBy: string;
}

export interface Runtime {
  readonly name: string;
  /** Whether this release is of its kind, by looking at the release alone. */
  detects(release: Release): Promise<boolean>;
  /** Newest first. `extra` are the paths that the configuration adds. */
  discover(extra: readonly string[]): Promise<readonly Installed[]>;
  /** The range that the release itself asks for (`engines.node`, `Requires-Python`), if any. */
  wants(release: Release): Promise<string | undefined>;
  /**
   * Does what must be done once before a start (venv, `npm ci`) into `prepared`, and gives the command line.
   * Repeatable: a second call with the same arguments reuses what the first one finished.
   * @throws SlipwayError SLIP_ENTRY_MISSING, SLIP_PREPARE_FAILED
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
