/**
 * What an exchange leaves in the counters and in the log.
 *
 * - A request that came to a service is counted as begun once, with one status, and as ended once.
 * - No query is logged: it may hold secrets.
 */
import { randomUUID } from 'node:crypto';
import type { Milliseconds } from '../../domain/clock.ts';
import type { Unavailable } from '../../router-link/protocol.ts';
import type { Upstream } from '../balancer/upstream.ts';
import type { RequestHead } from '../http1/request-head.ts';
import type { ServiceCounters } from '../traffic.ts';
import type { DataPlane } from './forwarder.ts';

export class Account {
  readonly #plane: DataPlane;
  /** Of the service, from when it is known until all is over. */
  #counters: ServiceCounters | undefined;
  #service = '';
  #method = '';
  #path = '';
  #isReported = false;
  requestId = '';
  startedAt: Milliseconds = 0;

  constructor(plane: DataPlane) {
    this.#plane = plane;
  }

  open(head: RequestHead): void {
    this.#method = head.method;
    this.#isReported = false;
    this.requestId = head.requestId || randomUUID();
    this.startedAt = performance.now();
  }

  /** @param path as the service gets it */
  routed(service: string, path: string): void {
    this.#service = service;
    this.#path = path;
    this.#counters = this.#plane.traffic.of(service);
    this.#counters.begun();
  }

  unrouted(): void {
    this.#plane.traffic.unrouted();
  }

  retried(): void {
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
    if (this.#isReported || !this.#counters) return;
    this.#isReported = true;
    this.#counters.responded(status, (performance.now() - this.startedAt) / 1000);
  }

  close(): void {
    this.#counters?.ended();
    this.#counters = undefined;
  }

  warn(upstream: Upstream, cause: string): void {
    const service = this.#service;
    const path = this.#path.split('?', 1)[0] as string;
    this.#plane.log.warn(
      { service, endpoint: upstream.id, method: this.#method, path, requestId: this.requestId, cause },
      `${service}: ${cause}`,
    );
  }
}
