/**
 * One request on its way to an instance, and the response back.
 *
 * - Another instance is tried only while nothing of the request can have been processed: the connect failed, or a
 *   kept connection turned out to be closed and the request is idempotent and has no body.
 * - The body is read only once an instance has accepted the connection, so each attempt has it whole.
 * - When the client is gone, so is the request to the instance. A response that the instance cuts short is cut short.
 * - Each pick is released exactly once, when the instance's side of the exchange is over.
 */
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Upstream } from '../balancer.ts';
import type { RouteMatch } from '../routes.ts';
import { attempt, type FailureKind, type Information } from './attempt.ts';
import { ClientStalled, causeOf, isOurs, TimedOut } from './cause.ts';
import type { DataPlane } from './forwarder.ts';
import { requestHeaders, responseHeaders, trailers } from './headers.ts';
import type { Pools } from './pools.ts';
import { type ProblemStatus, sendProblem } from './problem.ts';
import type { Target } from './target.ts';
import type { Tunnel } from './tunnel.ts';

/** RFC 9110, section 9.2.2. */
const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

export interface ExchangeOrder {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly match: RouteMatch;
  readonly requestId: string;
  /** The client waits for 100 before it sends the body. */
  readonly awaitsContinue: boolean;
  /** Where the client asked for an upgrade. */
  readonly tunnel: Tunnel | undefined;
  /** The connection is to be closed after this response. */
  readonly lastOfConnection: () => boolean;
}

export class Exchange {
  readonly #plane: DataPlane;
  readonly #pools: Pools;
  readonly #order: ExchangeOrder;
  readonly #path: string;
  readonly #headers: readonly string[];
  readonly #startedAt = performance.now();
  readonly #tried = new Set<Upstream>();
  #outgoing: ClientRequest | undefined;
  #staleRetried = false;
  #responded = false;
  /** What ended a response that had begun. */
  #stall: string | undefined;

