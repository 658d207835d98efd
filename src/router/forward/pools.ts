/** Connections to instances that wait for their next request. */
import { Agent } from 'node:http';
import type { Milliseconds } from '../../domain/clock.ts';
import type { Upstream } from '../balancer.ts';

export class Pools {
  readonly #agents = new Map<Upstream, Agent>();
  readonly #idle: Milliseconds;

  constructor(idle: Milliseconds) {
    this.#idle = idle;
  }

  agent(upstream: Upstream): Agent {
    let agent = this.#agents.get(upstream);
    if (!agent) {
      agent = new Agent({ keepAlive: true, timeout: this.#idle });
      if (upstream.leaving) agent.maxFreeSockets = 0;
      else this.#agents.set(upstream, agent);
    }
    return agent;
  }

  /** Closes those that carry nothing now. */
  flush(upstream: Upstream): void {
    const agent = this.#agents.get(upstream);
    for (const sockets of Object.values(agent?.freeSockets ?? {})) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  /** As {@link flush}; the others are closed when they are done. */
  remove(upstream: Upstream): void {
    this.flush(upstream);
    const agent = this.#agents.get(upstream);
    if (agent) agent.maxFreeSockets = 0;
    this.#agents.delete(upstream);
  }
}
