/**
 * From a package to a release, beside `tar xzf` on the same archive: 10,000 files, 100 MB, gzipped. The two take
 * turns. Slipway's figure is the whole ingest as the daemon does it (copy, hash, unpack in a process of its own, sync,
 * rename), so it always includes making the release durable; tar's is given without and with `sync -f`.
 *
 *     node --import tsx bench/unpack.ts [ROUNDS]
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const rounds = Number(process.argv[2] ?? 7);
const fileCount = 10_000;
const fileSize = 10_486;
const goal = 1.5;

/** The daemon's part, and a look at the highest resident size of its child (kB, `VmHWM` of proc(5)). */
const measureProgram = `
import { readFileSync } from 'node:fs';
import { createReleaseStore } from './dist/packages/release-store.js';
const [home, path] = process.argv.slice(2);
let peakRss = 0;
const watch = setInterval(() => {
  for (const pid of readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').split(' ').filter(Boolean)) {
    try {
      const peak = /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/' + pid + '/status', 'utf8'));
      peakRss = Math.max(peakRss, Number(peak?.[1] ?? 0));
    } catch {}
  }
}, 20);
const start = performance.now();
await createReleaseStore(home).ingest({ kind: 'path', path }, { totalSize: 1e9, entries: 1e5, ratio: 100 });
const wall = performance.now() - start;
clearInterval(watch);
console.log(JSON.stringify({ wall, peakRss }));
`;

const repository = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
try {
  compile();
  const archive = makeArchive();
  console.log(`${fileCount} files, ${Math.round(statSync(archive).size / 1e6)} MB packed, ${rounds} rounds in turns`);
  const figures = { tar: [] as number[], tarAndSync: [] as number[], ingest: [] as number[], rss: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const tar = untar(archive);
    figures.tar.push(tar.unpacked);
    figures.tarAndSync.push(tar.synced);
    const slipway = ingest(archive);
    figures.ingest.push(slipway.wall);
    figures.rss.push(slipway.peakRss);
  }
  const [tar, tarAndSync, wall] = [median(figures.tar), median(figures.tarAndSync), median(figures.ingest)];
  report('tar xzf', tar);
  report('tar xzf && sync -f', tarAndSync);
  report('slipway ingest, sync included', wall);
  console.log(`ratio to tar alone ${(wall / tar).toFixed(2)}, to tar and sync ${(wall / tarAndSync).toFixed(2)}`);
  console.log(`peak RSS of the unpacking process ${Math.round(median(figures.rss) / 1024)} MiB`);
  console.log(wall <= goal * tar ? `goal met: within ${goal} × of tar alone` : `goal missed: ${goal} × of tar alone`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** Measured as it ships: compiled, without a loader. */
function compile(): void {
  symlinkSync(join(repository, 'node_modules'), join(work, 'node_modules'));
  writeFileSync(join(work, 'package.json'), '{ "type": "module" }');
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  const options = ['-p', join(repository, 'tsconfig.build.json'), '--outDir', join(work, 'dist')];
  try {
    execFileSync(process.execPath, [compiler, ...options], { stdio: 'pipe' });
  } catch (error) {
    // Type errors elsewhere don't stop the compiler from writing what is measured here.
    statSync(join(work, 'dist/packages/release-store.js'), { throwIfNoEntry: true });
    console.error(`compiled with errors: ${error instanceof Error ? error.message : error}`);
  }
  writeFileSync(join(work, 'measure.js'), measureProgram);
}

/** Text of random words: packs to about a half, as sources and bundles do. */
function makeArchive(): string {
  const root = join(work, 'package');
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const words = Array.from({ length: 5000 }, () => random(2 ** 31).toString(36));
  for (let i = 0; i < fileCount; i++) {
    const folder = join(root, `d${i % 20}`, `s${i % 500}`);
    mkdirSync(folder, { recursive: true });
    let text = '';
    while (text.length < fileSize) text += `${words[random(words.length)]} `;
    writeFileSync(join(folder, `f${i}.js`), text.slice(0, fileSize));
  }
  const archive = join(work, 'package.tar.gz');
  execFileSync('tar', ['czf', archive, '-C', work, 'package']);
  rmSync(root, { recursive: true });
  return archive;
}

function untar(archive: string): { unpacked: number; synced: number } {
  const folder = join(work, 'untarred');
  mkdirSync(folder);
  execFileSync('sync', ['-f', work]);
  const start = performance.now();
  execFileSync('tar', ['xzf', archive, '-C', folder]);
  const unpacked = performance.now() - start;
  execFileSync('sync', ['-f', folder]);
  const synced = performance.now() - start;
  rmSync(folder, { recursive: true });
  return { unpacked, synced };
}

function ingest(archive: string): { wall: number; peakRss: number } {
  const home = join(work, 'home');
  mkdirSync(home);
  execFileSync('sync', ['-f', work]);
  const output = execFileSync(process.execPath, [join(work, 'measure.js'), home, archive], { encoding: 'utf8' });
  rmSync(home, { recursive: true });
  return JSON.parse(output);
}

function report(what: string, milliseconds: number): void {
  console.log(`${what.padEnd(32)} median ${milliseconds.toFixed(0).padStart(6)} ms`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
