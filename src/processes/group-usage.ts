/** What the processes of a cgroup use, by files that are kept open as long as the group is there. */
import { join } from 'node:path';
import type { Pressure, Usage } from './contract.ts';
import { counterIn, KeptFile } from './kept-file.ts';
import { ProcessFiles } from './process-files.ts';

/** Where the kernel tells of a group; one folder of cgroup v2, several of v1. */
export interface GroupFolders {
  readonly version: 1 | 2;
  readonly members: string;
  readonly cpuacct: string | undefined;
  readonly cpu: string | undefined;
  readonly memory: string | undefined;
  /** Whether its CPU time is limited: else it is never throttled from now on. */
  readonly hasQuota: boolean;
}

/** What can be reclaimed is hardly ever another where the charge is the same; so it is looked at anew only now and then. */
const mostReused = 10;

export class GroupUsage {
  readonly #version: 1 | 2;
  readonly #files: Readonly<Record<string, KeptFile>>;
  #processes = new Map<string, ProcessFiles>();
  readonly #hasQuota: boolean;
  #last: { readonly charged: number; readonly usage: Usage } | undefined;
  #reclaimable = 0;
  /** How often that was used since it was read. */
  #reused = mostReused;
  #throttled: number | undefined;

  constructor({ version, members, cpu, cpuacct, memory, hasQuota }: GroupFolders) {
    this.#version = version;
    this.#hasQuota = hasQuota;
    const kept = (folder: string | undefined, file: string) =>
      folder === undefined ? {} : { [file]: new KeptFile(join(folder, file)) };
    this.#files = {
      ...kept(members, 'cgroup.procs'),
      ...(version === 2
        ? {
            ...kept(cpu, 'cpu.stat'),
            ...kept(memory, 'memory.current'),
            ...kept(members, 'io.stat'),
            ...kept(members, 'cpu.pressure'),
            ...kept(members, 'memory.pressure'),
            ...kept(members, 'io.pressure'),
          }
        : { ...kept(cpuacct, 'cpuacct.usage'), ...kept(cpu, 'cpu.stat'), ...kept(memory, 'memory.usage_in_bytes') }),
      ...kept(memory, 'memory.stat'),
    };
  }

  /** `undefined` where a controller is missing that counts what matters most. */
  read(): Usage | undefined {
    const isNew = this.#version === 2;
    const cpuStat = isNew ? this.#files['cpu.stat']?.read() : undefined;
    const cpuSeconds = isNew
      ? seconds(counterIn(cpuStat, 'usage_usec'), 1e6)
      : seconds(this.#files['cpuacct.usage']?.number(), 1e9);
    const charged = this.#files[isNew ? 'memory.current' : 'memory.usage_in_bytes']?.number();
    if (cpuSeconds === undefined || charged === undefined) return undefined;
    // Whoever has not run since has neither opened, read, forked nor ended anything.
    const last = this.#last;
    if (last && last.charged === charged && last.usage.cpuSeconds === cpuSeconds) return last.usage;
    const usage = { cpuSeconds, memory: this.#workingSet(charged), ...this.#rest(cpuStat) };
    this.#last = { charged, usage };
    return usage;
  }

  #workingSet(charged: number): number {
    this.#reused += 1;
    if (charged !== this.#last?.charged || this.#reused > mostReused) {
      const name = this.#version === 2 ? 'inactive_file' : 'total_inactive_file';
      this.#reclaimable = counterIn(this.#files['memory.stat']?.read(), name) ?? 0;
      this.#reused = 0;
    }
    return Math.max(0, charged - this.#reclaimable);
  }

  #rest(cpuStat: string | undefined): Omit<Usage, 'cpuSeconds' | 'memory'> {
    const isNew = this.#version === 2;
    const pids = (this.#files['cgroup.procs']?.read() ?? '').split('\n').filter(Boolean);
    const throttled = this.#throttledSeconds(cpuStat);
    const pressure = isNew ? this.#pressure() : undefined;
    return {
      processes: pids.length,
      ...this.#ofProcesses(pids, isNew),
      ...(isNew ? ioOf(this.#files['io.stat']?.read()) : {}),
      ...(throttled === undefined ? {} : { throttledSeconds: throttled }),
      ...(pressure === undefined ? {} : { pressure }),
    };
  }

  #throttledSeconds(cpuStat: string | undefined): number | undefined {
    if (cpuStat !== undefined) return seconds(counterIn(cpuStat, 'throttled_usec'), 1e6);
    if (this.#hasQuota || this.#throttled === undefined) {
      this.#throttled = seconds(counterIn(this.#files['cpu.stat']?.read(), 'throttled_time'), 1e9);
    }
    return this.#throttled;
  }

  close(): void {
    for (const files of this.#processes.values()) files.close();
    this.#processes.clear();
    for (const file of Object.values(this.#files)) file.close();
  }

  /** Where the group counts what its processes read and wrote, that isn't asked of those that live. */
  #ofProcesses(pids: readonly string[], countsIo: boolean): Partial<Usage> {
    const before = this.#processes;
    this.#processes = new Map();
    let openFiles = 0;
    let readBytes = 0;
    let writtenBytes = 0;
    for (const pid of pids) {
      const files = before.get(pid) ?? new ProcessFiles(pid);
      before.delete(pid);
      this.#processes.set(pid, files);
      openFiles += files.openFiles();
      if (countsIo) continue;
      const { read, written } = files.io();
      readBytes += read;
      writtenBytes += written;
    }
    for (const files of before.values()) files.close();
    return { openFiles, ...(countsIo ? {} : { readBytes, writtenBytes }) };
  }

  #pressure(): Pressure | undefined {
    const [cpu, memory, io] = ['cpu', 'memory', 'io'].map(name => stalled(this.#files[`${name}.pressure`]?.read()));
    return cpu === undefined || memory === undefined || io === undefined ? undefined : { cpu, memory, io };
  }
}

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, in microseconds; see Documentation/accounting/psi.rst. */
function stalled(text: string | undefined): number | undefined {
  const total = /^some .*total=(\d+)/.exec(text ?? '')?.[1];
  return total === undefined ? undefined : Number(total) / 1e6;
}

function seconds(value: number | undefined, perSecond: number): number | undefined {
  return value === undefined ? undefined : value / perSecond;
}

/** One line for each device: `8:0 rbytes=90112 wbytes=0 rios=5 …`. */
function ioOf(text: string | undefined): Pick<Usage, 'readBytes' | 'writtenBytes'> {
  if (text === undefined) return {};
  const sum = (key: RegExp) => [...text.matchAll(key)].reduce((total, [, bytes]) => total + Number(bytes), 0);
  return { readBytes: sum(/rbytes=(\d+)/g), writtenBytes: sum(/wbytes=(\d+)/g) };
}
