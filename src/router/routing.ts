/** The table in force, and all that goes by it: which route, which instance, what was counted. */
import { defaultSettings } from '../domain/router-spec.ts';
import type { RouterStats, RouteTable } from '../router-link/protocol.ts';
import { emptyTable } from '../router-link/table-file.ts';
import { Balancer } from './balancer.ts';
import type { Log } from './log.ts';
import { defaultLimits, type Forwarder } from './plane/forwarder.ts';
import { Plane } from './plane/plane.ts';
import { Routes } from './routes.ts';
import { Traffic } from './traffic.ts';

export class Routing {
  readonly balancer: Balancer;
  readonly forwarder: Forwarder;
  readonly #traffic = new Traffic();
  #table = emptyTable;
  #routes = new Routes([]);

  /**
   * @param ticketKeyPath see `router-link/ticket-key.ts`
   * @param vacated tells that the last request is done to an endpoint that the table no longer has
   */
  constructor(log: Log, ticketKeyPath: string, vacated: () => void) {
    this.balancer = new Balancer(() => performance.now(), {
      left: upstream => this.forwarder.left(upstream),
      vacated,
    });
    this.forwarder = new Plane(
      {
        routes: () => this.#routes,
        balancer: this.balancer,
        traffic: this.#traffic,
        log,
        limits: defaultLimits,
      },
      { ticketKeyPath },
    );
  }

  get table(): RouteTable {
    return this.#table;
  }

  apply(table: RouteTable): void {
    this.#table = table;
    this.forwarder.configure(table.settings ?? defaultSettings);
    this.#routes = new Routes(table.services);
    this.balancer.apply(table.services, table.settings?.workers);
  }

  /** Of this worker alone. */
  stats(): RouterStats {
    return this.#traffic.stats(this.forwarder.connections(), this.balancer.stats());
  }
}
