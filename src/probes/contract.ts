/** Probing one live instance. */
import type { Cancel } from '../domain/clock.ts';
import type { Place } from '../domain/place.ts';
import type { ProbeKind, Probes } from '../domain/spec.ts';

export interface ProbeTarget {
  /** `undefined` where the service listens on nothing. */
  readonly place: Place | undefined;
  /** Environment and folder for `exec` probes: the instance's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Where an `exec` probe runs: beside the instance, in what holds it. Absent: just so. */
  readonly beside?: (command: Command) => Command;
}

/** What is executed, where, and with what environment. */
export interface Command {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** One run of one probe. `detail` says in words what was seen: `HTTP 503`, `connection refused`. */
export interface ProbeResult {
  readonly passed: boolean;
  readonly detail: string;
}

export interface ProbeListener {
  /** Every run. */
  onResult(kind: ProbeKind, result: ProbeResult): void;
  /** `successThreshold` runs in a row passed, and it had not been so before. */
  onPassed(kind: ProbeKind): void;
  /** `failureThreshold` runs in a row failed; again after each further run of that many. */
  onFailed(kind: ProbeKind, detail: string): void;
}

export interface Prober {
  /**
   * Probes until cancelled. `startup` holds the other two back until it has passed, as in Kubernetes. At most one
   * run of each probe is under way. Results that arrive after the cancel are dropped.
   * @param from `running`: an adopted instance that was already past its startup probe.
   */
  watch(probes: Probes, target: ProbeTarget, from: 'launch' | 'running', listener: ProbeListener): Cancel;
}
