/** CPU use of instances as a share of one core: over the whole run at first, as `ps` has it; then since the last look. */
import type { Instance } from './api-types.ts';

interface Look {
  readonly cpuSeconds: number;
  readonly uptime: number;
}

export class CpuShare {
  #last = new Map<string, Look>();
  #next = new Map<string, Look>();

  /** `undefined` where it can't be known. */
  of({ service, index, revision, pid, usage, uptime }: Instance): number | undefined {
    if (!usage || uptime === undefined) return undefined;
    const key = `${service}/${index}/${revision}/${pid}`;
    this.#next.set(key, { cpuSeconds: usage.cpuSeconds, uptime });
    const last = this.#last.get(key) ?? { cpuSeconds: 0, uptime: 0 };
    const elapsed = (uptime - last.uptime) / 1000;
    return elapsed > 0 ? Math.max(0, usage.cpuSeconds - last.cpuSeconds) / elapsed : undefined;
  }

  /** Ends a look; the next is compared with this one. */
  turn(): void {
    this.#last = this.#next;
    this.#next = new Map();
  }
}
