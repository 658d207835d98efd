/**
 * What an exchange leaves in the counters and in the logs.
 *
 * - A request that came to a service is counted as begun once, with one status, and as ended once.
 * - A request is told to the access log once, when all of it is over; where there is no such log, nothing is gathered
 *   for it.
 * - No query is logged: it may hold secrets.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import type { Unavailable } from '../../router-link/protocol.ts';
import type { Upstream } from '../balancer/upstream.ts';
import { fieldValue } from '../http1/field-value.ts';
import type { RequestHead } from '../http1/request-head.ts';
import { traceIdOf } from '../http1/trace-context.ts';
import type { Access } from '../policy/access-line.ts';
import { newRequestId } from '../request-id.ts';
import type { ServiceCounters } from '../traffic.ts';
import type { ClientSide } from './client-side.ts';
import type { DataPlane } from './forwarder.ts';

/** Of a request, as it is told to the access log. */
type Noted = Pick<Access, 'method' | 'host' | 'path' | 'userAgent' | 'referer'> & { traceId: string | undefined };

/** How far a request came on its way to an instance. */
interface Attempted {
  readonly upstream: Upstream | undefined;
  readonly attemptedAt: Milliseconds;
}

export class Account {
  readonly #plane: DataPlane;
  readonly #client: ClientSide;
  /** Of the service, where one is known. */
  #counters: ServiceCounters | undefined;
  #service: string | undefined;
  #method = '';
  #path = '';
  #status = 0;
  #reason: string | undefined;
  #reportedAt: Milliseconds = 0;
  #retries = 0;
  #isOpen = false;
  #noted: Noted | undefined;
  requestId = '';
  startedAt: Milliseconds = 0;
  /** Octets from and to the client. */
  received = 0;
  sent = 0;

  constructor(plane: DataPlane, client: ClientSide) {
    this.#plane = plane;
    this.#client = client;
  }

  open(head: RequestHead, bytes: Buffer): void {
    this.#counters = undefined;
    this.#service = undefined;
    this.#method = head.method;
    this.#status = 0;
    this.#reason = undefined;
    this.#retries = 0;
    this.#isOpen = true;
    this.requestId = head.requestId || newRequestId();
    this.startedAt = performance.now();
    this.received = head.end - head.lineStart;
    this.sent = 0;
    this.#noted = this.#plane.accessLog() && noted(head, bytes);
  }

  /** The request begins a trace. */
  traced(traceparent: string): void {
    if (this.#noted) this.#noted.traceId = traceIdOf(traceparent);
  }

  /** @param service `undefined`: the router itself answers @param path as the service gets it */
  routed(service: string | undefined, path: string): void {
    this.#service = service;
    this.#path = path;
    if (service === undefined) return;
    this.#counters = this.#plane.traffic.of(service);
    this.#counters.begun();
  }

  unrouted(): void {
    this.#plane.traffic.unrouted();
  }

  /** A request that is refused for what it is. */
  rejected(reason: string): void {
    this.#reason = reason;
    this.#plane.traffic.rejected(reason);
  }

  retried(): void {
    this.#retries++;
    this.#counters?.retried();
  }

  retryRefused(): void {
    this.#counters?.retryRefused();
  }

  unavailable(reason: Unavailable): void {
    this.#counters?.unavailable(reason);
  }

  /** The first counts. */
  report(status: number): void {
    if (this.#status !== 0) return;
    this.#status = status;
    this.#reportedAt = performance.now();
    this.#counters?.responded(status, (this.#reportedAt - this.startedAt) / 1000);
  }

  close(attempted: Attempted): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#counters?.ended(this.received, this.sent);
    if (!this.#noted) return;
    this.#tell(this.#noted, attempted);
    this.#noted = undefined;
  }

  /** A request could not be read. */
  unreadable(status: number, reason: string): void {
    this.requestId = newRequestId();
    this.#plane.traffic.rejected(reason);
    const { httpVersion, origin } = this.#client;
    this.#plane.accessLog()?.add({
      time: Date.now(),
      client: origin.address,
      method: '',
      host: '',
      path: '',
      http: httpVersion,
      tls: origin.tlsVersion,
      status,
      reason,
      bytesIn: 0,
      bytesOut: 0,
      duration: 0,
      retries: 0,
      requestId: this.requestId,
    });
  }

  warn(upstream: Upstream, cause: string): void {
    const service = this.#service;
    const path = this.#path.split('?', 1)[0] as string;
    this.#plane.log.warn(
      { service, endpoint: upstream.id, method: this.#method, path, requestId: this.requestId, cause },
      `${service}: ${cause}`,
    );
  }

  #tell(noted: Noted, { upstream, attemptedAt }: Attempted): void {
    const client = this.#client;
    const duration = performance.now() - this.startedAt;
    this.#plane.accessLog()?.add({
      method: noted.method,
      host: noted.host,
      path: noted.path,
      userAgent: noted.userAgent,
      referer: noted.referer,
      traceId: noted.traceId,
      time: Date.now() - duration,
      client: client.origin.address,
      http: client.httpVersion,
      tls: client.origin.tlsVersion,
      status: this.#status,
      reason: this.#reason,
      bytesIn: this.received,
      bytesOut: this.sent,
      duration,
      upstream: upstream && Math.max(0, this.#reportedAt - attemptedAt),
      service: this.#service,
      endpoint: upstream?.id,
      retries: this.#retries,
      requestId: this.requestId,
    });
  }
}

function noted(head: RequestHead, bytes: Buffer): Noted {
  return {
    method: head.method,
    host: head.host,
    path: head.path,
    userAgent: fieldValue(bytes, head, 'user-agent'),
    referer: fieldValue(bytes, head, 'referer'),
    traceId: head.traceparent === '' ? undefined : traceIdOf(head.traceparent),
  };
}
