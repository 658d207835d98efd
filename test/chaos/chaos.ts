/**
 * What happens to a Slipway under load. Several lanes go on at the same time, each with one thing after another: one for
 * each service, one for the daemon, one for the router, one for kills.
 *
 * - All is drawn from one seed. What really meets what is still up to the host.
 * - One instance of a service is killed at a time, and only where two others serve.
 */
import { appendFileSync, cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceStatus } from '../../src/control/views.ts';
import type { SlipwayError } from '../../src/domain/errors.ts';
import { instanceKey } from '../../src/domain/names.ts';
import { routerFiles } from '../../src/router-link/files.ts';
import { isAlive, signalProcess } from '../../src/router-link/identity.ts';
import { readRecord } from '../../src/router-link/record.ts';
import type { TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';
import { certificateFiles } from '../helpers/tls.ts';
import { type EventKind, type Happening, now } from './history.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));
const appPackage = fileURLToPath(new URL('../fixtures/chaos/app', import.meta.url));
const patience = 60_000;
/** Short, so that there are many drains in a run. */
export const upgradeGrace = 500;
const routerChanges = ['workers changed', 'addresses changed', 'router upgraded'] as const;

export class Chaos {
  readonly happenings: Happening[] = [];
  readonly #host: TestHost;
  readonly #names: readonly string[];
  readonly #random: () => number;
  readonly #securePort: number;
  readonly #otherPort: number;
  #endsAt = 0;
  #isBroken = false;
  #workers = 1;
  #listensTwice = false;
  #serviceChanges = 0;
  #routerChanges = 0;
  #relaunched: Promise<void> = Promise.resolve();

  /** @param ports one for TLS, and one that is listened on at times @param random 0…1 */
  constructor(host: TestHost, names: readonly string[], ports: readonly [number, number], random: () => number) {
    this.#host = host;
    this.#names = names;
    this.#random = random;
    [this.#securePort, this.#otherPort] = ports;
  }

  /** From an installation of its own, which can be upgraded. */
  async start(): Promise<void> {
    const host = this.#host;
    for (const part of ['bin', 'dist', 'package.json', 'schema']) {
      cpSync(join(project, part), join(host.home, 'installed', part), { recursive: true });
    }
    symlinkSync(join(project, 'node_modules'), join(host.home, 'installed/node_modules'));
    host.bin = join(host.home, 'installed/bin/slipway');
    await host.start();
    await this.#apply();
    for (const name of this.#names) await host.ready(name);
  }

  /** At least so long. @param kills whether processes that serve are killed too */
  async during(milliseconds: number, kills: boolean): Promise<void> {
    this.#endsAt = now() + milliseconds;
    const lanes = [
      ...this.#names.map(name => this.#lane(2, 500, () => this.#change(name))),
      this.#lane(1, 4_000, () => this.#killDaemon()),
      this.#lane(routerChanges.length, 1_500, () => this.#changeRouter()),
    ];
    if (kills) {
      lanes.push(this.#lane(2, 3_000, () => this.#killWorker()));
      lanes.push(this.#lane(4, 1_500, () => this.#killInstance(this.#oneOf(this.#names))));
    }
    // One that fails ends the others: nothing is to be done any more when the host is taken down.
    const stop = () => {
      this.#isBroken = true;
    };
    for (const lane of lanes) lane.catch(stop);
    await Promise.allSettled(lanes);
    await Promise.all(lanes);
    for (const name of this.#names) await this.#settled(name);
  }

  /** @param least how often it acts also when that takes longer @param longest pause before it acts, in ms */
  async #lane(least: number, longest: number, act: () => Promise<void>): Promise<void> {
    for (let done = 0; !this.#isBroken; done++) {
      await new Promise(resolve => setTimeout(resolve, (0.3 + 0.7 * this.#random()) * longest));
      if (now() > this.#endsAt && done >= least) return;
      await act();
    }
  }

  async #change(name: string): Promise<void> {
    const params = { name };
    const { client } = this.#host;
    const instances = this.#oneOf([3, 4, 5]);
    const orders = {
      deploy: () => client.call('POST /v1/services/:name/deploy', { params, body: { package: appPackage } }),
      restart: () => client.call('POST /v1/services/:name/restart', { params, body: {} }),
      scale: () => client.call('POST /v1/services/:name/scale', { params, body: { instances } }),
    };
    const kind = inTurn(['scale', 'deploy', 'scale', 'restart'] as const, this.#serviceChanges++);
    const what = kind === 'scale' ? `${name} to ${instances}` : name;
    await this.#happen({ kind, service: name, what }, async happening => {
      await this.#order(orders[kind]);
      const { instances } = await this.#settled(name);
      happening.after = instances.flatMap(({ pid }) => pid ?? []);
    });
  }

  async #killDaemon(): Promise<void> {
    await this.#happen({ kind: 'daemon killed', what: '' }, () => this.#relaunch());
  }

  /** One after the other, whoever asks. */
  #relaunch(): Promise<void> {
    this.#relaunched = this.#relaunched.then(async () => {
      await this.#host.kill();
      await this.#host.start();
    });
    return this.#relaunched;
  }

  async #changeRouter(): Promise<void> {
    const kind = inTurn(routerChanges, this.#routerChanges++);
    switch (kind) {
      case 'addresses changed':
        this.#listensTwice = !this.#listensTwice;
        await this.#happen({ kind, what: this.#listensTwice ? 'two' : 'one' }, () => this.#apply());
        break;
      case 'workers changed':
        this.#workers = 3 - this.#workers;
        await this.#happen({ kind, what: String(this.#workers) }, () => this.#apply());
        break;
      case 'router upgraded':
        await this.#upgrade(kind);
        break;
      default:
        kind satisfies never;
    }
  }

  /** Other code is found in the place of the old by the next daemon. */
  async #upgrade(kind: EventKind): Promise<void> {
    const before = this.#record()?.worker;
    appendFileSync(join(this.#host.home, 'installed/dist/router/main.js'), `// ${now()}\n`);
    await this.#happen({ kind, what: '' }, async () => {
      await this.#relaunch();
      await eventually('another router', () => this.#record()?.worker.pid !== before?.pid, patience);
    });
  }

  async #killWorker(): Promise<void> {
    const record = this.#record();
    const victim = record && this.#oneOf([record.worker, ...record.further].filter(isAlive));
    if (!victim) return;
    const { pid } = victim;
    await this.#happen({ kind: 'worker killed', pid, what: String(pid) }, async () => {
      signalProcess(victim, 'SIGKILL');
      await eventually('it to be gone', () => !isAlive(victim));
    });
  }

  async #killInstance(service: string): Promise<void> {
    const ready = await eventually(
      'three instances that serve',
      async () => {
        const status = await this.#host.service(service).catch(() => undefined);
        const serving = status?.instances.filter(({ state }) => state === 'ready') ?? [];
        return serving.length >= 3 && serving;
      },
      patience,
    );
    const { pid, index, revision } = this.#oneOf(ready);
    if (pid === undefined) return;
    const endpoint = instanceKey({ service, index, revision });
    await this.#happen({ kind: 'instance killed', service, pid, endpoint, what: `${endpoint}, ${pid}` }, async () => {
      process.kill(pid, 'SIGKILL');
    });
  }

  async #happen(about: Omit<Happening, 'startedAt'>, act: (happening: Happening) => Promise<unknown>): Promise<void> {
    const happening: Happening = { ...about, startedAt: now() };
    this.happenings.push(happening);
    await act(happening);
    happening.endedAt = now();
  }

  async #apply(): Promise<void> {
    const host = this.#host;
    const services = Object.fromEntries(
      this.#names.map(name => [
        name,
        {
          package: appPackage,
          instances: 3,
          route: { host: name, path: '/' },
          probes: { readiness: { tcp: true, period: '100ms' } },
          restart: { backoff: { initial: '20ms', max: '200ms' } },
          traffic: { upgradeGrace: `${upgradeGrace}ms` },
          stop: { drain: '10s', grace: '2s' },
        },
      ]),
    );
    const listen = [`127.0.0.1:${host.routerPort}`, `https://127.0.0.1:${this.#securePort}`];
    if (this.#listensTwice) listen.push(`127.0.0.1:${this.#otherPort}`);
    const tls = { certificates: [certificateFiles('first')] };
    await host.write(services, { router: { listen, tls, workers: this.#workers } });
    await this.#order(() => host.apply());
  }

  #settled(name: string): Promise<ServiceStatus> {
    const settled = ({ state, wanted, ready, rollout, instances }: ServiceStatus) => {
      const isRolling = rollout?.state === 'rolling' || rollout?.state === 'reverting';
      return state === 'ready' && ready === wanted && instances.length === wanted && !isRolling;
    };
    return this.#host.until(name, 'settled', settled, patience);
  }

  #record() {
    return readRecord(routerFiles(this.#host.home).record);
  }

  #oneOf<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)] as T;
  }

  /** Over the death of daemons, and of workers that were just to hand over. */
  async #order(act: () => Promise<unknown>): Promise<void> {
    const begun = now();
    const isExcused = ({ code }: SlipwayError) =>
      code === 'SLIP_DAEMON_UNREACHABLE' ||
      (code === 'SLIP_ROUTER_FAILED' &&
        this.happenings.some(one => one.kind === 'worker killed' && one.startedAt > begun - 1_000));
    const take = async () => {
      try {
        await act();
        return true;
      } catch (error) {
        if (!isExcused(error as SlipwayError)) throw error;
        return false;
      }
    };
    await eventually('a daemon to take an order', take, patience);
  }
}

function inTurn<T>(values: readonly T[], turn: number): T {
  return values[turn % values.length] as T;
}
