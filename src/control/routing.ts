/** The routing table as the instances make it: which are ready, under which routes. */
import type { RouterLink } from '../router-link/contract.ts';
import type { RouteTable } from '../router-link/protocol.ts';
import { crashPoint } from './crash-points.ts';

/** The router counts tables itself. */
export type RoutingTable = Required<Omit<RouteTable, 'version'>>;

export class Routing {
  readonly #link: RouterLink;
  readonly #table: () => RoutingTable;
  #scheduled = false;
  #held = true;
  /** As JSON. */
  #published: string | undefined;

  /** Publishes nothing until `release`: a daemon that hasn't yet found all instances must not withdraw any. */
  constructor(link: RouterLink, table: () => RoutingTable) {
    this.#link = link;
    this.#table = table;
  }

  release(): void {
    this.#held = false;
    this.changedNow();
  }

  /** Many instances become ready in the same turn of the event loop: one table tells of all. */
  changed(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      if (this.#scheduled) this.changedNow();
    });
  }

  changedNow(): void {
    this.#scheduled = false;
    if (this.#held) return;
    const table = this.#table();
    const text = JSON.stringify(table);
    if (text === this.#published) return;
    this.#published = text;
    this.#link.publish(table.services, table.settings);
    crashPoint('router.published');
  }

  /** When no request is in flight any more to an instance that was withdrawn. */
  drained(key: string, signal: AbortSignal): Promise<void> {
    return this.#link.drained(key, signal);
  }
}
