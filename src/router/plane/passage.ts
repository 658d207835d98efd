/**
 * A client's connection that is passed on to an instance as it is, whatever is spoken on it.
 *
 * - Nothing is read from the client before an instance has accepted, so until then the next one can be tried.
 * - A FIN is passed on, and so is a reset: what was cut short can't look whole. Where no instance accepts, or has room
 *   in time, the client gets a reset.
 * - It may be silent for any time, as connections to databases are: a side that vanished is found by TCP's keep-alive.
 *   Once one side has ended, the other has the time that a response may stall.
 * - It ends when its instance is to stop, after the time that upgraded connections have.
 * - Each pick is released exactly once, when the instance's side is over.
 */
import type { Socket } from 'node:net';
import type { Milliseconds } from '../../domain/clock.ts';
import type { Group } from '../balancer/group.ts';
import { hashOf } from '../balancer/hash.ts';
import { noKey } from '../balancer/policy.ts';
import type { Waiter } from '../balancer/queue.ts';
import type { Upstream } from '../balancer/upstream.ts';
import type { ConnectionCounters } from '../traffic.ts';
import type { Connection } from './connection.ts';
import { brokenOff, type Failure, timeout } from './failure.ts';
import type { DataPlane } from './forwarder.ts';
import { SocketWire } from './socket-wire.ts';
import { Tunnel } from './tunnel.ts';
import type { WireOwner } from './wire.ts';

const keepAliveProbe: Milliseconds = 60_000;

export interface PassageHost {
  readonly plane: DataPlane;
  readonly byDocument: boolean;
  gone(passage: Passage): void;
}

export class Passage implements Connection, Waiter {
  readonly #host: PassageHost;
  readonly #service: string;
  readonly #group: Group | undefined;
  readonly #client: SocketWire;
  readonly #counters: ConnectionCounters;
  readonly #startedAt = performance.now();
  readonly tried = new Set<Upstream>();
  readonly key: number;
  #attemptedAt = this.#startedAt;
  #instance: SocketWire | undefined;
  #picked: Upstream | undefined;
  #tunnel: Tunnel | undefined;

  /**
   * @param socket paused since it was accepted
   * @param address that it comes from
   */
  constructor(host: PassageHost, socket: Socket, address: string, service: string) {
    const { balancer, traffic } = host.plane;
    this.#host = host;
    this.#service = service;
    this.#group = balancer.group(service);
    this.key = this.#group?.hashKey?.kind === 'source' ? hashOf(address) : noKey;
    this.#counters = traffic.of(service).connections();
    this.#counters.opened += 1;
    this.#counters.open += 1;
    this.#client = SocketWire.accepted(this.#waiting(), socket, host.byDocument);
    this.#attempt(this.#startedAt);
  }

  check(now: Milliseconds): void {
    const { limits } = this.#host.plane;
    if (this.#tunnel) {
      if (this.#tunnel.isStuck(now, limits.idleTimeout)) this.#cut();
      else if (this.#picked && now >= this.#picked.upgradesEnd) this.#end();
    } else if (this.#instance && now - this.#attemptedAt > limits.connectTimeout) {
      const instance = this.#instance;
      this.#failed(timeout('connect', `no connection within ${limits.connectTimeout} ms`));
      instance.destroy();
    }
  }

  destroy(): void {
    this.#instance?.destroy();
    this.#client.destroy();
  }

  admitted(upstream: Upstream | undefined): void {
    if (upstream) this.#connect(upstream, performance.now());
    else this.#refuse();
  }

  expired(): void {
    this.#refuse();
  }

  #cut(): void {
    this.#instance?.reset();
    this.#client.reset();
  }

  /** What was sent so far still arrives. */
  #end(): void {
    const { idleTimeout } = this.#host.plane.limits;
    this.#instance?.finish(idleTimeout);
    this.#client.finish(idleTimeout);
  }

  #attempt(now: Milliseconds): void {
    const isSpent = now - this.#startedAt > this.#host.plane.limits.retryWindow;
    const picked = isSpent ? undefined : this.#group?.pick(this.tried, now, this.key, this);
    if (picked === undefined || picked === 'full') this.#refuse();
    else if (picked !== 'wait') this.#connect(picked, now);
  }

  #connect(upstream: Upstream, now: Milliseconds): void {
    this.#picked = upstream;
    this.#attemptedAt = now;
    this.#instance = SocketWire.connect(this.#connecting(), upstream, this.#host.byDocument);
  }

  #refuse(): void {
    this.#counters.refused += 1;
    this.#client.reset();
  }

  /** The client's side until an instance has accepted. */
  #waiting(): WireOwner {
    return {
      connected() {},
      received() {},
      ended() {},
      flushed() {},
      closed: () => {
        this.#instance?.destroy();
        this.#group?.queue.leave(this);
        this.#over();
      },
    };
  }

  /** The instance's side until it has accepted. */
  #connecting(): WireOwner {
    return {
      connected: () => this.#connected(),
      received() {},
      ended() {},
      flushed() {},
      closed: error => {
        if (this.#client.closed) this.#release();
        else this.#failed(brokenOff('connect', error));
      },
    };
  }

  #connected(): void {
    const instance = this.#instance;
    const upstream = this.#picked;
    if (!instance || !upstream || this.#client.closed) return;
    this.#group?.ejection.connected(upstream);
    this.#group?.ejection.succeeded(upstream, performance.now());
    instance.socket.setKeepAlive(true, keepAliveProbe);
    const { idleTimeout } = this.#host.plane.limits;
    const tunnel = new Tunnel(this.#client, instance, idleTimeout, () => this.#release(), this.#counters);
    this.#tunnel = tunnel;
    instance.handTo(tunnel.upstream);
    const closed = (error: Error | undefined) => {
      tunnel.client.closed(error);
      this.#over();
    };
    this.#client.handTo({ ...tunnel.client, closed });
    this.#client.start();
  }

  #failed(why: Failure): void {
    const upstream = this.#picked;
    const instance = this.#instance;
    if (!upstream || !instance) return;
    const now = performance.now();
    instance.handTo(nobody);
    this.#instance = undefined;
    if (!why.ours) this.#group?.ejection.refused(upstream, now);
    this.#release();
    const cause = `cannot connect: ${why.cause}`;
    this.#host.plane.log.warn({ service: this.#service, endpoint: upstream.id, cause }, `${this.#service}: ${cause}`);
    this.tried.add(upstream);
    this.#attempt(now);
  }

  #release(): void {
    const upstream = this.#picked;
    this.#picked = undefined;
    if (upstream) this.#group?.release(upstream);
  }

  #over(): void {
    this.#counters.open -= 1;
    this.#host.gone(this);
  }
}

const nobody: WireOwner = { connected() {}, received() {}, ended() {}, flushed() {}, closed() {} };
