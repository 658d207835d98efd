/** What a process needs, and what the host has left, as proc(5) tells it. */
import { readdirSync, readFileSync } from 'node:fs';

/** What a process needs meanwhile. */
export class Watch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  readonly #begun: { readonly at: number; readonly cpu: CpuTimes; readonly host: HostTicks };
  #peak = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#begun = { at: performance.now(), cpu: cpuTimes(pid), host: hostTicks() };
    this.#timer = setInterval(() => {
      this.#peak = Math.max(this.#peak, rss(pid));
    }, 50);
  }

  /** As shares of the time of a core. @param attacker seconds that it used */
  cpu(attacker: number): { readonly told: string; readonly waited: number } {
    const { at, cpu, host } = this.#begun;
    const seconds = (performance.now() - at) / 1000;
    const now = { cpu: cpuTimes(this.#pid), host: hostTicks() };
    const waited = (now.cpu.waited - cpu.waited) / seconds;
    const idle = (now.host.idle - host.idle) / (now.host.all - host.all);
    const percent = (share: number) => `${Math.round(100 * share)} %`;
    const router = `router ${percent((now.cpu.used - cpu.used) / seconds)} and ${percent(waited)} of waiting for it`;
    return { told: `CPU: ${router}, attacker ${percent(attacker / seconds)}, host idle ${percent(idle)}`, waited };
  }

  /** @returns the most memory, in bytes */
  stop(): number {
    clearInterval(this.#timer);
    return this.#peak;
  }
}

/** This process has what its children get, since Node raises the soft limit to the hard one. */
export function mostDescriptors(): number {
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]);
}

export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

export function rss(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

/** In seconds. */
interface CpuTimes {
  readonly used: number;
  /** It could have gone on, and no CPU was free. */
  readonly waited: number;
}

/** Of its first thread, which does all the work. */
function cpuTimes(pid: number): CpuTimes {
  const [used, waited] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ').map(Number);
  return { used: Number(used) / 1e9, waited: Number(waited) / 1e9 };
}

interface HostTicks {
  readonly idle: number;
  readonly all: number;
}

/** Of all cores. */
function hostTicks(): HostTicks {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n');
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  return { idle: Number(ticks[3]) + Number(ticks[4]), all: ticks.reduce((sum, one) => sum + one, 0) };
}
