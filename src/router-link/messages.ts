/**
 * The messages on the control socket, one JSON object a line. The router speaks first, with `hello`. Whatever does
 * not fit is answered with `invalid`, and the connection is closed; it changes nothing.
 */
import type { ErrorCode } from '../domain/errors.ts';
import type { ProcessIdentity } from '../processes/contract.ts';
import { type Check, integer, list, literal, map, number, shape, text, variant } from './check.ts';
import type { RouterStats, RouteTable, ServiceTraffic } from './protocol.ts';
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
  | Leaving;

/**
 * From a worker that was succeeded and now drains, to its successor: what is still in flight there to endpoints that
 * table number `table` doesn't have.
 */
export interface Leaving {
  readonly type: 'leaving';
  readonly worker: ProcessIdentity;
  readonly table: number;
  readonly inFlight: Readonly<Record<string, number>>;
}

/** `table` and `stop` go to a worker that drains, from its successor. */
export type FromRouter =
  | Hello
  | { readonly type: 'applied'; readonly version: number }
  | { readonly type: 'drained'; readonly endpoint: string }
  | { readonly type: 'stats'; readonly id: number; readonly stats: RouterStats }
  | { readonly type: 'succeeded'; readonly id: number }
  | { readonly type: 'refused'; readonly id: number; readonly code: Refusal; readonly message: string }
  | { readonly type: 'table'; readonly table: RouteTable }
  | { readonly type: 'stop'; readonly grace: number }
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
      inFlight: count,
    }),
  ),
  unrouted: count,
  rejected: map(count),
  openConnections: count,
});

const table = shape<{ type: 'table'; table: RouteTable }>({ type: literal('table'), table: tableCheck });
const stop = shape<{ type: 'stop'; grace: number }>({ type: literal('stop'), grace: milliseconds });

export const toRouter: Check<ToRouter> = variant<ToRouter>({
  table,
  stop,
  drain: shape({ type: literal('drain'), endpoint: text(256) }),
  stats: shape({ type: literal('stats'), id: count }),
  succeed: shape({ type: literal('succeed'), id: count, listen: list(address, 64), command }),
  leaving: shape<Leaving>({
    type: literal('leaving'),
    worker: identityCheck,
    table: count,
    inFlight: map(count),
  }),
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
  invalid: shape({ type: literal('invalid'), message: text(4096) }),
});
