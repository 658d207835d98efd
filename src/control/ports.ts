/**
 * Ports of the configured range. One is never given to two instances at once, and an instance keeps its own over
 * restarts, unless somebody else took it meanwhile.
 */
import { createServer } from 'node:net';
import { SlipwayError } from '../domain/errors.ts';
import type { PortRange } from '../domain/spec.ts';

export class Ports {
  #range: PortRange;
  readonly #given = new Set<number>();
  /** Where to look first: the freed ports rest for as long as there are fresh ones. */
  #next: number;

  constructor(range: PortRange) {
    this.#range = range;
    this.#next = range.from;
  }

  /** For what is given from now on; what was given stays. */
  setRange(range: PortRange): void {
    this.#range = range;
    if (this.#next < range.from || this.#next > range.to) this.#next = range.from;
  }

  /** An adopted instance has its port already. */
  claim(port: number): void {
    this.#given.add(port);
  }

  release(port: number): void {
    this.#given.delete(port);
  }

  /** @throws SlipwayError SLIP_PORTS_EXHAUSTED */
  async allocate(): Promise<number> {
    const { from, to } = this.#range;
    const size = to - from + 1;
    for (let tried = 0; tried < size; tried += 1) {
      const port = this.#next;
      this.#next = port >= to ? from : port + 1;
      if (this.#given.has(port)) continue;
      // Claimed before it is tested, since another allocation may run meanwhile.
      this.#given.add(port);
      if (await isFree(port)) return port;
      this.#given.delete(port);
    }
    throw new SlipwayError(
      'SLIP_PORTS_EXHAUSTED',
      `cannot give out a port: all ${size} of ${from}-${to} are in use; widen \`ports\` in slipway.yaml`,
    );
  }
}

/** Whether nobody listens on the port, on any address of this host. */
export function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    // Without a host it binds `::` for both families, which conflicts with a listener on any single address.
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
