/**
 * A whole Slipway for a test: its own home, its own daemon (the built one, a process of its own), its own ports. When
 * the test ends everything is taken down, and it is a failure if anything is left.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '../../src/api/client.ts';
import type { InstanceStatus, ServiceStatus } from '../../src/control/views.ts';
import { homeId, markerVariable } from '../../src/processes/marker.ts';
import { socketPath } from '../../src/router-link/socket-path.ts';
import { eventually } from './eventually.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const slipwayBin = join(root, 'bin/slipway');
/** The misbehaving server of `test/fixtures/app`, as a package. */
export const appPackage = join(root, 'test/fixtures/app');

export interface AppAnswer {
  readonly service: string;
  readonly instance: number;
  readonly revision: number;
  readonly pid: number;
  readonly version: string;
}

export class TestHost {
  readonly home: string;
  readonly config: string;
  readonly client: Client;
  readonly routerPort: number;
  /** Of this host's own, so that tests beside each other don't meet. */
  readonly ports: string;
  /** What the next daemon is started from. */
  bin = slipwayBin;
  #daemon: ChildProcess | undefined;
  output = '';

  private constructor(home: string, routerPort: number) {
    this.home = home;
    this.config = join(home, 'slipway.yaml');
    this.client = new Client({ socketPath: socketPath(home, 'slipway.sock'), actor: 'test' });
    this.routerPort = routerPort;
    const from = 22_000 + ((routerPort * 7) % 100) * 80;
    this.ports = `${from}-${from + 79}`;
  }

  static async create(t: TestContext): Promise<TestHost> {
    const home = await mkdtemp(join(tmpdir(), 'slipway-test-'));
    const host = new TestHost(home, await freePort());
    t.after(async () => {
      await host.#end();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
    });
    return host;
  }

  /** A second daemon on the home of a first. */
  static async beside({ home }: TestHost): Promise<{ code: number | null; output: string }> {
    const child = spawn(process.execPath, [slipwayBin, '--home', home, 'daemon'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', text => {
        output += text;
      });
    }
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, output };
  }

  /** With the environment given on top; resolves when its API answers. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<number> {
    const daemon = spawn(process.execPath, [this.bin, '--home', this.home, 'daemon'], {
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#daemon = daemon;
    for (const stream of [daemon.stdout, daemon.stderr]) {
      stream?.setEncoding('utf8').on('data', text => {
        this.output += text;
      });
    }
    await eventually('the daemon to answer', async () => {
      if (daemon.exitCode !== null || daemon.signalCode !== null) {
        throw new Error(`the daemon ended: ${this.output}`);
      }
      return this.client.call('GET /v1/host', {}).catch(() => undefined);
    });
    return daemon.pid ?? 0;
  }

  get daemon(): ChildProcess {
    assert.ok(this.#daemon);
    return this.#daemon;
  }

  /** Like a power button for the daemon alone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { daemon } = this;
    if (daemon.exitCode !== null || daemon.signalCode !== null) return;
    daemon.kill(signal);
    await once(daemon, 'exit');
  }

  /** Resolves when a crash point (or anything else) has ended the daemon. */
  async died(): Promise<void> {
    const { daemon } = this;
    await eventually('the daemon to die', () => daemon.exitCode !== null || daemon.signalCode !== null);
  }

  /** Writes slipway.yaml; `services` is its `services:` section, as JSON is YAML. */
  async write(services: unknown, more: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const document = {
      router: { listen: [`127.0.0.1:${this.routerPort}`] },
      ports: this.ports,
      ...more,
      services,
    };
    await writeFile(this.config, JSON.stringify(document, undefined, 2));
  }

  async apply(services?: unknown, more?: Readonly<Record<string, unknown>>): Promise<void> {
    if (services !== undefined) await this.write(services, more);
    await this.client.call('POST /v1/config', { body: { path: this.config } });
  }

  service(name: string): Promise<ServiceStatus> {
    return this.client.call('GET /v1/services/:name', { params: { name } }) as Promise<ServiceStatus>;
  }

  /** When the service is as the condition says. */
  until(
    name: string,
    what: string,
    condition: (service: ServiceStatus) => boolean,
    limit?: number,
  ): Promise<ServiceStatus> {
    let last: unknown;
    return eventually(
      `${name}: ${what}`,
      async () => {
        const service = await this.service(name).catch(error => {
          last = error;
          return undefined;
        });
        if (service === undefined) return undefined;
        last = service;
        return condition(service) ? service : undefined;
      },
      limit,
    ).catch(error => {
      throw new Error(
        `${error.message}\nlast seen: ${JSON.stringify(last, undefined, 1)}\n${this.output.slice(-3000)}`,
      );
    });
  }

  ready(name: string): Promise<ServiceStatus> {
    return this.until(name, 'ready', service => service.state === 'ready' && service.rollout?.state !== 'rolling');
  }

  async instance(name: string, index: number): Promise<InstanceStatus> {
    const found = (await this.service(name)).instances.find(one => one.index === index);
    assert.ok(found, `${name}/${index} is there`);
    return found;
  }

  /** Through the router, on a connection of its own. */
  request(path: string): Promise<{ status: number; body: string }> {
    return httpGet(this.routerPort, path);
  }

  async ask(path: string): Promise<AppAnswer> {
    const { status, body } = await this.request(path);
    assert.equal(status, 200, body);
    return JSON.parse(body) as AppAnswer;
  }

  /** Pids of everything alive that an instance of this home started. */
  instanceProcesses(): number[] {
    const mark = `${markerVariable}=${homeId(this.home)}/`;
    return processesWhere(pid => processFile(pid, 'environ').includes(mark));
  }

  /** The same, and the router: by its command line. */
  processes(): number[] {
    return [...this.instanceProcesses(), ...processesOf(this.home)];
  }

  async #end(): Promise<void> {
    if (this.#daemon === undefined) return;
    const { daemon } = this;
    if (daemon.exitCode !== null || daemon.signalCode !== null) await this.start({ SLIPWAY_CRASH_AT: '' });
    await this.client.call('POST /v1/down', { body: { hurry: true } });
    await eventually('the daemon to end', () => this.daemon.exitCode !== null);
    assert.deepEqual(this.processes(), [], 'no process is left');
    for (const controller of ['freezer', 'memory', 'pids', 'cpu', '.']) {
      const group = join('/sys/fs/cgroup', controller, `slipway-${homeId(this.home)}`);
      const left = existsSync(group)
        ? readdirSync(group, { withFileTypes: true }).filter(one => one.isDirectory())
        : [];
      assert.deepEqual(left, [], `no cgroup is left in ${group}`);
    }
    const inMemory = join('/dev/shm', `slipway-${process.getuid?.()}-${homeId(this.home)}`);
    assert.equal(existsSync(inMemory), false, `${inMemory} is gone`);
  }
}

/** By the command line: daemons and routers. */
export function processesOf(home: string): number[] {
  return processesWhere(pid => processFile(pid, 'cmdline').includes(home));
}

function processesWhere(condition: (pid: number) => boolean): number[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  return pids.map(Number).filter(pid => pid !== process.pid && condition(pid));
}

/** Empty for a process that is gone, or a zombie. */
function processFile(pid: number, name: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

export function httpGet(port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, response => {
      let body = '';
      response.setEncoding('utf8').on('data', text => {
        body += text;
      });
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    }).on('error', reject);
  });
}
