import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Channel } from '../../src/router-link/channel.ts';
import { text } from '../../src/router-link/check.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const fixture = fileURLToPath(new URL('../fixtures/last-word.ts', import.meta.url));

test('the last word of a process that ends is heard, also where it is spoken to meanwhile', async t => {
  const path = join(await tempDir(t), 'socket');
  const heard: string[] = [];
  const closed = new Promise<void>(resolve => {
    const server = createServer(socket => {
      const channel = new Channel<string, 'go'>(socket, text(20), { message, closed: () => resolve() });
      function message(said: string): void {
        heard.push(said);
        if (said !== 'here') return;
        channel.send('go');
        waitForEnd();
        channel.send('go');
      }
    }).listen(path);
    t.after(() => server.close());
  });
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), fixture, path], { stdio: 'inherit' });
  t.after(() => child.kill('SIGKILL'));

  /** As this process does where it is not given the processor: nothing is read meanwhile. */
  function waitForEnd(): void {
    const longest = performance.now() + 500;
    // A thread that is left still holds the descriptors, when the process counts as a zombie already.
    while (readdirSync(`/proc/${child.pid}/task`).length > 1 && performance.now() < longest);
  }
  await closed;
  assert.deepEqual(heard, ['here', 'last word']);
});
