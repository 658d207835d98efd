import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../src/control/clock.ts';
import type { ProbeResult } from '../../src/probes/contract.ts';
import { execAttempt } from '../../src/probes/exec.ts';
import { eventually } from '../helpers/eventually.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const env = { PATH: process.env['PATH'] ?? '' };

interface Options {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeout?: number;
}

function probe(command: readonly string[], options: Options = {}): Promise<ProbeResult> {
  const target = { place: undefined, env, cwd: '/', ...options };
  const limit = { clock: systemClock, timeout: options.timeout ?? 20_000 };
  return new Promise(resolve => execAttempt(command, target, limit)(resolve));
}

function shell(script: string, options?: Options): Promise<ProbeResult> {
  return probe(['sh', '-c', script], options);
}

/** Whether the process exists and is more than a zombie. */
function alive(pid: string): boolean {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

test('it runs in the folder and with the environment of the instance, and with nothing else', async t => {
  const cwd = await tempDir(t);
  const printed = await probe(['sh', '-c', 'echo "$(pwd) $PORT $HOME ${SLIPWAY_HOME-none}"; exit 1'], {
    cwd,
    env: { ...env, PORT: '20001', HOME: '/nowhere' },
  });
  assert.deepEqual(printed, { passed: false, detail: `exited 1: ${cwd} 20001 /nowhere none` });
});

test('how it ended is told, with the last thing it said', async () => {
  assert.deepEqual(await shell('echo all well'), { passed: true, detail: 'exited 0: all well' });
  assert.deepEqual(await shell('exit 3'), { passed: false, detail: 'exited 3' });
  assert.deepEqual(await shell('kill -SEGV $$'), { passed: false, detail: 'killed by SIGSEGV' });
  assert.deepEqual(await shell('echo first; printf "last\\r\\n\\n  \\n" >&2; exit 1'), {
    passed: false,
    detail: 'exited 1: last',
  });
});

test('what it says can neither fill memory nor disturb a terminal', async () => {
  const loud = await shell('yes 0123456789 | head -c 50000000; echo; printf "\\033[2Jred\\007 \\377"; exit 1');
  assert.deepEqual(loud, { passed: false, detail: 'exited 1: [2Jred �' });
  const long = await shell('head -c 100000 /dev/zero | tr "\\0" x; exit 1');
  assert.equal(long.detail.length, 'exited 1: '.length + 200);
});

test('a command that cannot be run is a failed probe', async t => {
  const cwd = await tempDir(t);
  assert.match((await probe(['no-such-program-here'])).detail, /^cannot run no-such-program-here: no such program/);
  assert.match((await probe([cwd])).detail, /^cannot run .*EACCES/);
  assert.match((await probe(['true'], { cwd: join(cwd, 'gone') })).detail, /no folder .*gone/);
  assert.match((await probe([])).detail, /^cannot probe: /);
  assert.match((await probe(['a\0b'])).detail, /^cannot probe: /);
});

test('time up: the whole group is killed, children too, whatever signals it ignores', async t => {
  const pids = join(await tempDir(t), 'pids');
  const script = `trap '' HUP INT TERM QUIT; sleep 600 & sh -c 'trap "" TERM; sleep 600' &
    echo "$$ $(cat /proc/$$/task/$$/children)" > ${pids}.new; mv ${pids}.new ${pids}; wait`;
  const running = shell(script, { timeout: 2_000 });
  await eventually('children', () => existsSync(pids));
  assert.deepEqual(await running, { passed: false, detail: 'no exit within 2 s' });
  const all = readFileSync(pids, 'utf8').trim().split(/\s+/);
  assert.ok(all.length >= 3);
  await eventually('their end', () => !all.some(alive));
});

test('what it leaves in the background is killed when it exits, and is not waited for', async t => {
  const pids = join(await tempDir(t), 'pids');
  assert.deepEqual(await shell(`sleep 600 & echo $! > ${pids}`), { passed: true, detail: 'exited 0' });
  await eventually('its end', () => !alive(readFileSync(pids, 'utf8').trim()));
});

test('a child that left the group and holds the output open holds up no result', async t => {
  const pids = join(await tempDir(t), 'pids');
  const running = shell(
    `setsid sh -c 'echo $$ > ${pids}; exec sleep 600' & while [ ! -s ${pids} ]; do :; done; echo ok`,
  );
  assert.deepEqual(await running, { passed: true, detail: 'exited 0: ok' });
  process.kill(Number(readFileSync(pids, 'utf8')), 'SIGKILL');
});
