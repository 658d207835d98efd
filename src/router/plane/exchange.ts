/**
 * One request on its way to an instance, and the response back. Each client connection has one of these and uses it
 * for request after request.
 *
 * - Whatever happens, the client's connection is told exactly once how it goes on: the response is sent, or is cut
 *   short, or the connection is another protocol's.
 * - When the client is gone, so is the request to the instance. A response that the instance cuts short is cut short.
 * - Neither side is read while the other has not taken what came before.
 */
import type { Milliseconds } from '../../domain/clock.ts';
import { noKey } from '../balancer/policy.ts';
import type { Body } from '../http1/body.ts';
import { forwardedRequest } from '../http1/forwarded-request.ts';
import { forwardedInformation, forwardedResponse } from '../http1/forwarded-response.ts';
import type { Rejection } from '../http1/rejection.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { ResponseHead } from '../http1/response-head.ts';
import { newTraceparent } from '../http1/trace-context.ts';
import { Account } from './account.ts';
import { canUpgrade, hashed, mayGoOn, stripped } from './admission.ts';
import type { ClientSide } from './client-side.ts';
import { type Attempt, Delivery, type Sender } from './delivery.ts';
import { type Failure, failure, timeout } from './failure.ts';
import type { DataPlane } from './forwarder.ts';
import { joined, write } from './message.ts';
import { type Answering, OwnAnswers } from './own-answers.ts';
import { Policing } from './policing.ts';
import type { Pools } from './pools.ts';
import { mayStayPlain } from './redirect.ts';
import { Reply, type ReplyOwner } from './reply.ts';
import { Tunnel } from './tunnel.ts';

/** What all connections have in common. */
export interface Surroundings {
  readonly plane: DataPlane;
  readonly pools: Pools;
  /** Now, to within a tick. */
  readonly now: Milliseconds;
  /** Where requests that came by plain HTTP are sent. */
  readonly httpsPort: number | false;
  /** For a Date field. */
  date(): string;
}

export class Exchange implements Sender, ReplyOwner, Answering {
  readonly #around: Surroundings;
  readonly #client: ClientSide;
  readonly #account: Account;
  readonly #delivery: Delivery;
  readonly #policing = new Policing();
  readonly #own: OwnAnswers;
  readonly #reply: Reply;
  #minor = 1;
  /** The head of the response went out. */
  #isAnswered = false;
  /** Of the last attempt, where it failed. */
  #failure: Failure | undefined;
  isHead = false;
  isActive = false;
  /** The request asks for another protocol, and that is passed on. */
  upgrades = false;

  constructor(around: Surroundings, client: ClientSide) {
    this.#around = around;
    this.#client = client;
    this.#account = new Account(around.plane, client);
    this.#own = new OwnAnswers(around, client, this.#account, this);
    this.#delivery = new Delivery(around.plane, around.pools, this);
    this.#reply = new Reply(client.wire, this);
  }

  /** Whether the client must not be read: what it sent before has not gone on. */
  get holdsBack(): boolean {
    return this.isActive && this.#delivery.holdsBack(this.#client.body.done);
  }

  /** Whether a response of 1xx can be sent. HTTP/1.0 knows none (RFC 9110, section 15.2). */
  get takesInformation(): boolean {
    return this.isActive && !this.#isAnswered && this.#minor > 0;
  }

