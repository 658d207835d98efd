/**
 * Slipway's router beside nginx where clients come by TLS: by HTTP/1.1 with wrk, or by HTTP/2 with h2load. The
 * certificate is the same, an ECDSA one of 256 bits. Connections are made anew for each sample, and count: so samples take
 * longer than one second.
 */

import { request } from 'node:https';
import { fileURLToPath } from 'node:url';
import { defaultSettings } from '../../src/domain/router-spec.ts';
import { onPath } from '../support/installed.ts';
import { median } from '../support/statistics.ts';
import type { Ground } from './ground.ts';
import { h2load } from './h2load.ts';
import { secureNginx } from './nginx.ts';
import type { ReverseProxy, Running } from './proxy.ts';
import { type Scenario, scenarios, sizes } from './scenarios.ts';
import { type SlipwayRouter, service } from './slipway.ts';
import type { Wrk } from './wrk.ts';

const goal = 2;
const seconds = 3;

export interface SecureSample {
  /** CPU microseconds of the proxy for a request. */
  readonly cpu: number;
  /** Requests a second. */
  readonly rate: number;
}

export interface SecureCourse {
  readonly ground: Ground;
  readonly slipway: SlipwayRouter;
  readonly upstreams: readonly number[];
  readonly wrk: Wrk;
  readonly rounds: number;
  readonly http2: boolean;
}

/** @returns whether the goal was reached everywhere */
export async function measureSecure({
  ground,
  slipway,
  upstreams,
  wrk,
  rounds,
  http2,
}: SecureCourse): Promise<boolean> {
  const { missing } = onPath('h2load');
  if (http2 && missing !== undefined) {
    console.log(`HTTP/2 is left out: ${missing}`);
    return true;
  }
  const file = (name: string) => fileURLToPath(new URL(`../../test/fixtures/tls/${name}`, import.meta.url));
  const certificate = { cert: file('first.crt'), key: file('first.key') };
  const settings = { ...defaultSettings, tls: { ...defaultSettings.tls, certificates: [certificate] } };
  const proxies: Pick<ReverseProxy, 'name' | 'start'>[] = [
    secureNginx(certificate),
    {
      name: slipway.name,
      start: ({ folder, upstreams: ports }) =>
        slipway.route(folder, [service('all', '/', ports)], { listen: 'https://127.0.0.1:0', settings }),
    },
  ];
  const running: (readonly [string, Running])[] = [];
  for (const proxy of proxies) running.push([proxy.name, await ground.startProxy(proxy, upstreams)]);
  const measure = (proxy: Running, scenario: Scenario) =>
    http2
      ? h2load(ground.folder, proxy, scenario, seconds)
      : wrk.measureScenario(proxy, { ...scenario, seconds }, 'https');
  let isReached = true;
  console.log(`\nCPU µs for a request and, in brackets, × nginx: ${http2 ? 'HTTP/2' : 'HTTP/1.1'} by TLS`);
  for (const scenario of scenarios) {
    const samples = new Map<string, SecureSample[]>(running.map(([name]) => [name, []]));
    for (const [, proxy] of running) {
      await checkSecure(proxy.port, scenario);
      await measure(proxy, scenario);
    }
    for (let round = 0; round < rounds; round++) {
      for (const [name, proxy] of running) samples.get(name)?.push(await measure(proxy, scenario));
    }
    const cpu = (name: string) => median((samples.get(name) ?? []).map(one => one.cpu));
    const [first = '', ...others] = running.map(([name]) => name);
    const ratios = others.map(name => `${name} ${cpu(name).toFixed(0)} (${(cpu(name) / cpu(first)).toFixed(2)})`);
    console.log(`${scenario.name}: ${first} ${cpu(first).toFixed(0)}, ${ratios.join(', ')}`);
    if (others.some(name => cpu(name) > goal * cpu(first))) isReached = false;
  }
  console.log(`the goal, at most ${goal} × nginx, is ${isReached ? 'reached' : 'missed'}`);
  return isReached;
}

/** @throws Error where the answer isn't the one expected */
async function checkSecure(port: number, { path, body }: Scenario): Promise<void> {
  const length = await new Promise<number>((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const asked = request({
      host: '127.0.0.1',
      port,
      path: `/${path}`,
      method,
      rejectUnauthorized: false,
      agent: false,
    });
    asked.on('error', reject).on('response', response => {
      let came = 0;
      response.on('data', chunk => {
        came += chunk.length;
      });
      response.on('end', () => resolve(response.statusCode === 200 ? came : -1));
    });
    asked.end(body === undefined ? undefined : 'x'.repeat(body));
  });
  if (length !== sizes[path]) throw new Error(`a proxy answered /${path} wrongly: ${length} bytes`);
}
