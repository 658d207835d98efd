/** Streams of requests against a router, and programs to take them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const instanceProgram = fileURLToPath(new URL('../fixtures/router-instance.mjs', import.meta.url));

export interface InstanceProcess {
  readonly child: ChildProcess;
  readonly port: number;
}

/** A real process that serves. */
export async function startInstance(t: TestContext, port = 0): Promise<InstanceProcess> {
  const child = spawn(process.execPath, [instanceProgram, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => void child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  return { child, port: Number(line) };
}

/** One request on a connection of its own, or on the agent's. @returns the body @throws where the status is not 200 */
export function fetchOnce(port: number, path = '/', agent: Agent | false = false, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, agent, headers: { host } }, response => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', chunk => {
        body += chunk;
      });
      response.on('end', () =>
        response.statusCode === 200 ? resolve(body) : reject(new Error(`${response.statusCode}`)),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

export interface Outcome {
  served: number;
  readonly failures: string[];
  /** The longest time from one answer to the next, in ms. */
  longestGap: number;
}

/** Requests one after another by so many clients at once, until `stop`. */
export class Stream {
  readonly outcome: Outcome = { served: 0, failures: [], longestGap: 0 };
  readonly #clients: Promise<void>[];
  readonly #agents: Agent[] = [];
  #stopped = false;
  #lastAnswer = performance.now();

  constructor(port: () => number, options: { clients: number; keepAlive: boolean; path?: string }) {
    this.#clients = Array.from({ length: options.clients }, async () => {
      const agent = options.keepAlive ? new Agent({ keepAlive: true, maxSockets: 1 }) : false;
      if (agent) this.#agents.push(agent);
      while (!this.#stopped) {
        try {
          await fetchOnce(port(), options.path, agent);
          const now = performance.now();
          this.outcome.longestGap = Math.max(this.outcome.longestGap, now - this.#lastAnswer);
          this.#lastAnswer = now;
          this.outcome.served += 1;
        } catch (error) {
          this.outcome.failures.push((error as NodeJS.ErrnoException).code ?? (error as Error).message);
        }
      }
    });
  }

  async stop(): Promise<Outcome> {
    this.#stopped = true;
    await Promise.all(this.#clients);
    for (const agent of this.#agents) agent.destroy();
    return this.outcome;
  }
}
