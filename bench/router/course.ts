/** The measurements that all proxies go through, in turns. */
import { median } from '../support/statistics.ts';
import { atFixedRate } from './fixed-rate.ts';
import type { Latencies } from './fixed-rate-load.ts';
import type { Ground } from './ground.ts';
import { idleConnectionKb } from './idle.ts';
import type { ReverseProxy, Running } from './proxy.ts';
import { check, type Scenario, scenarios, small } from './scenarios.ts';
import type { Sample, Wrk } from './wrk.ts';

const idleConnections = 5_000;

export interface Course {
  readonly ground: Ground;
  readonly wrk: Wrk;
  readonly upstreams: readonly number[];
  readonly rounds: number;
}

/** By the names of proxies. */
export type ByName<T> = ReadonlyMap<string, T>;

export interface Contender {
  readonly name: string;
  readonly running: Running;
}

export interface Loaded extends Sample {
  /** CPU, × the first contender's in the same round: a machine that slows down for a while slows down both. */
  readonly timesFirst: number;
}

/** Medians, and all errors. */
export async function underLoad(
  contenders: readonly Contender[],
  { wrk, rounds }: Course,
): Promise<ReadonlyMap<Scenario, ByName<Loaded>>> {
  const all = new Map(
    scenarios.map(scenario => [scenario, new Map(contenders.map(({ name }) => [name, [] as Loaded[]]))]),
  );
  for (const [scenario] of all) for (const { running } of contenders) await check(running.port, scenario);
  // Some compile as they go, which is not what is measured.
  for (const [scenario] of all) {
    for (const { running } of contenders) await wrk.measureScenario(running, scenario, 'http');
  }
  for (let round = 0; round < rounds; round++) {
    for (const [scenario, samples] of all) {
      let first: Sample | undefined;
      for (const { name, running } of contenders) {
        const sample = await wrk.measureScenario(running, scenario, 'http');
        first ??= sample;
        samples.get(name)?.push({ ...sample, timesFirst: sample.cpu / first.cpu });
      }
    }
  }
  return new Map([...all].map(([scenario, samples]) => [scenario, mediansOf(samples)]));
}

/** Medians, and all errors. @param rate requests a second */
export async function underFixedRate(
  contenders: readonly Contender[],
  rate: number,
  { rounds }: Course,
): Promise<ByName<Latencies>> {
  const all = new Map(contenders.map(({ name }) => [name, [] as Latencies[]]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, running } of contenders) {
      all.get(name)?.push(await atFixedRate(running, small, { rate, seconds: 3 }));
    }
  }
  return mediansOf(all);
}

/** KB for each connection. */
export async function whileIdle(
  proxies: readonly ReverseProxy[],
  { ground, upstreams }: Course,
): Promise<ByName<number>> {
  const all = new Map<string, number>();
  for (const proxy of proxies) {
    const running = await ground.startProxy(proxy, upstreams);
    all.set(proxy.name, await idleConnectionKb(running, small, idleConnections));
    await ground.end(running);
  }
  return all;
}

/** Of each field by itself; errors are added up, lest those of one round are lost. */
function mediansOf<T extends { readonly errors: number }>(all: ByName<readonly T[]>): ByName<T> {
  return new Map(
    [...all].map(([name, samples]) => {
      const fields = Object.keys(samples[0] ?? {}) as (keyof T)[];
      const medians = Object.fromEntries(fields.map(field => [field, median(samples.map(one => Number(one[field])))]));
      return [name, { ...medians, errors: samples.reduce((sum, { errors }) => sum + errors, 0) } as T];
    }),
  );
}
