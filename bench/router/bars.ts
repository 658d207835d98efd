/** What Slipway's router has to reach. */
import { judge } from '../support/report.ts';
import type { ByName, Loaded } from './course.ts';
import type { Latencies } from './fixed-rate-load.ts';
import type { Lookup } from './lookup.ts';
import { nginx } from './nginx.ts';
import { many, type Scenario, small } from './scenarios.ts';

export interface Figures {
  readonly load: ReadonlyMap<Scenario, ByName<Loaded>>;
  readonly fixedRate: ByName<Latencies>;
  readonly idle: ByName<number>;
  readonly lookup: readonly Lookup[];
}

/** Those whose figures are there. Sets the exit code of this process. */
export function judgeBars({ load, fixedRate, idle, lookup }: Figures): void {
  const cpu = (scenario: Scenario, name: string) => load.get(scenario)?.get(name)?.cpu;
  const p99 = (name: string) => fixedRate.get(name)?.p99;
  const [one, thousand] = lookup.map(one => one.cpu);
  const bars = [
    ...[...load.keys()].map(scenario => ({
      what: `CPU at ${scenario.name}, × nginx`,
      // Where it takes part it is the first.
      figure: load.get(scenario)?.has(nginx.name) ? load.get(scenario)?.get('Slipway')?.timesFirst : undefined,
      most: 1.1,
    })),
    { what: `CPU at ${small.name}, × Caddy`, figure: ratio(cpu(small, 'Slipway'), cpu(small, 'Caddy')), most: 0.25 },
    {
      what: `CPU at ${small.name}, × http-proxy`,
      figure: ratio(cpu(small, 'Slipway'), cpu(small, 'http-proxy')),
      most: 0.2,
    },
    { what: 'p99 at the same rate, × HAProxy', figure: ratio(p99('Slipway'), p99('HAProxy')), most: 1.5 },
    { what: `MB of RSS at ${many.name}`, figure: load.get(many)?.get('Slipway')?.rss, most: 70 },
    { what: 'KB for an idle connection', figure: idle.get('Slipway'), most: 40 },
    { what: 'CPU with 1,000 routes, × with 1', figure: ratio(thousand, one), most: 1.1 },
  ];
  judge(
    bars.flatMap(({ what, figure, most }) => {
      return figure === undefined ? [] : [{ what: `${what}: ${figure.toFixed(2)},`, figure, most }];
    }),
  );
}

function ratio(figure: number | undefined, other: number | undefined): number | undefined {
  return figure === undefined || other === undefined ? undefined : figure / other;
}
