import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { expandPlaceholders, expandPlaceholdersInEnv } from '../../src/domain/placeholders.ts';
import type { LaunchPlan } from '../../src/domain/revision.ts';
import { eventually } from './eventually.ts';

/** Starts what was planned, with nothing but the plan's environment and a port, and gives its first HTTP answer. */
export async function answerOf(t: Pick<TestContext, 'after'>, plan: LaunchPlan, path = '/'): Promise<string> {
  const port = String(await freePort());
  const [program = '', ...args] = expandPlaceholders(plan.argv, { PORT: port });
  const child = spawn(program, args, {
    cwd: plan.cwd,
    env: { ...expandPlaceholdersInEnv(plan.env, { PORT: port }), PORT: port },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (output += text));
  const closed = once(child, 'close');
  t.after(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  return eventually(`an answer of ${plan.argv.join(' ')}`, async () => {
    if (child.exitCode !== null) throw new Error(`it exited ${child.exitCode}: ${output}`);
    const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
    return response?.text();
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}
