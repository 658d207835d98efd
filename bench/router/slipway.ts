/** Slipway's router as it ships: compiled, started by its holder, told its table by the link that the daemon has. */
import { join } from 'node:path';
import { systemClock } from '../../src/control/clock.ts';
import { defaultSettings, type RouterSettings } from '../../src/domain/router-spec.ts';
import { routerCommand } from '../../src/router-link/command.ts';
import { routerFiles } from '../../src/router-link/files.ts';
import { createRouterLink } from '../../src/router-link/link.ts';
import type { RoutedService } from '../../src/router-link/protocol.ts';
import { readRecord } from '../../src/router-link/record.ts';
import { buildSlipway } from '../support/slipway.ts';
import { until } from '../support/waiting.ts';
import type { ReverseProxy, Running } from './proxy.ts';

const silent = { info: () => {}, warn: () => {}, error: () => {} };

export interface SlipwayRouter extends ReverseProxy {
  /** @param folder of its own, empty */
  route(folder: string, services: readonly RoutedService[], how?: SlipwayOptions): Promise<Running>;
}

export interface SlipwayOptions {
  readonly listen: string;
  readonly settings: RouterSettings;
}

/** @param folder to compile into */
export function buildSlipwayRouter(folder: string): SlipwayRouter {
  buildSlipway(folder);
  const command = routerCommand(join(folder, 'dist/main.js'));

  async function route(
    home: string,
    services: readonly RoutedService[],
    { listen, settings }: SlipwayOptions = { listen: '127.0.0.1:0', settings: defaultSettings },
  ): Promise<Running> {
    const link = createRouterLink({ home, clock: systemClock, log: silent, routerCommand: command });
    const end = async () => {
      await link.stop(0);
      link.close();
    };
    try {
      await link.ensure([listen]);
      link.publish(services, settings);
      await until('the router to have its table', () => link.status().table > 0);
    } catch (error) {
      await end();
      throw error;
    }
    const record = readRecord(routerFiles(home).record);
    const port = Number(link.status().listen[0]?.split(':').at(-1));
    if (record === undefined || !(port > 0)) throw new Error('the router has left no record of itself');
    return { port, worker: record.worker.pid, pids: [record.holder.pid, record.worker.pid], end };
  }

  return {
    name: 'Slipway',
    route,
    start: ({ folder: home, upstreams }) => route(home, [service('all', '/', upstreams)]),
  };
}

export function service(name: string, path: string, upstreams: readonly number[]): RoutedService {
  const endpoints = upstreams.map((port, at) => ({ id: `${name}/${at}`, host: '127.0.0.1', port }));
  return { name, routes: [{ path, stripPrefix: false }], endpoints };
}