  constructor(plane: DataPlane, pools: Pools, order: ExchangeOrder) {
    const { request, target, match, tunnel } = order;
    this.#plane = plane;
    this.#pools = pools;
    this.#order = order;
    this.#path = stripped(target.path, match.strip);
    this.#headers = requestHeaders(request.rawHeaders, {
      method: request.method ?? '',
      host: target.host,
      clientAddress: request.socket.remoteAddress ?? '',
      requestId: order.requestId,
      strippedPrefix: match.strip,
      chunked: target.chunked,
      upgrade: tunnel ? request.headers.upgrade : undefined,
    });
  }

  start(): void {
    const { request, response, match } = this.#order;
    this.#plane.traffic.begun(match.service);
    request.on('error', () => {});
    response.on('error', () => {});
    response.once('close', () => this.#clientSideOver());
    this.#attempt(undefined);
  }

  /** @param failure of the attempt before, if there was one */
  #attempt(failure: Error | undefined): void {
    const { balancer, traffic } = this.#plane;
    const { service } = this.#order.match;
    const spent = failure !== undefined && performance.now() - this.#startedAt > this.#plane.limits.retryWindow;
    const upstream = spent ? undefined : balancer.pick(service, this.#tried);
    if (!upstream) {
      if (failure) this.#giveUp(failure);
      else this.#refuse(503, 'no instance of the service is ready', ['Retry-After', '1']);
      return;
    }
    if (failure) traffic.retried(service);
    this.#tried.add(upstream);
    this.#outgoing = this.#send(upstream);
  }

  #send(upstream: Upstream): ClientRequest {
    const { balancer, limits, traffic } = this.#plane;
    const { request, target, tunnel, match } = this.#order;
    const options = {
      agent: this.#pools.agent(upstream),
      host: upstream.host,
      port: upstream.port,
      method: request.method ?? '',
      path: this.#path,
      headers: this.#headers,
    };
    const outgoing = attempt(options, limits, tunnel !== undefined, {
      connected: accepted => {
        balancer.connected(upstream);
        if (target.hasBody) this.#sendBody(accepted);
      },
      informed: information => this.#inform(information),
      answered: incoming => this.#respond(outgoing, upstream, incoming),
      switched: (incoming, socket, head) => {
        this.#reportResponse(101);
        socket.once('close', () => traffic.ended(match.service));
        tunnel?.open(incoming, socket, head, this.#order.requestId);
      },
      failed: (kind, error) => this.#failed(upstream, kind, error),
      stalled: () => this.#stalled(outgoing),
      over: () => balancer.release(upstream),
    });
    if (!target.hasBody) outgoing.end();
    return outgoing;
  }

  #sendBody(outgoing: ClientRequest): void {
    const { request, response, awaitsContinue, target } = this.#order;
    if (awaitsContinue) response.writeContinue();
    outgoing.flushHeaders();
    request.once('end', () => {
      if (target.chunked && request.rawTrailers.length > 0) outgoing.addTrailers(trailers(request.rawTrailers));
    });
    request.pipe(outgoing);
  }

  #respond(outgoing: ClientRequest, upstream: Upstream, incoming: IncomingMessage): void {
    const { request, response, requestId } = this.#order;
    if (response.destroyed) {
      outgoing.destroy();
      return;
    }
    const status = incoming.statusCode ?? 0;
    const bodyless = request.method === 'HEAD' || status === 204 || status === 304;
    const chunked = incoming.headers['transfer-encoding'] !== undefined && request.httpVersionMinor > 0 && !bodyless;
    this.#closeAfterwards();
    try {
      response.writeHead(status, incoming.statusMessage, responseHeaders(incoming.rawHeaders, requestId, chunked));
    } catch (error) {
      outgoing.destroy();
      this.#failed(upstream, 'later', error as Error);
      return;
    }
    this.#reportResponse(status);
    // The head must not wait for a body that may be long in coming; but it goes out with one that is there.
    const flush = setImmediate(() => response.flushHeaders());
    incoming.once('data', () => clearImmediate(flush));
    incoming.once('end', () => {
      clearImmediate(flush);
      if (chunked && incoming.rawTrailers.length > 0) response.addTrailers(trailers(incoming.rawTrailers));
      if (!request.complete) {
        // The answer came before the request was over, so the instance does not want the rest.
        outgoing.destroy();
        this.#discardBody();
      }
    });
    incoming.once('close', () => {
      if (incoming.complete || response.destroyed) return;
      this.#log(upstream, this.#stall ?? 'the response was cut short by the instance');
      response.socket?.resetAndDestroy();
    });
    incoming.pipe(response);
  }

  #inform(info: Information): void {
    const { request, response } = this.#order;
    if (request.httpVersionMinor === 0 || response.headersSent) return;
    try {
      if (info.statusCode === 102) response.writeProcessing();
      if (info.statusCode !== 103) return;
      const link = info.rawHeaders.filter(
        (_, index, raw) => raw[index - 1]?.toLowerCase() === 'link' && index % 2 === 1,
      );
      if (link.length > 0) response.writeEarlyHints({ link });
    } catch {
      // A hint that isn't well formed is not worth a response.
    }
  }

  #failed(upstream: Upstream, kind: FailureKind, error: Error): void {
    const { request, response, target } = this.#order;
    if (response.destroyed || response.headersSent) return;
    if (kind === 'connect' && !isOurs(error)) {
      this.#plane.balancer.refused(upstream);
      this.#log(upstream, `cannot connect: ${causeOf(error)}`);
      this.#attempt(error);
    } else if (kind === 'stale' && idempotent.has(request.method ?? '') && !target.hasBody && !this.#staleRetried) {
      this.#staleRetried = true;
      this.#pools.flush(upstream);
      this.#tried.delete(upstream);
      this.#attempt(error);
    } else {
      this.#log(upstream, causeOf(error));
      this.#giveUp(error);
    }
  }

  #giveUp(error: Error): void {
    if (error instanceof ClientStalled) this.#refuse(408, 'the request was not sent in time');
    else if (error instanceof TimedOut) this.#refuse(504, 'the instance did not answer in time');
    else this.#refuse(502, 'the instance could not be reached or gave no valid answer');
  }

  #refuse(status: ProblemStatus, detail: string, headers: readonly string[] = []): void {
    const { response, requestId } = this.#order;
    this.#closeAfterwards();
    if (status === 408) response.shouldKeepAlive = false;
    sendProblem(response, status, detail, requestId, headers);
    this.#reportResponse(status);
    this.#discardBody();
  }

  /** The instance, unless it is the client that has more to send and doesn't. */
  #stalled(outgoing: ClientRequest): void {
    const clientStalled = !this.#order.request.complete && !outgoing.writableNeedDrain;
    if (this.#order.response.headersSent) this.#stall = 'the response stalled, and was cut off';
    outgoing.destroy(
      clientStalled ? new ClientStalled('the client sent nothing for too long') : new TimedOut('no answer in time'),
    );
  }

  /** A client that waited for 100 in vain may send the body or not, so what follows could not be told apart. */
  #closeAfterwards(): void {
    const { request, response, awaitsContinue, lastOfConnection } = this.#order;
    if (lastOfConnection() || (awaitsContinue && !request.complete)) response.shouldKeepAlive = false;
  }

  /** So that the client can read the response before it has sent all, and its connection stays usable. */
  #discardBody(): void {
    const { request, awaitsContinue } = this.#order;
    if (request.complete || awaitsContinue) return;
    request.unpipe();
    request.resume();
    const timer = setTimeout(() => request.socket.destroy(), this.#plane.limits.discardTimeout);
    const done = () => clearTimeout(timer);
    request.once('end', done).once('close', done);
  }

  #clientSideOver(): void {
    const { response, match } = this.#order;
    if (!response.writableFinished) this.#outgoing?.destroy();
    this.#reportResponse(499);
    this.#plane.traffic.ended(match.service);
  }

  /** The first counts. */
  #reportResponse(status: number): void {
    if (this.#responded) return;
    this.#responded = true;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.#plane.traffic.responded(this.#order.match.service, status, seconds);
  }

  #log(upstream: Upstream, cause: string): void {
    const { request, requestId, match } = this.#order;
    const path = this.#path.split('?', 1)[0] as string; // A query may hold secrets.
    this.#plane.log.warn(
      { service: match.service, endpoint: upstream.id, method: request.method, path, requestId, cause },
      `${match.service}: ${cause}`,
    );
  }
}

function stripped(path: string, prefix: string): string {
  if (!prefix) return path;
  const rest = path.slice(prefix.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
