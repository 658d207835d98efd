/** What was asked for, what was done meanwhile, and when: in ms of the clock that all processes of a host share. */

export const requestKinds = ['get', 'slow get', 'new connection', 'post', 'slow reader', 'websocket', 'http2'] as const;
export type RequestKind = (typeof requestKinds)[number];

/** `refusal`: an answer of another status than 200. `unreachable`: no connection. */
export type Manner = 'refusal' | 'reset' | 'cut short' | 'closed' | 'unreachable' | 'late' | 'wrong';

export interface Failure {
  readonly id: string;
  readonly kind: RequestKind;
  readonly method: 'GET' | 'POST';
  readonly service: string;
  readonly startedAt: number;
  readonly failedAt: number;
  readonly manner: Manner;
  /** Of a refusal. */
  readonly status?: number;
  /** Of the instance, where some of its answer came. */
  readonly pid?: number;
  readonly why: string;
}

export interface Load {
  readonly served: Record<RequestKind, number>;
  readonly failures: readonly Failure[];
}

export const eventKinds = [
  'instance killed',
  'worker killed',
  'daemon killed',
  'deploy',
  'restart',
  'scale',
  'addresses changed',
  'workers changed',
  'router upgraded',
] as const;
export type EventKind = (typeof eventKinds)[number];

export interface Happening {
  readonly kind: EventKind;
  readonly service?: string;
  /** The process that was killed. */
  readonly pid?: number;
  /** Of the instance that was killed, as the router calls it. */
  readonly endpoint?: string;
  readonly startedAt: number;
  /** Absent while it goes on. */
  endedAt?: number;
  /** Instances of the service that serve after it. */
  after?: readonly number[];
  readonly what: string;
}

/** A request as it came to an instance. */
export interface Arrival {
  readonly pid: number;
  /** Which one it was on its connection. */
  readonly nth: number;
}

export interface Witnesses {
  /** By request. */
  readonly arrivals: ReadonlyMap<string, readonly Arrival[]>;
  /** Endpoints that the router says to have failed on a request. */
  readonly blamed: ReadonlyMap<string, readonly string[]>;
}

export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