  /** The octets [start, end) of the body came with the head. */
  begin(head: RequestHead, bytes: Buffer, start: number, end: number): void {
    const { body, origin } = this.#client;
    const account = this.#account;
    this.#reset(head);
    account.open(head, bytes);
    if (!mayGoOn(head)) {
      this.#own.refuse(501, 'the request is not to be forwarded, and the router itself answers none');
      return;
    }
    if (this.#around.httpsPort && origin.scheme === 'http' && !mayStayPlain(head.path)) {
      this.#own.redirect(head, this.#around.httpsPort);
      return;
    }
    const route = this.#around.plane.routes().match(head.hostName, head.path);
    if (!route || (route.service === undefined && !route.policy?.answerer)) {
      account.unrouted();
      this.#own.refuse(404, 'no route leads from this host and path to a service');
      return;
    }
    const { service, strip, policy } = route;
    const path = stripped(head.path, strip);
    account.routed(service, path);
    account.received += end - start;
    this.#policing.begin(policy, head, bytes, account.startedAt);
    body.limitTo(policy?.maxBody ?? this.#around.plane.limits.maxBody);
    if (body.rejection) {
      this.#client.rejected(body.rejection);
      return;
    }
    if (policy && this.#own.settles(this.#policing, head, bytes)) return;
    const group = service === undefined ? undefined : this.#around.plane.balancer.group(service);
    if (!group) {
      this.#own.unavailable('no-instance');
      return;
    }
    if (!this.#delivery.admit(group, account.startedAt)) {
      this.#own.unavailable('breaker-open', group.breaker?.remaining(account.startedAt));
      return;
    }
    this.upgrades = canUpgrade(head, body);
    const traceparent = head.traceparent === '' ? newTraceparent() : '';
    if (traceparent !== '') account.traced(traceparent);
    const text = forwardedRequest(bytes, head, {
      path,
      strippedPrefix: strip,
      requestId: account.requestId,
      traceparent,
      origin,
      upgrades: this.upgrades,
      version: this.#client.wire.spokenVersion,
    });
    const opening = joined(this.#policing.request(text), bytes, start, end, body.done ? body.tail : '');
    const key = group.hashKey === undefined ? noKey : hashed(group.hashKey, bytes, head, origin.address);
    const attempt = this.#delivery.begin(head.method, opening, key, account.startedAt);
    if (attempt !== 'begun') this.#giveUp(attempt);
  }

  /** Octets [start, end) of the body came later. */
  pass(bytes: Buffer, start: number, end: number): void {
    const { body } = this.#client;
    const { connection } = this.#delivery;
    this.#account.received += end - start;
    if (connection) write(connection.wire, '', bytes, start, end, body.done ? body.tail : '');
  }

  /** The client has taken what was sent. */
  clientFlushed(): void {
    this.#reply.flushed();
    if (!this.#reply.isFull) this.#delivery.connection?.wire.resume();
  }

  clientGone(): void {
    if (!this.isActive) return;
    this.#delivery.connection?.destroy();
    this.#account.report(499);
    this.#over();
  }

  /** For whom logs and counters tell of the request under way, or the last one. */
  get requestId(): string {
    return this.#account.requestId;
  }

  /** A request can't be read, so it never began. @param status that answers it */
  unreadable(status: number, rejection: Rejection): void {
    this.#account.unreadable(status, rejection);
  }

  /** The request can't be completed. @param status to be answered with, where it still can be. @returns whether */
  abandon(status: number, rejection: Rejection): boolean {
    this.#account.rejected(rejection);
    const answered = this.#isAnswered;
    this.#delivery.connection?.destroy();
    this.#account.report(status);
    this.#over();
    if (answered) this.#client.cut(this.#reply.isDelimited);
    return !answered;
  }

  /** Whether its upgraded connection is to end: its instance is to stop. */
  outstays(now: Milliseconds): boolean {
    const upstream = this.#delivery.connection?.upstream;
    return upstream !== undefined && now >= upstream.upgradesEnd;
  }

  /** @param idle for how long nothing came from either side */
  check(now: Milliseconds, idle: Milliseconds): 'client-stalled' | undefined {
    const { limits } = this.#around.plane;
    const { connection, attemptedAt } = this.#delivery;
    if (now > this.#policing.deadline) return this.#expire();
    if (!connection) {
      if (this.#isAnswered && idle > limits.idleTimeout) this.#cut();
    } else if (!connection.isConnected) {
      if (now - attemptedAt < limits.connectTimeout) return undefined;
      connection.destroy();
      this.failed(timeout('connect', `no connection within ${limits.connectTimeout} ms`));
    } else if (!this.#isAnswered && !this.#client.body.done && !connection.wire.blocked) {
      if (idle > limits.bodyTimeout) return 'client-stalled';
    } else if (idle > (this.#isAnswered ? limits.idleTimeout : limits.headTimeout)) {
      connection.destroy();
      this.failed(timeout('later', this.#isAnswered ? 'the response stalled, and was cut off' : 'no answer in time'));
    }
    return undefined;
  }

  /** It takes longer than its route allows. */
  #expire(): 'client-stalled' | undefined {
    const { connection, isSent } = this.#delivery;
    if (!this.#isAnswered && isSent && !this.#client.body.done && !connection?.wire.blocked) return 'client-stalled';
    this.#account.rejected('timeout');
    connection?.destroy();
    if (connection) this.failed(timeout('later', 'it took longer than the route allows'));
    else if (this.#isAnswered) this.#cut();
    else this.#own.refuse(504, 'the instance did not answer in time');
    return undefined;
  }

  connected(): void {
    this.#delivery.send(this.#client.body.done);
    this.#client.review();
  }

  informed(bytes: Buffer, head: ResponseHead): void {
    if (!this.takesInformation) return;
    this.#client.wire.write(forwardedInformation(bytes, head));
    this.#heed();
  }

  answered(bytes: Buffer, head: ResponseHead, body: Body, start: number, end: number): void {
    const reply = this.#reply;
    const policing = this.#policing;
    const coding = policing.coding(head, bytes);
    reply.begin(body, this.#minor, body.kind === 'none' ? undefined : coding);
    const stop = reply.take(body, bytes, start, end);
    if (body.rejection) return;
    if (stop < end) this.#delivery.connection?.overrun();
    this.#isAnswered = true;
    this.#delivery.answered(head.status, this.#around.now);
    const text = forwardedResponse(bytes, head, {
      requestId: this.#account.requestId,
      connection: this.connectionOption(reply.isDelimited),
      chunked: reply.isChunked,
      date: head.hasDate ? '' : this.#around.date(),
    });
    this.#account.report(head.status);
    reply.send(policing.response(text, body.kind === 'none' || reply.isCoded ? coding : undefined), body, bytes, start);
    if (!body.done) this.#heed();
  }

  passed(bytes: Buffer, body: Body, start: number, end: number): void {
    const stop = this.#reply.take(body, bytes, start, end);
    if (body.rejection) return;
    if (stop < end) this.#delivery.connection?.overrun();
    this.#reply.send('', body, bytes, start);
    if (!body.done) this.#heed();
  }

  completed(): void {
    const isSent = this.#reply.end();
    this.#delivery.complete(this.#client.body.done, this.#around.now);
    if (isSent) this.replyEnded();
  }

  replyDrained(): void {
    this.#delivery.connection?.wire.resume();
  }

  replyEnded(): void {
    this.#over();
    this.#client.exchanged();
  }

  replyFailed(): void {
    this.#cut();
  }

  switched(bytes: Buffer, head: ResponseHead, start: number, end: number): void {
    const { connection } = this.#delivery;
    if (!connection) return;
    if (!this.upgrades) {
      connection.destroy();
      this.failed(failure('later', 'the instance switches protocols, which nobody asked for'));
      return;
    }
    this.#isAnswered = true;
    this.#delivery.answered(101, this.#around.now);
    this.#account.report(101);
    const { plane } = this.#around;
    const client = this.#client;
    client.wire.write(
      this.#policing.response(
        forwardedResponse(bytes, head, {
          requestId: this.#account.requestId,
          connection: undefined,
          chunked: false,
          date: this.#around.date(),
        }),
        undefined,
      ),
    );
    const tunnel = new Tunnel(client.wire, connection.wire, plane.limits.idleTimeout, () => {
      this.#account.sent += tunnel.meter.sent;
      this.#account.received += tunnel.meter.received;
      this.#over();
    });
    connection.wire.handTo(tunnel.upstream);
    if (start < end) tunnel.upstream.received(bytes, start, end);
    client.switched(tunnel);
  }

  upstreamFlushed(): void {
    this.#client.review();
  }

  failed(why: Failure): void {
    const delivery = this.#delivery;
    const account = this.#account;
    const upstream = delivery.connection?.upstream;
    if (!upstream) return;
    if (this.#isAnswered) {
      account.warn(upstream, why.timedOut ? why.cause : 'the response was cut short by the instance');
      this.#over();
      this.#client.cut(this.#reply.isDelimited);
      return;
    }
    this.#failure = why;
    const now = performance.now();
    const isRepeatable = delivery.failed(upstream, why, now);
    delivery.release();
    if (why.kind === 'connect') account.warn(upstream, `cannot connect: ${why.cause}`);
    else if (!isRepeatable) account.warn(upstream, why.cause);
    const attempt = isRepeatable ? delivery.retry(upstream, why, now) : 'no-instance';
    if (attempt === 'begun') account.retried();
    else this.#giveUp(attempt);
  }

  undelivered(reason: 'no-instance' | 'queue-timeout'): void {
    this.#giveUp(reason);
  }

  respond(status: number, text: string, body?: Buffer): void {
    const { wire } = this.#client;
    this.#account.sent += text.length + (body?.length ?? 0);
    wire.write(text);
    if (body) wire.write(body);
    this.#account.report(status);
    this.#over();
    this.#client.exchanged();
  }

  /** A client of HTTP/1.1 takes a connection for one that goes on, one of HTTP/1.0 does not. */
  connectionOption(delimited: boolean): 'close' | 'keep-alive' | undefined {
    if (!this.#client.answering(delimited)) return 'close';
    return this.#minor === 0 ? 'keep-alive' : undefined;
  }

  #reset(head: RequestHead): void {
    this.isActive = true;
    this.isHead = head.method === 'HEAD';
    this.#minor = head.minor;
    this.#isAnswered = false;
    this.#failure = undefined;
    this.upgrades = false;
  }

  /** No instance takes it. What one answered before, if only by failing, counts more than why no other does. */
  #giveUp(reason: Exclude<Attempt, 'begun'> | 'queue-timeout'): void {
    const failure = this.#failure;
    if (reason === 'retry-refused') this.#account.retryRefused();
    else if (!failure) {
      this.#own.unavailable(reason);
      return;
    }
    this.#delivery.abandoned(failure?.ours === false, this.#around.now);
    if (failure?.timedOut) this.#own.refuse(504, 'the instance did not answer in time');
    else this.#own.refuse(502, 'the instance could not be reached or gave no valid answer');
  }

  /** The instance is not read on while the client has not taken what came. */
  #heed(): void {
    if (this.#reply.isFull) this.#delivery.connection?.wire.pause();
  }

  /** The response can't go on. */
  #cut(): void {
    this.#delivery.connection?.destroy();
    this.#over();
    this.#client.cut(this.#reply.isDelimited);
  }

  #over(): void {
    this.#reply.leave();
    this.isActive = false;
    this.#account.sent += this.#reply.sent;
    this.#reply.sent = 0;
    this.#account.close(this.#delivery);
    this.#delivery.end();
  }
}
