/**
 * One request on its way to an instance, and the response back. Each client connection has one of these and uses it
 * for request after request.
 *
 * - Another instance is tried only while nothing of the request can have been processed: the connect failed, or a
 *   kept connection turned out to be closed and the request is idempotent and was kept whole.
 * - The body is read on only once an instance has accepted the connection, so each attempt has it whole.
 * - When the client is gone, so is the request to the instance. A response that the instance cuts short is cut short.
 * - Neither side is read while the other has not taken what came before.
 * - Each pick is released exactly once, when the instance's side of the exchange is over.
 */
import { randomUUID } from 'node:crypto';
import type { Milliseconds } from '../../domain/clock.ts';
import type { Upstream } from '../balancer.ts';
import type { Body } from '../http1/body.ts';
import { forwardedRequest, isTraced } from '../http1/forwarded-request.ts';
import { forwardedInformation, forwardedResponse } from '../http1/forwarded-response.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import { normalHost } from '../routes.ts';
import { type Failure, failure, timeout } from './failure.ts';
import type { DataPlane } from './forwarder.ts';
import { joined, write } from './message.ts';
import type { Pools } from './pools.ts';
import { type ProblemStatus, problemResponse } from './problem.ts';
import { Reply } from './reply.ts';
import { Tunnel } from './tunnel.ts';
import type { Carried, UpstreamConnection } from './upstream-connection.ts';
import type { Wire } from './wire.ts';

/** RFC 9110, section 9.2.2. */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

const noneTried: ReadonlySet<Upstream> = new Set();

/** What all connections have in common. */
export interface Surroundings {
  readonly plane: DataPlane;
  readonly pools: Pools;
  /** For a Date field. */
  date(): string;
}

/** The client's connection, as an exchange sees it. */
export interface ClientSide {
  readonly wire: Wire;
  /** Of the request. */
  readonly body: Body;
  /** The lines that tell an instance where a request comes from. */
  readonly origin: string;
  /**
   * A response begins.
   * @param delimited whether its end can be told without the end of the connection
   * @returns whether the connection goes on after it
   */
  answering(delimited: boolean): boolean;
  /** The response is sent. */
  exchanged(): void;
  /** The response can't be completed. @param delimited as for {@link answering} */
  cut(delimited: boolean): void;
  /** Whether it is to be read may have changed. */
  review(): void;
  /** The instance has agreed to another protocol: the connection is the tunnel's. */
  switched(tunnel: Tunnel): void;
}

export class Exchange implements Carried {
  readonly #around: Surroundings;
  readonly #client: ClientSide;
  readonly #reply: Reply;
  #connection: UpstreamConnection | undefined;
  /** The head and what came of the body with it, until it can't be needed again. */
  #opening: string | Buffer | undefined;
  #isSent = false;
  #tried = noneTried;
  #staleRetried = false;
  #method = '';
  #path = '';
  #minor = 1;
  #service: string | undefined;
  #requestId = '';
  #startedAt: Milliseconds = 0;
  #attemptedAt: Milliseconds = 0;
  /** The response was counted. */
  #isReported = false;
  /** The head of the response went out. */
  #isAnswered = false;
  isHead = false;
  isActive = false;
  /** The request asks for another protocol, and that is passed on. */
  upgrades = false;

  constructor(around: Surroundings, client: ClientSide) {
    this.#around = around;
    this.#client = client;
    this.#reply = new Reply(client.wire);
  }

