/** Counters since the worker's start. */
import { latencyBuckets, type RouterStats, type ServiceTraffic } from '../router-link/protocol.ts';

class Counters {
  readonly responses: Record<string, number> = {};
  /** One for each bucket, then one for what is above all; not cumulative. */
  readonly latency: number[] = new Array(latencyBuckets.length + 1).fill(0);
  latencySum = 0;
  retries = 0;
  inFlight = 0;
}

export class Traffic {
  /** Services stay after they left the table: counters must not go back. */
  readonly #services = new Map<string, Counters>();
  #unrouted = 0;
  readonly #rejected: Record<string, number> = {};

  begun(service: string): void {
    this.#of(service).inFlight += 1;
  }

  /** @param status 499 where the client left before there was a response */
  responded(service: string, status: number, seconds: number): void {
    const counters = this.#of(service);
    const codeClass = `${Math.floor(status / 100)}xx`;
    counters.responses[codeClass] = (counters.responses[codeClass] ?? 0) + 1;
    counters.latencySum += seconds;
    const bucket = latencyBuckets.findIndex(bound => seconds <= bound);
    const index = bucket < 0 ? latencyBuckets.length : bucket;
    counters.latency[index] = (counters.latency[index] ?? 0) + 1;
  }

  /** Also when its upgraded connection was closed. */
  ended(service: string): void {
    this.#of(service).inFlight -= 1;
  }

  retried(service: string): void {
    this.#of(service).retries += 1;
  }

  unrouted(): void {
    this.#unrouted += 1;
  }

  /** A request that was refused for what it is; the reason is one of a fixed set. */
  rejected(reason: string): void {
    this.#rejected[reason] = (this.#rejected[reason] ?? 0) + 1;
  }

  stats(openConnections: number): RouterStats {
    const services: Record<string, ServiceTraffic> = {};
    for (const [name, { responses, latency, latencySum, retries, inFlight }] of this.#services) {
      let sum = 0;
      const cumulative = latency.map(count => {
        sum += count;
        return sum;
      });
      services[name] = { responses: { ...responses }, latency: cumulative, latencySum, retries, inFlight };
    }
    return { services, unrouted: this.#unrouted, rejected: { ...this.#rejected }, openConnections };
  }

  #of(service: string): Counters {
    let counters = this.#services.get(service);
    if (!counters) {
      counters = new Counters();
      this.#services.set(service, counters);
    }
    return counters;
  }
}
