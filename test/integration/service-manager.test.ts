/** What whoever started the daemon may expect of it: to be told when it is up, and to have it read its file again. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { appPackage, TestHost } from '../helpers/daemon.ts';
import { eventually } from '../helpers/eventually.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const installed = (command: string) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
const missing = ['systemd-notify', 'python3'].find(command => !installed(command));

/** Prints what is said to a service manager; Node has no datagram sockets of the Unix domain. */
const listen = [
  'import socket, sys',
  's = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)',
  's.bind(sys.argv[1])',
  'print("listening", flush=True)',
  'while True: print(s.recv(4096).decode(), flush=True)',
].join('\n');

async function listener(path: string): Promise<{ readonly child: ChildProcess; said(): string }> {
  const child = spawn('python3', ['-c', listen, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', chunk => {
    text += chunk;
  });
  await eventually('the listener', () => text.includes('listening'));
  return { child, said: () => text };
}

describe('a service manager', { concurrency: 1 }, () => {
  it('hears when the daemon is up, and from nobody else', {
    skip: missing === undefined ? false : `${missing} is not installed here`,
  }, async t => {
    const host = await TestHost.create(t);
    const socket = join(await tempDir(t), 'notify');
    const { child, said } = await listener(socket);
    t.after(async () => {
      child.kill();
      await once(child, 'exit');
    });
    await host.start({ NOTIFY_SOCKET: socket });
    await eventually('READY=1', () => said().includes('READY=1'));
    await host.apply({ app: { package: appPackage, route: { path: '/' } } });
    await host.ready('app');
    const left = host.processes().filter(pid => readFileSync(`/proc/${pid}/environ`, 'latin1').includes('NOTIFY_'));
    assert.deepEqual(
      left.filter(pid => pid !== host.daemon.pid),
      [],
    );
  });

  it('has the configuration applied again by SIGHUP, changed or not', async t => {
    const host = await TestHost.create(t);
    await host.start();
    await host.apply({ app: { package: appPackage, route: { path: '/' } } });
    const { pid } = (await host.ready('app')).instances[0] ?? {};
    const isRefused = () =>
      readFileSync(join(host.home, 'events.ndjson'), 'utf8')
        .split('\n')
        .some(line => line.includes('"config-refused"') && line.includes('"SIGHUP"'));
    await host.write({ app: { package: './not-there', route: { path: '/' } } });
    // The watch finds the change, too, perhaps first; whoever asks again is answered all the same.
    host.daemon.kill('SIGHUP');
    await eventually('the refusal', isRefused);
    assert.equal((await host.ready('app')).instances[0]?.pid, pid);
    assert.ok((await host.client.call('GET /v1/host', {})).config?.problem, 'it is shown until it is mended');
  });
});
