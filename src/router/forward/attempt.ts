/**
 * One try of a request at one instance, on top of Node's client. It tells exactly one of `answered`, `switched` and
 * `failed`, and `over` exactly once, last, when nothing of it is in flight any more.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { TimedOut } from './cause.ts';
import type { ForwardLimits } from './forwarder.ts';

/**
 * `connect`: the instance has not accepted a connection. `stale`: a kept connection was closed, perhaps before the
 * request came. `later`: the instance may have acted on the request.
 */
export type FailureKind = 'connect' | 'stale' | 'later';

export interface AttemptEvents {
  /** The instance has the connection: the body may be sent. */
  connected(outgoing: ClientRequest): void;
  /** A 1xx response. */
  informed(information: Information): void;
  answered(incoming: IncomingMessage): void;
  /** As the request asked. */
  switched(incoming: IncomingMessage, socket: Socket, head: Buffer): void;
  failed(kind: FailureKind, error: Error): void;
  /** Nothing has moved for as long as the limits allow. */
  stalled(): void;
  over(): void;
}

export interface Information {
  readonly statusCode: number;
  readonly rawHeaders: readonly string[];
}

/** What a request is sent with, but for the limits: agent, host, port, method, path, headers. */
export function attempt(order: RequestOptions, limits: ForwardLimits, expectsUpgrade: boolean, events: AttemptEvents) {
  const outgoing = httpRequest({ ...order, maxHeaderSize: limits.maxHead, insecureHTTPParser: false });
  let told = false;
  let switched: Socket | undefined;
  let connected = false;
  let bytesBefore = 0;
  let connectTimer: NodeJS.Timeout | undefined;

  function fail(error: Error): void {
    clearTimeout(connectTimer);
    if (told) return;
    told = true;
    const untouched = (outgoing.socket?.bytesRead ?? 0) === bytesBefore;
    const stale = outgoing.reusedSocket && untouched && !(error instanceof TimedOut);
    events.failed(connected ? (stale ? 'stale' : 'later') : 'connect', error);
  }

  outgoing.once('socket', socket => {
    const ready = () => {
      clearTimeout(connectTimer);
      if (outgoing.destroyed) return;
      connected = true;
      bytesBefore = socket.bytesRead;
      events.connected(outgoing);
    };
    if (socket.connecting) {
      socket.once('connect', ready);
      const tooLate = new TimedOut(`no connection within ${limits.connectTimeout} ms`);
      connectTimer = setTimeout(() => outgoing.destroy(tooLate), limits.connectTimeout);
    } else ready();
  });
  outgoing.setTimeout(limits.headTimeout);
  outgoing.on('timeout', () => {
    if (connected) events.stalled(); // Before that the pool's own timer would be heard.
  });
  outgoing.on('information', events.informed);
  outgoing.once('response', incoming => {
    told = true;
    incoming.on('error', () => {}); // Its `close` tells.
    outgoing.setTimeout(limits.idleTimeout);
    events.answered(incoming);
  });
  if (expectsUpgrade) {
    outgoing.once('upgrade', (incoming, socket, head) => {
      told = true;
      switched = socket;
      socket.once('close', events.over);
      events.switched(incoming, socket, head);
    });
  }
  outgoing.on('error', fail);
  outgoing.once('close', () => {
    // Node gives no error where the instance switches protocols unasked.
    fail(new Error('the instance broke off'));
    if (!switched) events.over();
  });
  return outgoing;
}
