/** The figures side by side: beside each, how many times the first row's it is. */
import { printTable, type Row } from '../support/report.ts';
import type { ByName, Loaded } from './course.ts';
import type { Latencies } from './fixed-rate-load.ts';
import type { Lookup } from './lookup.ts';
import { type Scenario, small } from './scenarios.ts';

export function printLoad(load: ReadonlyMap<Scenario, ByName<Loaded>>): void {
  for (const [scenario, samples] of load) {
    const rows = [...samples].map(([name, { cpu, timesFirst, rate, p50, p99, rss }]) => {
      return { name, figures: [cpu, timesFirst, rate, p50, p99, rss] };
    });
    print(scenario.name, ['CPU µs', 'by round', 'requests/s', 'p50 µs', 'p99 µs', 'RSS MB'], rows, 1);
    printErrors(samples);
  }
}

/** @param asked requests a second */
export function printFixedRate(latencies: ByName<Latencies>, asked: number): void {
  const rows = [...latencies].map(([name, { p50, p99, rate }]) => ({ name, figures: [p50, p99, rate] }));
  print(`${small.name}, ${asked} requests a second`, ['p50 ms', 'p99 ms', 'answered/s'], rows, 2);
  printErrors(latencies);
}

export function printIdle(idle: ByName<number>): void {
  const rows = [...idle].map(([name, kilobytes]) => ({ name, figures: [kilobytes] }));
  print('idle connections', ['KB each'], rows, 1);
}

export function printLookup(lookup: readonly Lookup[]): void {
  const rows = lookup.map(({ what, cpu }) => ({ name: what, figures: [cpu] }));
  print('Slipway, by the number of routes and instances', ['CPU µs'], rows, 1);
}

function printErrors(all: ByName<{ readonly errors: number }>): void {
  for (const [name, { errors }] of all) if (errors > 0) console.log(`${name}: ${errors} errors`);
}

function print(title: string, columns: readonly string[], rows: readonly Row[], digits: number): void {
  if (rows.length === 0) return;
  console.log(`\n${title}`);
  printTable(columns, rows, digits);
}
