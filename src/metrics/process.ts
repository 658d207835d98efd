/** The daemon's own figures, by the names that every Prometheus client uses. Read when asked: no timer, no observer. */
import { readdirSync } from 'node:fs';
import { counter, type Family, gauge } from './families.ts';

export function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return [
    counter('process_cpu_seconds_total', 'CPU time of the daemon.', one((user + system) / 1e6)),
    gauge('process_resident_memory_bytes', 'Resident memory of the daemon.', one(rss)),
    gauge('process_start_time_seconds', 'Unix time at which the daemon started.', one(startTime)),
    gauge('process_open_fds', 'Open file descriptors of the daemon.', openDescriptors()),
    gauge('nodejs_heap_size_total_bytes', 'Heap that the daemon has reserved.', one(heapTotal)),
    gauge('nodejs_heap_size_used_bytes', 'Heap that the daemon uses.', one(heapUsed)),
  ];
}

const startTime = Math.round(performance.timeOrigin / 1000);

function one(value: number) {
  return [{ labels: {}, value }];
}

function openDescriptors() {
  try {
    // The listing itself has one open.
    return one(readdirSync('/proc/self/fd').length - 1);
  } catch {
    return [];
  }
}
