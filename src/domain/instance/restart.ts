/**
 * Whether a process that is gone comes back, and when. The first restart after a stable run is immediate; each
 * further one waits longer, up to the cap; too many within the window and it is given up.
 */
import type { Milliseconds } from '../clock.ts';
import type { BackoffSpec } from '../spec.ts';
import type { StepContext } from './events.ts';
import type { Ending, ExitStatus, Instance, RestartHistory } from './state.ts';

export type RestartDecision =
  | { readonly kind: 'now'; readonly history: RestartHistory }
  | { readonly kind: 'later'; readonly delay: Milliseconds; readonly history: RestartHistory }
  | { readonly kind: 'complete'; readonly detail: string }
  | { readonly kind: 'give-up'; readonly detail: string; readonly history: RestartHistory };

/** Delay before unstable restart number `attempt` (from 1): exponential, capped, less a random share. */
export function backoffDelay(spec: BackoffSpec, attempt: number, random: number): Milliseconds {
  const full = Math.min(spec.max, spec.initial * spec.factor ** Math.min(attempt - 1, 64));
  return full * (1 - spec.jitter * random);
}

export function decideRestart(
  instance: Instance,
  ending: Ending & { readonly clean: boolean },
  context: StepContext,
): RestartDecision {
  const { restart, now } = context;
  if (ending.reason === 'requested') return { kind: 'now', history: instance.history };
  if (restart.policy === 'never' || (restart.policy === 'on-failure' && ending.clean)) {
    const rule = `restart policy is ${restart.policy}`;
    return ending.clean
      ? { kind: 'complete', detail: `${ending.detail}; ${rule}` }
      : { kind: 'give-up', detail: `${ending.detail}; ${rule}`, history: instance.history };
  }
  const stable = isStable(instance, ending, restart.stableAfter);
  // Both the window and the backoff need these, and nothing needs more of them than either looks at.
  const kept = restart.giveUpAfter === false ? 64 : Math.max(64, restart.giveUpAfter.restarts);
  const recent = [...(stable ? [] : instance.history.recent), now].slice(-kept);
  const history: RestartHistory = { total: instance.history.total + 1, recent };
  if (stable) return { kind: 'now', history };
  const { giveUpAfter } = restart;
  if (giveUpAfter !== false) {
    const inWindow = recent.filter(at => now - at <= giveUpAfter.within);
    if (inWindow.length > giveUpAfter.restarts) {
      const span = now - (inWindow[0] ?? now);
      return {
        kind: 'give-up',
        detail: `${ending.detail} ${inWindow.length} times in ${inWords(span)}; given up`,
        history: { total: instance.history.total, recent },
      };
    }
  }
  return { kind: 'later', delay: backoffDelay(restart.backoff, recent.length, context.random), history };
}

/** What never came up was not stable, however long it was given. */
function isStable({ launchedAt }: Instance, ending: Ending, stableAfter: Milliseconds): boolean {
  return launchedAt !== undefined && ending.reason !== 'startup' && ending.at - launchedAt >= stableAfter;
}

/** `480 ms`, `9 s`, `6.4 s`, `3 m 20 s`. */
export function inWords(span: Milliseconds): string {
  if (span < 1000) return `${Math.round(span)} ms`;
  const seconds = span / 1000;
  if (seconds < 10) return `${Number(seconds.toFixed(1))} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} m ${Math.round(seconds % 60)} s`;
}

/** `exited 1`, `killed by SIGSEGV`, `OOMKilled …`. */
export function exitInWords(exit: ExitStatus): string {
  if (exit.failure !== undefined) return exit.failure;
  if (exit.oomKilled) {
    const peak = exit.memoryPeak === undefined ? '' : ` at ${Math.round(exit.memoryPeak / 1024 ** 2)} MiB`;
    return `OOMKilled${peak}: it exceeded its memory limit`;
  }
  if (exit.signal !== undefined) return `killed by ${exit.signal}`;
  if (exit.code !== undefined) return `exited ${exit.code}`;
  return 'exited (its code is unknown: it was not a child of this daemon)';
}

/** What `status` says of an instance: flapping with its count and the time of the next try. */
export function reasonInWords(instance: Instance, now: Milliseconds): string | undefined {
  const { detail, history, state } = instance;
  if (detail === undefined) return undefined;
  if (state !== 'backoff' || instance.retryAt === undefined) return detail;
  const first = history.recent[0] ?? now;
  const count = history.recent.length;
  const times = count > 1 ? ` ${count} times in ${inWords(now - first)}` : '';
  return `${detail}${times}; next try in ${inWords(Math.max(0, instance.retryAt - now))}`;
}
