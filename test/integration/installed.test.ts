/** What a stranger gets: the tarball of `npm pack`, installed into an empty folder, gives a working `slipway`. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { appPackage } from '../helpers/daemon.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

it('the packed tarball, installed into an empty folder, works', async t => {
  const folder = await tempDir(t);
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root });
  const [tarball = ''] = (await readdir(folder)).filter(name => name.endsWith('.tgz'));
  await writeFile(join(folder, 'package.json'), '{ "private": true }');
  await run('npm', ['install', '--omit=dev', '--prefer-offline', `./${tarball}`], { cwd: folder });
  const slipway = join(folder, 'node_modules/.bin/slipway');
  const home = join(folder, 'home');
  const config = join(folder, 'slipway.yaml');
  const service = { package: appPackage, instances: 2 };
  await writeFile(config, JSON.stringify({ router: { listen: [] }, ports: '21200-21299', services: { app: service } }));
  t.after(() => run(slipway, ['--home', home, 'down', '--now']).catch(() => {}));

  assert.match((await run(slipway, ['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
  await run(slipway, ['--home', home, 'up', '-d', '-c', config]);
  const { stdout } = await run(slipway, ['--home', home, 'status', '--json']);
  const [{ name, state, ready }] = (
    JSON.parse(stdout) as { services: [{ name: string; state: string; ready: number }] }
  ).services;
  assert.deepEqual({ name, state, ready }, { name: 'app', state: 'ready', ready: 2 });
  await run(slipway, ['--home', home, 'down']);
  await assert.rejects(run(slipway, ['--home', home, 'status']), { code: 3 });
});
