/** What finding the route costs: with one route and two instances, and with a thousand of each. */
import type { RoutedService } from '../../src/router-link/protocol.ts';
import { median } from '../support/statistics.ts';
import type { Course } from './course.ts';
import { small } from './scenarios.ts';
import { type SlipwayRouter, service } from './slipway.ts';

const count = 1_000;

const oneAsked = `wrk.path = "/route/${count - 1}/x"`;
const allAsked = `
local requests, at = {}, 0
init = function()
  for i = 0, ${count - 1} do requests[i] = wrk.format("GET", "/route/" .. i .. "/x") end
end
request = function()
  at = (at + 1) % ${count}
  return requests[at]
end
`;

export interface Lookup {
  readonly what: string;
  /** Median CPU microseconds for a request. */
  readonly cpu: number;
}

export async function measureLookup(
  slipway: SlipwayRouter,
  { ground, wrk, upstreams, rounds }: Course,
): Promise<readonly Lookup[]> {
  const start = (services: readonly RoutedService[]) => {
    return ground.startProxy({ start: ({ folder }) => slipway.route(folder, services) }, upstreams);
  };
  const everyInstance = Array.from({ length: count }, (_, at) => upstreams[at % upstreams.length] ?? 0);
  const manyServices = everyInstance.map((port, at) => service(`s${at}`, `/route/${at}`, [port]));
  const few = await start([service('s', '/route', upstreams)]);
  const instances = await start([service('s', '/route', everyInstance)]);
  const routes = await start(manyServices);
  const cases = [
    { what: '1 route, 2 instances', router: few, script: oneAsked, cpu: [] as number[] },
    { what: `${count} routes, 1 asked`, router: routes, script: oneAsked, cpu: [] as number[] },
    { what: `1 route, ${count} instances`, router: instances, script: oneAsked, cpu: [] as number[] },
    { what: `${count} routes, all asked`, router: routes, script: allAsked, cpu: [] as number[] },
  ];
  for (let round = 0; round <= rounds; round++) {
    for (const { router, script, cpu } of cases) {
      const sample = await wrk.measure(router, { connections: small.connections, script, seconds: 1 });
      if (sample.errors > 0) throw new Error(`${sample.errors} requests to one of ${count} routes failed`);
      if (round > 0) cpu.push(sample.cpu); // The first warms up.
    }
  }
  await Promise.all([few, instances, routes].map(router => ground.end(router)));
  return cases.map(({ what, cpu }) => ({ what, cpu: median(cpu) }));
}
