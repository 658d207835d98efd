/**
 * The router beside other reverse proxies, each with one worker on one core, in front of the same two instances, with
 * keep-alive on both sides, forwarded headers and a request id, without access logs. They take turns, so that whatever
 * else the machine does falls on all of them; figures are medians.
 *
 *     node --import tsx bench/router/router.ts [--quick] [--only slipway,nginx,haproxy,caddy,http-proxy]
 *     node --import tsx bench/router/router.ts [--quick] [--tls] [--h2]
 *
 * It needs wrk, and nginx for the instances.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { onPath } from '../support/installed.ts';
import { judgeBars } from './bars.ts';
import { caddy } from './caddy.ts';
import { pin } from './cores.ts';
import { type Contender, type Course, underFixedRate, underLoad, whileIdle } from './course.ts';
import { onGround } from './ground.ts';
import { haproxy } from './haproxy.ts';
import { httpProxy } from './http-proxy.ts';
import { measureLookup } from './lookup.ts';
import { nginx, startInstance } from './nginx.ts';
import type { ReverseProxy } from './proxy.ts';
import { small } from './scenarios.ts';
import { measureSecure } from './secure.ts';
import { buildSlipwayRouter, type SlipwayRouter } from './slipway.ts';
import { printFixedRate, printIdle, printLoad, printLookup } from './tables.ts';
import { Wrk } from './wrk.ts';

/** Of nginx's highest. */
const shareOfRate = 0.7;

const names = ['slipway', 'nginx', 'haproxy', 'caddy', 'http-proxy'];
const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    tls: { type: 'boolean', default: false },
    h2: { type: 'boolean', default: false },
  },
});
const wanted = new Set(values.only?.split(',') ?? names);
const unknown = [...wanted].filter(name => !names.includes(name));
if (unknown.length > 0) {
  console.error(`--only takes ${names.join(', ')}, not ${unknown.join(', ')}`);
  process.exit(2);
}
const rounds = values.quick ? 1 : 7;
const fewerRounds = Math.min(rounds, 5);

await onGround(async ground => {
  for (const { missing } of [onPath('wrk'), onPath('nginx')]) {
    if (missing !== undefined) throw new Error(`cannot measure without it: ${missing}`);
  }
  const slipway = wanted.has('slipway') ? buildSlipwayRouter(join(ground.folder, 'slipway')) : undefined;
  const proxies = contendersOf(slipway);
  console.log(`load average before: ${loadavg()[0]?.toFixed(1)}`);
  pin(process.pid, 'others');
  const instances = [await ground.start(startInstance), await ground.start(startInstance)];
  const upstreams = instances.map(({ port }) => port);
  const course: Course = { ground, wrk: new Wrk(ground.folder), upstreams, rounds };
  const fewer: Course = { ...course, rounds: fewerRounds };

  if (slipway && (values.tls || values.h2)) {
    const secure = { ground, slipway, upstreams, wrk: course.wrk, rounds: Math.min(rounds, 3) };
    const tls = !values.tls || (await measureSecure({ ...secure, http2: false }));
    const h2 = !values.h2 || (await measureSecure({ ...secure, http2: true }));
    process.exitCode = tls && h2 ? 0 : 1;
    return;
  }
  const contenders: Contender[] = [];
  for (const proxy of proxies) {
    contenders.push({ name: proxy.name, running: await ground.startProxy(proxy, upstreams) });
  }
  const load = await underLoad(contenders, course);
  printLoad(load);
  const rate = Math.round((load.get(small)?.get(nginx.name)?.rate ?? 0) * shareOfRate);
  const fixedRate = rate > 0 ? await underFixedRate(contenders, rate, course) : new Map();
  printFixedRate(fixedRate, rate);
  for (const { running } of contenders) await ground.end(running);

  const idle = await whileIdle(proxies, course);
  printIdle(idle);
  const lookup = slipway ? await measureLookup(slipway, fewer) : [];
  printLookup(lookup);
  console.log('');
  judgeBars({ load, fixedRate, idle, lookup });
});

/** The first is the one that the others are compared with. */
function contendersOf(slipway: SlipwayRouter | undefined): readonly ReverseProxy[] {
  const all = [
    ...(wanted.has('nginx') ? [nginx] : []),
    ...(wanted.has('haproxy') ? [haproxy] : []),
    ...(wanted.has('caddy') ? [caddy] : []),
    ...(wanted.has('http-proxy') ? [httpProxy] : []),
    ...(slipway ? [slipway] : []),
  ];
  for (const { name, missing } of all) if (missing !== undefined) console.log(`${name} is left out: ${missing}`);
  return all.filter(({ missing }) => missing === undefined);
}
