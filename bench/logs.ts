/**
 * What logging costs whoever looks after it: one instance writes 200,000 lines of 100 bytes, a write each, while its
 * log is rotated every 4 MiB. Slipway's instance writes to its file itself, and what is measured is the process that
 * rotates, its helper processes apart. The peers read the instance's output from a pipe and write it to a file; those
 * that are on the PATH are measured in the same run (svlogd is Debian's `runit`, pm2 is npm's and rotates nothing).
 *
 *     node --import tsx bench/logs.ts
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/control/clock.ts';
import { createLogStore } from '../src/logs/store.ts';

const lineCount = 200_000;
const rotateAt = 4 * 1_048_576;
const keep = 100;
const goal = 0.05;
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Writes the numbered lines, and to the file named how many seconds that took. */
const producer = `
const { writeFileSync, writeSync } = require('node:fs');
const filling = 'x'.repeat(100);
const start = performance.now();
for (let i = 0; i < ${lineCount}; i += 1) {
  const line = Buffer.from((i + ' ' + filling).slice(0, 99) + '\\n');
  for (let at = 0; at < line.length; ) {
    try { at += writeSync(1, line, at); } catch (error) { if (error.code !== 'EAGAIN') throw error; }
  }
}
writeFileSync(process.env.SECONDS_FILE, String((performance.now() - start) / 1000));
`;

interface Figures {
  readonly lost: number;
  /** Seconds that the instance took to write it all. */
  readonly producer: number;
  /** CPU seconds of the process in charge, and of the helpers that it ran. */
  readonly cpu: number;
  readonly helpers: number;
}

if (process.argv[2] === 'rotate') await rotate(process.argv[3] ?? '');
else await compare();

async function compare(): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  try {
    console.log(`${lineCount} lines of 100 bytes, rotated every ${rotateAt / 1_048_576} MiB`);
    const slipway = await measureSlipway(join(work, 'slipway'));
    report('slipway', slipway);
    for (const [name, measure] of Object.entries({ svlogd: measureSvlogd, pm2: measurePm2 })) {
      if (!isInstalled(name)) {
        console.log(`${name.padEnd(8)} is not installed`);
        continue;
      }
      const peer = await measure(join(work, name));
      report(name, peer);
      const [alone, all] = [slipway.cpu, slipway.cpu + slipway.helpers].map(cpu => (peer.cpu / cpu).toFixed(1));
      console.log(`${''.padEnd(8)} took ${alone} × the CPU of slipway, ${all} × with its helpers`);
    }
    const met = slipway.lost === 0 && slipway.cpu <= goal;
    console.log(`goal (0 lines lost, at most ${goal} s of CPU): ${met ? 'met' : 'MISSED'}`);
    process.exitCode = met ? 0 : 1;
  } finally {
    rmSync(work, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function measureSlipway(home: string): Promise<Figures> {
  mkdirSync(home);
  const store = createLogStore({ home, clock: systemClock });
  const log = openSync(store.file('bench', 0), 'a');
  const args = ['--import', 'tsx', fileURLToPath(import.meta.url), 'rotate', home];
  const rotator = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(rotator.stdout, 'data');
  const secondsFile = join(home, 'seconds');
  await once(produce(secondsFile, log), 'exit');
  closeSync(log);
  rotator.stdin.end();
  const [measured] = await once(rotator.stdout, 'data');
  const lines: string[] = [];
  for await (const { text } of store.read({ service: 'bench', tail: 2 * lineCount, follow: false })) lines.push(text);
  const { cpu, helpers } = JSON.parse(String(measured));
  return { lost: lostOf(lines), producer: Number(readFileSync(secondsFile, 'utf8')), cpu, helpers };
}

/** Rotates as the daemon does, only more often, until its input ends; then it tells what that took. */
async function rotate(home: string): Promise<void> {
  const store = createLogStore({ home, clock: systemClock, onProblem: problem => console.error(problem) });
  let ended = false;
  process.stdin.on('end', () => {
    ended = true;
  });
  process.stdin.resume();
  await store.rotate({ rotateAt, keep });
  const before = process.cpuUsage();
  const helpersBefore = cpuOfChildren(process.pid);
  process.stdout.write('ready\n');
  while (!ended) {
    await delay(200);
    await store.rotate({ rotateAt, keep });
  }
  const { user, system } = process.cpuUsage(before);
  const helpers = cpuOfChildren(process.pid) - helpersBefore;
  process.stdout.write(JSON.stringify({ cpu: (user + system) / 1e6, helpers }));
}

async function measureSvlogd(folder: string): Promise<Figures> {
  const logs = join(folder, 'logs');
  mkdirSync(logs, { recursive: true });
  writeFileSync(join(logs, 'config'), `s${rotateAt}\nn${keep}\n`);
  const [secondsFile, timesFile] = [join(folder, 'seconds'), join(folder, 'times')];
  // svlogd is the one child of its shell, so that the second line of `times` is svlogd's.
  const script = '"$NODE" -e "$PRODUCER" | sh -c \'svlogd "$LOGS"; times > "$TIMES"\'';
  const names = { NODE: process.execPath, PRODUCER: producer, LOGS: logs, TIMES: timesFile, SECONDS_FILE: secondsFile };
  await once(spawn('sh', ['-c', script], { env: { ...process.env, ...names }, stdio: 'inherit' }), 'exit');
  const [, children = ''] = readFileSync(timesFile, 'utf8').split('\n');
  const cpu = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, m, s]) => sum + Number(m) * 60 + Number(s), 0);
  const files = readdirSync(logs).filter(name => name.startsWith('@') || name === 'current');
  const text = files.sort().map(name => readFileSync(join(logs, name), 'utf8'));
  const lines = text.join('').trimEnd().split('\n');
  return { lost: lostOf(lines), producer: Number(readFileSync(secondsFile, 'utf8')), cpu, helpers: 0 };
}

