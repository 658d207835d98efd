/** Counters since the worker's start. */
import {
  type BalanceStats,
  type ConnectionStats,
  latencyBuckets,
  type RouterStats,
  type ServiceTraffic,
  type Unavailable,
} from '../router-link/protocol.ts';

/** Of connections that are passed on as they are. Whoever has one counts in it. */
export type ConnectionCounters = { -readonly [K in keyof ConnectionStats]: number };

const statusClasses = 10;

/** Of one service. */
export class ServiceCounters {
  /** By the first digit of the status. */
  readonly #responses: number[] = new Array(statusClasses).fill(0);
  /** One for each bucket, then one for what is above all; not cumulative. */
  readonly #latency: number[] = new Array(latencyBuckets.length + 1).fill(0);
  #latencySum = 0;
  #retries = 0;
  #retriesRefused = 0;
  readonly #unavailable: Record<Unavailable, number> = {
    'no-instance': 0,
    'queue-full': 0,
    'queue-timeout': 0,
    'breaker-open': 0,
  };
  #inFlight = 0;
  #bytesIn = 0;
  #bytesOut = 0;

  #connections: ConnectionCounters | undefined;

  /** Made with the first. */
  connections(): ConnectionCounters {
    this.#connections ??= { open: 0, opened: 0, refused: 0, received: 0, sent: 0 };
    return this.#connections;
  }

  begun(): void {
    this.#inFlight += 1;
  }

  /** @param status 499 where the client left before there was a response */
  responded(status: number, seconds: number): void {
    const statusClass = Math.floor(status / 100);
    this.#responses[statusClass] = (this.#responses[statusClass] ?? 0) + 1;
    this.#latencySum += seconds;
    let bucket = 0;
    while (bucket < latencyBuckets.length && seconds > (latencyBuckets[bucket] as number)) bucket++;
    this.#latency[bucket] = (this.#latency[bucket] ?? 0) + 1;
  }

  /** Also when its upgraded connection was closed. @param bytesIn from the client @param bytesOut to it */
  ended(bytesIn: number, bytesOut: number): void {
    this.#inFlight -= 1;
    this.#bytesIn += bytesIn;
    this.#bytesOut += bytesOut;
  }

  retried(): void {
    this.#retries += 1;
  }

  /** There were too many retries already. */
  retryRefused(): void {
    this.#retriesRefused += 1;
  }

  /** The router itself answers with 503. */
  unavailable(reason: Unavailable): void {
    this.#unavailable[reason] += 1;
  }

  stats(balance: BalanceStats): ServiceTraffic {
    const responses: Record<string, number> = {};
    for (const [statusClass, count] of this.#responses.entries()) {
      if (count > 0) responses[`${statusClass}xx`] = count;
    }
    let sum = 0;
    const latency = this.#latency.map(count => {
      sum += count;
      return sum;
    });
    return {
      responses,
      latency,
      latencySum: this.#latencySum,
      retries: this.#retries,
      retriesRefused: this.#retriesRefused,
      unavailable: { ...this.#unavailable },
      inFlight: this.#inFlight,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      ...balance,
      ...(this.#connections && { connections: { ...this.#connections } }),
    };
  }
}

export class Traffic {
  /** Services stay after they left the table: counters must not go back. */
  readonly #services = new Map<string, ServiceCounters>();
  #unrouted = 0;
  readonly #rejected: Record<string, number> = {};

  of(service: string): ServiceCounters {
    let counters = this.#services.get(service);
    if (!counters) {
      counters = new ServiceCounters();
      this.#services.set(service, counters);
    }
    return counters;
  }

  unrouted(): void {
    this.#unrouted += 1;
  }

  /** Of a request or a connection; the reason is one of a fixed set. */
  rejected(reason: string): void {
    this.#rejected[reason] = (this.#rejected[reason] ?? 0) + 1;
  }

  /** @param balance by service, of all that there ever were */
  stats(openConnections: number, balance: ReadonlyMap<string, BalanceStats>, accessLogDropped = 0): RouterStats {
    const services = Object.fromEntries([...balance].map(([name, own]) => [name, this.of(name).stats(own)]));
    const worker = { pid: process.pid, memory: residentMemory(), connections: openConnections };
    return {
      services,
      unrouted: this.#unrouted,
      rejected: { ...this.#rejected },
      openConnections,
      workers: [worker],
      accessLogDropped,
    };
  }
}

function residentMemory(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return 0; // It needs a descriptor, and there may be none.
  }
}