  /** Whether the client must not be read: what came last is still needed where it lies. */
  get holdsBack(): boolean {
    if (!this.isActive) return false;
    if (!this.#isSent) return typeof this.#opening === 'object' || !this.#client.body.done;
    return this.#connection?.wire.blocked === true;
  }

  /** Whether the head of a response is still to come. */
  get isWaiting(): boolean {
    return this.isActive && !this.#isAnswered;
  }

  /** The octets [start, end) of the body came with the head. */
  begin(head: RequestHead, bytes: Buffer, start: number, end: number): void {
    const { plane } = this.#around;
    const { body, origin } = this.#client;
    this.#reset(head);
    if (head.maxForwards === 0 && isTraced(head.method)) {
      this.#refuse(501, 'the request is not to be forwarded, and the router itself answers none');
      return;
    }
    const match = plane.routes().match(normalHost(head.host), head.path);
    if (!match) {
      plane.traffic.unrouted();
      this.#refuse(404, 'no route leads from this host and path to a service');
      return;
    }
    this.#service = match.service;
    plane.traffic.begun(match.service);
    this.#path = stripped(head.path, match.strip);
    this.upgrades = canUpgrade(head, body);
    const text = forwardedRequest(bytes, head, {
      path: this.#path,
      strippedPrefix: match.strip,
      requestId: this.#requestId,
      origin,
      upgrades: this.upgrades,
    });
    this.#opening = joined(text, bytes, start, end, body.done ? body.tail : '');
    this.#attempt(undefined);
  }

  /** Octets [start, end) of the body came later. */
  pass(bytes: Buffer, start: number, end: number): void {
    const { body } = this.#client;
    if (this.#connection) write(this.#connection.wire, '', bytes, start, end, body.done ? body.tail : '');
  }

  /** The client has taken what was sent. */
  clientFlushed(): void {
    this.#connection?.wire.resume();
  }

  clientGone(): void {
    if (!this.isActive) return;
    this.#connection?.destroy();
    this.#report(499);
    this.#over();
  }

  /** The request can't be completed. @param status to be answered with, where it still can be. @returns whether */
  abandon(status: number): boolean {
    const answered = this.#isAnswered;
    this.#connection?.destroy();
    this.#report(status);
    this.#over();
    if (answered) this.#client.cut(this.#reply.isDelimited);
    return !answered;
  }

  /** The first counts. */
  #report(status: number): void {
    if (this.#isReported || this.#service === undefined) return;
    this.#isReported = true;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.#around.plane.traffic.responded(this.#service, status, seconds);
  }

  /** @param idle for how long nothing came from either side */
  check(now: Milliseconds, idle: Milliseconds): 'client-stalled' | undefined {
    const { limits } = this.#around.plane;
    const connection = this.#connection;
    if (!connection) return undefined;
    if (!connection.isConnected) {
      if (now - this.#attemptedAt < limits.connectTimeout) return undefined;
      connection.destroy();
      this.failed(timeout('connect', `no connection within ${limits.connectTimeout} ms`));
    } else if (idle > (this.#isAnswered ? limits.idleTimeout : limits.headTimeout)) {
      if (!this.#isAnswered && !this.#client.body.done && !connection.wire.blocked) return 'client-stalled';
      connection.destroy();
      this.failed(timeout('later', this.#isAnswered ? 'the response stalled, and was cut off' : 'no answer in time'));
    }
    return undefined;
  }

  connected(): void {
    const connection = this.#connection;
    if (!connection || this.#opening === undefined) return;
    this.#around.plane.balancer.connected(connection.upstream);
    this.#isSent = true;
    connection.wire.write(this.#opening);
    if (!this.#isRepeatable()) this.#opening = undefined;
    this.#client.review();
  }

  informed(bytes: Buffer, head: ResponseHead): void {
    if (this.#minor === 0) return; // It knows none (RFC 9110, section 15.2).
    this.#client.wire.write(forwardedInformation(bytes, head));
    this.#heed();
  }

  answered(bytes: Buffer, head: ResponseHead, body: Body, start: number, end: number): void {
    const reply = this.#reply;
    reply.begin(body, this.#minor);
    const stop = reply.take(body, bytes, start, end);
    if (body.rejection) return;
    if (stop < end) this.#connection?.overrun();
    this.#isAnswered = true;
    this.#opening = undefined;
    const text = forwardedResponse(bytes, head, {
      requestId: this.#requestId,
      connection: this.#connectionOption(reply.isDelimited),
      chunked: reply.isChunked,
      date: head.hasDate ? '' : this.#around.date(),
    });
    this.#report(head.status);
    reply.send(text, body, bytes, start);
    if (!body.done) this.#heed();
  }

  passed(bytes: Buffer, body: Body, start: number, end: number): void {
    const stop = this.#reply.take(body, bytes, start, end);
    if (body.rejection) return;
    if (stop < end) this.#connection?.overrun();
    this.#reply.send('', body, bytes, start);
    if (!body.done) this.#heed();
  }

  completed(): void {
    this.#reply.end();
    const connection = this.#connection;
    if (connection) {
      // What the client has not taken may lie where the next response would be read to.
      if (this.#client.wire.blocked) connection.wire.abandonSlab();
      if (this.#client.body.done && this.#isSent && connection.isReusable) {
        connection.wire.resume();
        this.#around.pools.release(connection, performance.now());
      } else connection.destroy();
    }
    this.#over();
    this.#client.exchanged();
  }

  switched(bytes: Buffer, head: ResponseHead, start: number, end: number): void {
    const connection = this.#connection;
    if (!connection) return;
    if (!this.upgrades) {
      connection.destroy();
      this.failed(failure('later', 'the instance switches protocols, which nobody asked for'));
      return;
    }
    this.#isAnswered = true;
    this.#opening = undefined;
    this.#report(101);
    const { plane } = this.#around;
    const client = this.#client;
    client.wire.write(
      forwardedResponse(bytes, head, {
        requestId: this.#requestId,
        connection: undefined,
        chunked: false,
        date: this.#around.date(),
      }),
    );
    const tunnel = new Tunnel(client.wire, connection.wire, plane.limits.idleTimeout, () => this.#over());
    connection.wire.handTo(tunnel.upstream);
    if (start < end) tunnel.upstream.received(bytes, start, end);
    client.switched(tunnel);
  }

  upstreamFlushed(): void {
    this.#client.review();
  }

  failed(why: Failure): void {
    const connection = this.#connection;
    if (!connection) return;
    const { upstream } = connection;
    this.#releasePick();
    if (this.#isAnswered) {
      this.#log(upstream, why.timedOut ? why.cause : 'the response was cut short by the instance');
      this.#over();
      this.#client.cut(this.#reply.isDelimited);
    } else if (why.kind === 'connect' && !why.ours) {
      this.#around.plane.balancer.refused(upstream);
      this.#log(upstream, `cannot connect: ${why.cause}`);
      this.#tried = new Set(this.#tried).add(upstream);
      this.#attempt(why);
    } else if (why.kind === 'stale' && !this.#staleRetried && this.#opening !== undefined) {
      this.#staleRetried = true;
      this.#around.pools.flush(upstream);
      this.#attempt(why);
    } else {
      this.#log(upstream, why.cause);
      if (why.timedOut) this.#refuse(504, 'the instance did not answer in time');
      else this.#refuse(502, 'the instance could not be reached or gave no valid answer');
    }
  }

  #reset(head: RequestHead): void {
    this.isActive = true;
    this.isHead = head.method === 'HEAD';
    this.#opening = undefined;
    this.#isSent = false;
    this.#tried = noneTried;
    this.#staleRetried = false;
    this.#method = head.method;
    this.#minor = head.minor;
    this.#service = undefined;
    this.#requestId = head.requestId || randomUUID();
    this.#startedAt = performance.now();
    this.#isReported = false;
    this.#isAnswered = false;
    this.upgrades = false;
  }

  /** @param why the attempt before failed, if there was one */
  #attempt(why: Failure | undefined): void {
    const { plane, pools } = this.#around;
    const service = this.#service as string;
    const now = why ? performance.now() : this.#startedAt;
    const isSpent = now - this.#startedAt > plane.limits.retryWindow;
    const upstream = isSpent ? undefined : plane.balancer.pick(service, this.#tried);
    if (!upstream) {
      if (!why) this.#refuse(503, 'no instance of the service is ready', 'Retry-After: 1\r\n');
      else if (why.timedOut) this.#refuse(504, 'the instance did not answer in time');
      else this.#refuse(502, 'the instance could not be reached or gave no valid answer');
      return;
    }
    if (why) plane.traffic.retried(service);
    this.#attemptedAt = now;
    this.#isSent = false;
    const connection = pools.take(upstream);
    this.#connection = connection;
    connection.carry(this);
  }

  /** The whole request is at hand, and its effect is the same if it is sent twice. */
  #isRepeatable(): boolean {
    return typeof this.#opening === 'string' && this.#client.body.done && idempotent.has(this.#method);
  }

  /** The instance is not read on while the client has not taken what came. */
  #heed(): void {
    if (this.#client.wire.blocked) this.#connection?.wire.pause();
  }

  #refuse(status: ProblemStatus, detail: string, fields = ''): void {
    const option = this.#connectionOption(true);
    this.#client.wire.write(
      problemResponse({
        status,
        detail,
        requestId: this.#requestId,
        date: this.#around.date(),
        fields: option ? `${fields}Connection: ${option}\r\n` : fields,
        withBody: !this.isHead,
      }),
    );
    this.#report(status);
    this.#over();
    this.#client.exchanged();
  }

  /** A client of HTTP/1.1 takes a connection for one that goes on, one of HTTP/1.0 does not. */
  #connectionOption(delimited: boolean): 'close' | 'keep-alive' | undefined {
    if (!this.#client.answering(delimited)) return 'close';
    return this.#minor === 0 ? 'keep-alive' : undefined;
  }

  #releasePick(): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#connection = undefined;
    this.#around.plane.balancer.release(connection.upstream);
  }

  #over(): void {
    this.#releasePick();
    if (!this.isActive) return;
    this.isActive = false;
    if (this.#service !== undefined) this.#around.plane.traffic.ended(this.#service);
  }

  #log(upstream: Upstream, cause: string): void {
    const path = this.#path.split('?', 1)[0] as string; // A query may hold secrets.
    const service = this.#service ?? '';
    this.#around.plane.log.warn(
      { service, endpoint: upstream.id, method: this.#method, path, requestId: this.#requestId, cause },
      `${service}: ${cause}`,
    );
  }
}

/**
 * Whether an upgrade is passed on. HTTP/2 over cleartext can't be: its streams could not be balanced, and RFC 9113 has
 * withdrawn this way to it. Nor can one with a body, which would have to be framed and tunnelled at once. A server may
 * ignore the wish (RFC 9110, section 7.8).
 */
function canUpgrade(head: RequestHead, body: Body): boolean {
  if (head.upgrade === '' || body.kind === 'chunked' || head.framing.length > 0) return false;
  return !head.upgrade.split(',').some(name => name.trim().toLowerCase() === 'h2c');
}

function stripped(path: string, prefix: string): string {
  if (!prefix) return path;
  const rest = path.slice(prefix.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
