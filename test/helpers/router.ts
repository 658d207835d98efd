/** A link to a real router in a home of its own; when the test ends, none of its processes is left. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/control/clock.ts';
import type { Clock } from '../../src/domain/clock.ts';
import type { ProcessIdentity } from '../../src/processes/contract.ts';
import { routerCommand as commandOf } from '../../src/router-link/command.ts';
import type { RouterLink } from '../../src/router-link/contract.ts';
import { routerFiles } from '../../src/router-link/files.ts';
import { isAlive } from '../../src/router-link/identity.ts';
import { createRouterLink } from '../../src/router-link/link.ts';
import type { RoutedService } from '../../src/router-link/protocol.ts';
import { type RouterRecord, readRecord } from '../../src/router-link/record.ts';

const fixture = fileURLToPath(new URL('../fixtures/router.ts', import.meta.url));

export const routerCommand = commandOf('--import', import.meta.resolve('tsx'), fixture);

const silent = { info: () => {}, warn: () => {}, error: () => {} };

export class TestRouter {
  readonly home: string;
  readonly command: readonly string[];
  readonly link: RouterLink;

  constructor(home: string, command: readonly string[] = routerCommand, clock: Clock = systemClock) {
    this.home = home;
    this.command = command;
    this.link = createRouterLink({ home, clock, log: silent, routerCommand: command });
  }

  static async create(t: TestContext, folder = '', command = routerCommand, clock = systemClock): Promise<TestRouter> {
    const home = await mkdtemp(join(tmpdir(), 'slipway-test-'));
    const router = new TestRouter(join(home, folder), command, clock);
    t.after(async () => {
      await router.end();
      await rm(home, { recursive: true, force: true }); // Not before: the record there tells what is to be ended.
    });
    return router;
  }

  get record(): RouterRecord {
    const record = readRecord(routerFiles(this.home).record);
    assert.ok(record, 'there is a record of the router');
    return record;
  }

  /** Of the one address that it listens on. */
  get port(): number {
    return portOf(this.link.status().listen[0]);
  }

  /** Of the record, alive. */
  processes(): readonly ProcessIdentity[] {
    const record = readRecord(routerFiles(this.home).record);
    return record ? [record.holder, record.worker, ...record.further, ...record.leaving].filter(isAlive) : [];
  }

  async end(): Promise<void> {
    const before = this.processes();
    this.link.close();
    const last = createRouterLink({ home: this.home, clock: systemClock, log: silent, routerCommand: this.command });
    await last.stop(0);
    last.close();
    assert.deepEqual(before.filter(isAlive), []);
  }
}

export function portOf(address: string | undefined): number {
  return Number(address?.slice(address.lastIndexOf(':') + 1));
}

/** A service that takes every request. */
export function anyRoute(name: string, ...endpoints: readonly { readonly id: string; readonly port: number }[]) {
  return {
    name,
    routes: [{ path: '/', stripPrefix: false }],
    endpoints: endpoints.map(({ id, port }) => ({ id, host: '127.0.0.1', port })),
  } satisfies RoutedService;
}