async function measurePm2(folder: string): Promise<Figures> {
  mkdirSync(folder);
  const secondsFile = join(folder, 'seconds');
  const env = { ...process.env, PM2_HOME: folder, SECONDS_FILE: secondsFile };
  const pm2 = (...args: string[]) => execFileSync('pm2', args, { env, stdio: 'ignore' });
  const script = join(folder, 'producer.cjs');
  writeFileSync(script, producer);
  pm2('ping');
  try {
    const daemon = Number(readFileSync(join(folder, 'pm2.pid'), 'utf8'));
    const before = cpuOf(daemon);
    pm2('start', script, '--name', 'bench', '--no-autorestart', '--merge-logs');
    const log = join(folder, 'logs', 'bench-out.log');
    let lines: string[] = [];
    // It is done when its file stands still after the instance has ended.
    for (let size = -1; size !== lines.length || !existsSync(secondsFile); await delay(500)) {
      size = lines.length;
      lines = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
    }
    const cpu = cpuOf(daemon) - before;
    return { lost: lostOf(lines), producer: Number(readFileSync(secondsFile, 'utf8')), cpu, helpers: 0 };
  } finally {
    pm2('kill');
  }
}

function produce(secondsFile: string, stdout: number): ChildProcess {
  const env = { ...process.env, SECONDS_FILE: secondsFile };
  return spawn(process.execPath, ['-e', producer], { env, stdio: ['ignore', stdout, 'inherit'] });
}

/** How many of the numbers are missing or out of order. */
function lostOf(lines: readonly string[]): number {
  let next = 0;
  let found = 0;
  for (const line of lines) {
    const number = Number.parseInt(line, 10);
    if (number >= next) found += 1;
    next = number + 1;
  }
  return lineCount - found;
}

/** CPU seconds so far, in steps of a clock tick: `utime` and `stime` of proc(5). */
function cpuOf(pid: number): number {
  return ticks(pid, 11);
}

/** The same of the children that have ended: `cutime` and `cstime`. */
function cpuOfChildren(pid: number): number {
  return ticks(pid, 13);
}

function ticks(pid: number, field: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[field]) + Number(fields[field + 1])) / ticksPerSecond;
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, program)));
}

function report(name: string, { lost, producer, cpu, helpers }: Figures): void {
  const figures = [`${lost} lost`, `instance ${producer.toFixed(2)} s`, `CPU ${cpu.toFixed(3)} s`];
  if (helpers > 0) figures.push(`and its helpers ${helpers.toFixed(2)} s`);
  console.log(`${name.padEnd(8)} ${figures.join(', ')}`);
}
