/** The audit record as a stream: what happened so far, then what happens. None is missed nor given twice in between. */
import type { Control } from '../control/contract.ts';
import type { AuditEvent } from '../control/views.ts';

/** A client that falls this far behind is cut off: its memory isn't the daemon's. */
const mostWaiting = 10_000;

export async function* readEvents(
  control: Pick<Control, 'events' | 'onEvent'>,
  limit: number,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<AuditEvent> {
  let waiting: AuditEvent[] = [];
  let behind = false;
  let wake = () => {};
  const cancel = control.onEvent(event => {
    if (waiting.length < mostWaiting) waiting.push(event);
    else behind = true;
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    const past = await control.events(limit);
    yield* past;
    if (!follow) return;
    waiting = afterLastOf(past, waiting);
    while (!signal.aborted) {
      const batch = waiting;
      waiting = [];
      yield* batch;
      if (behind) throw new Error(`a client that follows the events is ${mostWaiting} of them behind`);
      if (waiting.length > 0 || signal.aborted) continue;
      await new Promise<void>(resolve => {
        wake = resolve;
      });
    }
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

/** What came in while the past was read may be part of it already. Both are in the order of what happened. */
function afterLastOf(past: readonly AuditEvent[], waiting: AuditEvent[]): AuditEvent[] {
  const last = JSON.stringify(past.at(-1));
  return waiting.slice(waiting.findLastIndex(event => JSON.stringify(event) === last) + 1);
}
