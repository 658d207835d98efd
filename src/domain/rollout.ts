/**
 * Whether a rollout gets anywhere: pure. It fails when a new instance gives up or crashes again and again, or when none
 * has become ready for longer than the spec allows.
 */
import type { Milliseconds } from './clock.ts';
import { inWords, reasonInWords } from './instance/restart.ts';
import type { Instance } from './instance/state.ts';

/** A new instance that ended this often before a stable run fails its rollout, whatever its restart policy. */
const crashesAllowed = 2;

export interface RolloutProgress {
  /** The revision that it leads to. */
  readonly to: number;
  /** The most new instances that were ready at once, and since when (monotonic). */
  readonly ready: number;
  readonly since: Milliseconds;
}

export interface RolledInstance {
  /** `greeter/0`. */
  readonly label: string;
  readonly instance: Instance;
}

export type Verdict =
  /** Nothing to say before `deadline` (monotonic, if there is one), unless something happens. */
  | { readonly kind: 'going-on'; readonly deadline: Milliseconds | undefined; readonly progress: RolloutProgress }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * @param fresh the instances of the new revision
 * @param timeout `undefined` while nothing more is expected of them: the old ones only have to drain
 */
export function judgeRollout(
  to: number,
  fresh: readonly RolledInstance[],
  before: RolloutProgress | undefined,
  timeout: Milliseconds | undefined,
  now: Milliseconds,
): Verdict {
  for (const { label, instance } of fresh) {
    if (instance.state !== 'failed' && instance.history.recent.length <= crashesAllowed) continue;
    const reason = reasonInWords({ ...instance, retryAt: undefined }, now);
    return { kind: 'failed', reason: `${label}: ${reason ?? 'failed'}` };
  }
  const ready = fresh.filter(({ instance }) => instance.state === 'ready').length;
  const isFurther = before?.to !== to || ready > before.ready || timeout === undefined;
  const progress = isFurther ? { to, ready, since: now } : before;
  if (timeout === undefined) return { kind: 'going-on', deadline: undefined, progress };
  const deadline = progress.since + timeout;
  if (now < deadline) return { kind: 'going-on', deadline, progress };
  const waiting = fresh.find(({ instance }) => instance.state !== 'ready');
  const why = waiting?.instance.detail === undefined ? '' : `; ${waiting.label} is ${waiting.instance.detail}`;
  return { kind: 'failed', reason: `no progress for ${inWords(timeout)}${why}` };
}
