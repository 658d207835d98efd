/** The table in force, and all that goes by it: which route, which instance, what was counted. */
import { type AccessLogSpec, defaultSettings } from '../domain/router-spec.ts';
import type { RouterStats, RouteTable } from '../router-link/protocol.ts';
import { emptyTable } from '../router-link/table-file.ts';
import { Balancer } from './balancer.ts';
import type { Log } from './log.ts';
import { defaultLimits, type Forwarder } from './plane/forwarder.ts';
import { Plane } from './plane/plane.ts';
import { AccessLog } from './policy/access-log.ts';
import { forwardLimits } from './policy/limits.ts';
import { Policies } from './policy/route-policy.ts';
import { Routes } from './routes.ts';
import { Traffic } from './traffic.ts';

export class Routing {
  readonly balancer: Balancer;
  readonly forwarder: Forwarder;
  readonly #log: Log;
  readonly #traffic = new Traffic();
  readonly #limits = { ...defaultLimits };
  #table = emptyTable;
  #routes = new Routes([]);
  #policies: Policies | undefined;
  #accessLog: AccessLog | undefined;
  /** Lines of access logs before. */
  #lost = 0;

  /**
   * @param ticketKeyPath see `router-link/ticket-key.ts`
   * @param vacated tells that the last request is done to an endpoint that the table no longer has
   */
  constructor(log: Log, ticketKeyPath: string, vacated: () => void) {
    this.#log = log;
    this.balancer = new Balancer(() => performance.now(), {
      left: upstream => this.forwarder.left(upstream),
      vacated,
    });
    this.forwarder = new Plane(
      {
        routes: () => this.#routes,
        accessLog: () => this.#accessLog,
        balancer: this.balancer,
        traffic: this.#traffic,
        log,
        limits: this.#limits,
      },
      { ticketKeyPath },
    );
  }

  get table(): RouteTable {
    return this.#table;
  }

  apply(table: RouteTable): void {
    this.#table = table;
    const settings = table.settings ?? defaultSettings;
    this.forwarder.configure(settings);
    Object.assign(this.#limits, forwardLimits(settings.limits));
    const policies = new Policies({ log: this.#log, workers: table.settings?.workers ?? 1 }, this.#policies);
    this.#policies = policies;
    this.#routes = new Routes(table.services, settings.routes, (service, route) => policies.of(service, route));
    this.balancer.apply(table.services, table.settings?.workers);
    this.#logTo(settings.accessLog);
  }

  /** What was logged is written; nothing is any more. */
  async close(): Promise<void> {
    await this.#accessLog?.close();
  }

  /** For a process that ends at once. */
  flushNow(): void {
    this.#accessLog?.flushNow();
  }

  /** Of this worker alone. */
  stats(): RouterStats {
    const lost = this.#lost + (this.#accessLog?.dropped ?? 0);
    return this.#traffic.stats(this.forwarder.connections(), this.balancer.stats(), lost);
  }

  #logTo(spec: AccessLogSpec | false): void {
    const before = this.#accessLog;
    if (before && spec && before.spec.path === spec.path && before.spec.sample === spec.sample) return;
    void before?.close();
    this.#lost += before?.dropped ?? 0;
    this.#accessLog = spec ? new AccessLog(spec, { log: this.#log, random: Math.random }) : undefined;
  }
}
