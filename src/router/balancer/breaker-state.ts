/**
 * The states of a circuit breaker, and every way from one to another, written down once: pure, and a cell that is
 * missing does not compile.
 */
import type { Milliseconds } from '../../domain/clock.ts';

export type BreakerState =
  /** Requests are let through, and their failures counted. */
  | { readonly kind: 'closed' }
  /** None is let through. */
  | { readonly kind: 'open'; readonly until: Milliseconds }
  /** One was let through to try. Another one is where nothing is known of it by `until`. */
  | { readonly kind: 'half-open'; readonly until: Milliseconds };

export type BreakerEvent =
  /** A request came. */
  | { readonly kind: 'asked' }
  | { readonly kind: 'succeeded' }
  /** @property tooMany with it, so many requests have failed that the service is to be left alone */
  | { readonly kind: 'failed'; readonly tooMany: boolean }
  /** A request ended without telling anything about the service. */
  | { readonly kind: 'dropped' };

export interface BreakerContext {
  readonly now: Milliseconds;
  /** How long it stays open. */
  readonly open: Milliseconds;
}

export type BreakerKind = BreakerState['kind'];
type Timed = Exclude<BreakerState, { readonly kind: 'closed' }>;
type StateOf<S extends BreakerKind> = Extract<BreakerState, { readonly kind: S }>;
type EventOf<E extends BreakerEvent['kind']> = Extract<BreakerEvent, { readonly kind: E }>;
type Cell<S extends BreakerKind, E extends BreakerEvent['kind']> =
  | ((state: StateOf<S>, event: EventOf<E>, context: BreakerContext) => BreakerState)
  | 'ignore';
type Table = { readonly [S in BreakerKind]: { readonly [E in BreakerEvent['kind']]: Cell<S, E> } };

export const closed: BreakerState = { kind: 'closed' };

const table: Table = {
  closed: {
    asked: 'ignore',
    succeeded: 'ignore',
    failed: (state, { tooMany }, context) => (tooMany ? open(context) : state),
    dropped: 'ignore',
  },
  open: {
    asked: tryAgain,
    succeeded: 'ignore',
    failed: 'ignore',
    dropped: 'ignore',
  },
  'half-open': {
    asked: tryAgain,
    succeeded: () => closed,
    failed: (_state, _event, context) => open(context),
    // The next one tries.
    dropped: (_state, _event, { now }) => ({ kind: 'open', until: now }),
  },
};

export function step(state: BreakerState, event: BreakerEvent, context: BreakerContext): BreakerState {
  const cell = table[state.kind][event.kind] as Cell<BreakerKind, BreakerEvent['kind']>;
  return cell === 'ignore' ? state : cell(state as never, event as never, context);
}

/** Whether a request is let through that took a breaker from one state to the other. */
export function letsThrough(before: BreakerState, after: BreakerState): boolean {
  return after.kind === 'closed' || (after.kind === 'half-open' && after !== before);
}

function tryAgain(state: Timed, _: unknown, { now, open }: BreakerContext): BreakerState {
  return now < state.until ? state : { kind: 'half-open', until: now + open };
}

function open({ now, open }: BreakerContext): BreakerState {
  return { kind: 'open', until: now + open };
}
