/** A runtime turns a release into a command line. One file each; one contract suite runs against all. */
import type { Digest, LaunchPlan, Release, RuntimeChoice } from '../domain/revision.ts';
import type { RuntimePaths, ServiceSpec } from '../domain/spec.ts';
import type { VersionRange } from '../domain/version-range.ts';

export type RunRequest = Pick<ServiceSpec, 'runtime' | 'command' | 'args' | 'runtimeArgs'> &
  Partial<Pick<ServiceSpec, 'pinRuntime'>>;

/** An executable of a runtime that is installed on this host. */
export interface Installed {
  /** Exact, as the executable itself says. */
  readonly version: string;
  readonly path: string;
  /** How it was found, in words: `PATH`, `JAVA_HOME`, `nvm`. */
  readonly foundBy: string;
  /** Where it is a copy in the store: the executable that was copied, which has its tools (npm) beside it. */
  readonly origin?: string;
}

export interface Discovery {
  /** Newest first. */
  readonly installed: readonly Installed[];
  /** What looked like the runtime but can't be used. */
  readonly unusable: readonly { readonly path: string; readonly foundBy: string; readonly why: string }[];
}

/** What an executable says of itself, or why it doesn't. */
export type Answer = Pick<Installed, 'version' | 'path'> | { readonly why: string };

/** What of an installation has to be copied, so that its executable runs by itself elsewhere. */
export interface Bundle {
  /** Files, and folders with all that `omits` doesn't name; `to` is relative to the copy. */
  readonly entries: readonly { readonly from: string; readonly to: string }[];
  /** By path relative to the copy. */
  omits(path: string): boolean;
  /** Relative to the copy. */
  readonly executable: string;
  /** Further names of the executable, beside it. */
  readonly aliases: readonly string[];
  /** Has the executable of the copy say which paths it takes things from: all of them must be in the copy. */
  readonly proof: { readonly ask: readonly string[]; read(output: string): readonly string[] };
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
  /** How many of a version's numbers an update that is only expected to mend things leaves as they are. */
  readonly line: number;
  /** Files that change when an installation is replaced by another; the executable first. None where it has none. */
  parts(path: string): readonly string[];
  /** Asks an executable anew. */
  ask(path: string): Promise<Answer>;
  /** @throws SlipwayError SLIP_RUNTIME_UNPINNABLE */
  bundle(installed: Installed): Promise<Bundle>;
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
   * Detects or takes the named runtime, chooses the newest installed version that fits, copies it where it is to be
   * pinned, prepares.
   * @throws SlipwayError SLIP_RUNTIME_UNKNOWN, SLIP_RUNTIME_MISSING, SLIP_RUNTIME_UNPINNABLE and those of
   *   {@link Runtime.plan}
   */
  resolve(release: Release, request: RunRequest, paths: RuntimePaths, signal?: AbortSignal): Promise<Resolution>;
  /**
   * @returns the version with which what was chosen would run now: another one only if that is accepted
   * @throws SlipwayError SLIP_RUNTIME_REMOVED, SLIP_RUNTIME_CHANGED
   */
  versionNow(choice: RuntimeChoice): Promise<string>;
  /** What the host has of each, for people. */
  survey(paths: RuntimePaths): Promise<Readonly<Record<string, Discovery>>>;
  /** Removes every pinned copy that is not in `keep`, and what a crash left half done. Not while `resolve` is under way. */
  collect(keep: ReadonlySet<Digest>): Promise<void>;
}

export interface Resolution {
  readonly runtime: RuntimeChoice;
  readonly launch: LaunchPlan;
}
