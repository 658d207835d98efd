/**
 * Which kill a failure is owed to. What has no such cause is a fault of ours.
 *
 * - A kill explains only what was in flight on what was killed, and only as the router promises: what can't have been
 *   processed, and a GET on a kept connection, is to be tried again (docs/adr/forwarding.md).
 * - Nothing else explains anything but the end of a WebSocket: of an instance that is replaced, after its grace.
 */
import type { Failure, Happening, Manner, Witnesses } from './history.ts';

/** A process that is killed takes connections until the kernel has closed them, and its neighbours have read that. */
const dying = 1_000;
/** What comes of a connection that is reset. */
const resets: ReadonlySet<Manner> = new Set(['reset', 'cut short', 'closed']);
/** Until all who had to do with it know. */
const noticed = 2_000;
/** What clocks, sweeps and messages differ by. */
const tolerance = 200;

export function explain(
  failure: Failure,
  happenings: readonly Happening[],
  witnesses: Witnesses,
  upgradeGrace: number,
): Happening | undefined {
  return (
    happenings.find(one => one.kind === 'instance killed' && isOfInstance(failure, one, witnesses)) ??
    happenings.find(one => one.kind === 'worker killed' && isOfWorker(failure, one)) ??
    happenings.find(one => isOfReplacement(failure, one, upgradeGrace))
  );
}

/** A POST that came to instances twice, or anything that came more than twice. */
export function repeated({ arrivals }: Witnesses, isPost: (id: string) => boolean): readonly string[] {
  return [...arrivals].flatMap(([id, all]) => (all.length > (isPost(id) ? 1 : 2) ? [id] : []));
}

function wasInFlight({ startedAt, failedAt }: Failure, { startedAt: killedAt }: Happening): boolean {
  return startedAt <= killedAt + dying && failedAt >= killedAt && failedAt <= killedAt + noticed;
}

function isOfInstance(failure: Failure, kill: Happening, { arrivals, blamed }: Witnesses): boolean {
  if (failure.service !== kill.service || !wasInFlight(failure, kill)) return false;
  if (failure.manner === 'cut short' || failure.manner === 'closed') return failure.pid === kill.pid;
  if (failure.status !== 502) return false;
  const came = arrivals.get(failure.id) ?? [];
  const last = came.at(-1);
  const isTheirs = last ? last.pid === kill.pid : blamed.get(failure.id)?.includes(kill.endpoint ?? '');
  if (!isTheirs) return false;
  const wasToBeRetried = failure.method === 'GET' && came.length === 1 && Number(last?.nth) > 1;
  return !wasToBeRetried;
}

/** Its connections are reset: it can't answer any more. */
function isOfWorker(failure: Failure, kill: Happening): boolean {
  return resets.has(failure.manner) && wasInFlight(failure, kill);
}

function isOfReplacement(
  failure: Failure,
  { kind, service, startedAt, endedAt, after }: Happening,
  grace: number,
): boolean {
  if (failure.manner !== 'closed' || failure.pid === undefined || failure.service !== service) return false;
  if (kind !== 'deploy' && kind !== 'restart' && kind !== 'scale') return false;
  const isIn =
    failure.failedAt >= startedAt + grace - tolerance && failure.failedAt <= (endedAt ?? Infinity) + tolerance;
  return isIn && after?.includes(failure.pid) === false;
}
