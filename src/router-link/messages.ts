/**
 * The messages on the control socket, one JSON object a line. The router speaks first, with `hello`. Whatever does
 * not fit is answered with `invalid`, and the connection is closed; it changes nothing.
 */
import type { ErrorCode } from '../domain/errors.ts';
import type { ProcessIdentity } from '../processes/contract.ts';
import {
  boolean,
  type Check,
  type Checks,
  fallback,
  integer,
  list,
  literal,
  map,
  number,
  optional,
  shape,
  text,
  variant,
} from './check.ts';
import type { ConnectionStats, RouterStats, RouteTable, ServiceTraffic, WorkerStats } from './protocol.ts';
import { tableCheck } from './table-check.ts';

export const protocolVersion = 1;

/**
 * What is listened on as it was asked for (see `domain/listen.ts`), and as it is bound: they differ where the port was 0
 * or the host a name.
 */
export interface Listening {
  readonly address: string;
  readonly bound: string;
}

export interface Hello {
  readonly type: 'hello';
  readonly protocol: typeof protocolVersion;
  readonly worker: ProcessIdentity;
  readonly listen: readonly Listening[];
  /** The command line, without its arguments, that the holder starts workers with. */
  readonly command: readonly string[];
  /** Number of the table in force; 0 for none. */
  readonly table: number;
  /** Which code it runs: see `version.ts`. Empty: from before there was one. */
  readonly version: string;
}

export type ToRouter =
  | { readonly type: 'table'; readonly table: RouteTable }
  /** Asks to be told once nothing is in flight to this endpoint, and no table has it. */
  | { readonly type: 'drain'; readonly endpoint: string }
  | { readonly type: 'stats'; readonly id: number }
  /** Hand over to a new holder and worker that run `command` and listen on exactly `listen`. */
  | {
      readonly type: 'succeed';
      readonly id: number;
      readonly listen: readonly string[];
      readonly command: readonly string[];
    }
  | { readonly type: 'stop'; readonly grace: number }
  | Report
  | Counts;

/**
 * From every other worker to the main one: what is still in flight there to endpoints that table number `table`
 * doesn't have.
 */
export interface Report {
  readonly type: 'report';
  readonly worker: ProcessIdentity;
  /** 0: it has none yet, and accepts nothing before it gets one. */
  readonly table: number;
  readonly inFlight: Readonly<Record<string, number>>;
  /** The holder and the version that it is one worker of; absent: it was succeeded or retired, and drains. */
  readonly of?: string;
}

/** The answer to `count`, and the last word of a worker that ends. */
export interface Counts {
  readonly type: 'counts';
  readonly worker: ProcessIdentity;
  readonly stats: RouterStats;
}

/** `table`, `stop`, `retire` and `count` go from the main worker to the others. */
export type FromRouter =
  | Hello
  | { readonly type: 'applied'; readonly version: number }
  | { readonly type: 'drained'; readonly endpoint: string }
  | { readonly type: 'stats'; readonly id: number; readonly stats: RouterStats }
  | { readonly type: 'succeeded'; readonly id: number }
  | { readonly type: 'refused'; readonly id: number; readonly code: Refusal; readonly message: string }
  | { readonly type: 'table'; readonly table: RouteTable }
  | { readonly type: 'stop'; readonly grace: number }
  /** Accept no more, finish what there is, and end. Where the sender was succeeded, its successor is to hear the rest. */
  | { readonly type: 'retire'; readonly succeeded: boolean }
  | { readonly type: 'count' }
  | { readonly type: 'invalid'; readonly message: string };

export type Refusal = Extract<ErrorCode, 'SLIP_LISTEN_FAILED' | 'SLIP_ROUTER_FAILED'>;

const count = integer(0, Number.MAX_SAFE_INTEGER);
const milliseconds = integer(0, 2 ** 31 - 1);
const address = text(300);
const command = list(text(4096), 64);

export const identityCheck = shape<ProcessIdentity>({ pid: integer(1, 2 ** 31), startTime: count, bootId: text(64) });
export const listeningCheck = list(shape<Listening>({ address, bound: address }), 64);

const stats = shape<RouterStats>({
  services: map(
    shape<ServiceTraffic>({
      responses: map(count),
      latency: list(count, 64),
      latencySum: number,
      retries: count,
      retriesRefused: count,
      unavailable: map(count),
      inFlight: count,
      ejections: count,
      ejected: count,
      queued: count,
      queue: map(count),
      breaker: map(count),
      bytesIn: optional(count),
      bytesOut: optional(count),
      connections: optional(
        shape<ConnectionStats>({ open: count, opened: count, refused: count, received: count, sent: count }),
      ),
    } as Checks<ServiceTraffic>),
  ),
  unrouted: count,
  rejected: map(count),
  openConnections: count,
  workers: fallback(list(shape<WorkerStats>({ pid: count, memory: count, connections: count }), 1000), []),
  accessLogDropped: optional(count),
} as Checks<RouterStats>);

const table = shape<{ type: 'table'; table: RouteTable }>({ type: literal('table'), table: tableCheck });
const stop = shape<{ type: 'stop'; grace: number }>({ type: literal('stop'), grace: milliseconds });

export const toRouter: Check<ToRouter> = variant<ToRouter>({
  table,
  stop,
  drain: shape({ type: literal('drain'), endpoint: text(256) }),
  stats: shape({ type: literal('stats'), id: count }),
  succeed: shape({ type: literal('succeed'), id: count, listen: list(address, 64), command }),
  report: shape<Report>({
    type: literal('report'),
    worker: identityCheck,
    table: count,
    inFlight: map(count),
    of: optional(text(300)),
  } as { [K in keyof Report]-?: Check<Report[K]> }),
  counts: shape<Counts>({ type: literal('counts'), worker: identityCheck, stats }),
});

export const fromRouter: Check<FromRouter> = variant<FromRouter>({
  table,
  stop,
  hello: shape<Hello>({
    type: literal('hello'),
    protocol: literal(protocolVersion),
    worker: identityCheck,
    listen: listeningCheck,
    command,
    table: count,
    version: fallback(text(100), ''),
  }),
  applied: shape({ type: literal('applied'), version: count }),
  drained: shape({ type: literal('drained'), endpoint: text(256) }),
  stats: shape({ type: literal('stats'), id: count, stats }),
  succeeded: shape({ type: literal('succeeded'), id: count }),
  refused: shape({
    type: literal('refused'),
    id: count,
    code: (value, at) => (value === 'SLIP_LISTEN_FAILED' ? value : literal('SLIP_ROUTER_FAILED')(value, at)),
    message: text(4096),
  }),
  retire: shape({ type: literal('retire'), succeeded: boolean }),
  count: shape({ type: literal('count') }),
  invalid: shape({ type: literal('invalid'), message: text(4096) }),
});
