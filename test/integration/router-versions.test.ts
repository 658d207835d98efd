/** A router of other code than the daemon's, installed in the same place. */
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../src/control/clock.ts';
import { defaultSettings } from '../../src/domain/router-spec.ts';
import type { RouterLink } from '../../src/router-link/contract.ts';
import { isAlive, signalProcess } from '../../src/router-link/identity.ts';
import { createRouterLink } from '../../src/router-link/link.ts';
import { versionOf } from '../../src/router-link/version.ts';
import { eventually } from '../helpers/eventually.ts';
import { anyRoute, TestRouter } from '../helpers/router.ts';
import { fetchOnce, Stream, startInstance } from '../helpers/traffic.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of the router's code that can be changed, as an installation in place does. */
function install(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'slipway-test-code-'));
  const links: RouterLink[] = [];
  t.after(() => {
    // Before any router is ended: hooks run in the order of their registration, and a link would start it anew.
    for (const link of links) link.close();
    rmSync(root, { recursive: true, force: true });
  });
  for (const folder of ['domain', 'processes', 'router', 'router-link', 'sockets', 'state']) {
    cpSync(join(project, 'src', folder), join(root, 'src', folder), { recursive: true });
  }
  writeFileSync(join(root, 'package.json'), readFileSync(join(project, 'package.json')));
  writeFileSync(
    join(root, 'src/start.ts'),
    "import { runRouter } from './router/main.ts';\nawait runRouter(process.argv.slice(2));\n",
  );
  const code = join(root, 'src');
  return {
    links,
    code,
    command: [process.execPath, '--import', import.meta.resolve('tsx'), join(code, 'start.ts')],
    change: (text: string) => appendFileSync(join(code, 'router/main.ts'), text),
  };
}

/** As a daemon that was started from that code. */
function linkOf(home: string, { command, code, links }: ReturnType<typeof install>) {
  const silent = { info: () => {}, warn: () => {}, error: () => {} };
  const link = createRouterLink({
    home,
    clock: systemClock,
    log: silent,
    routerCommand: command,
    routerVersion: versionOf(code),
  });
  links.push(link);
  return link;
}

test('the version is that of the code: the same for a copy, another after a change', t => {
  const { code, change } = install(t);
  assert.equal(versionOf(code), versionOf());
  change('// changed\n');
  assert.notEqual(versionOf(code), versionOf());
  assert.match(versionOf(), /^\d+\.\d+\.\d+\+[0-9a-f]{12} node v\d+/);
});

test('installed over the old one: the next daemon has the router replaced, and nothing fails', async t => {
  const instance = await startInstance(t);
  const installed = install(t);
  const router = await TestRouter.create(t, '', installed.command);
  const first = linkOf(router.home, installed);
  first.publish([anyRoute('a', { id: 'a', port: instance.port })], { ...defaultSettings, workers: 2 });
  await first.ensure(['127.0.0.1:0']);
  await eventually('two workers', () => router.record.further.length === 1);
  const port = Number(first.status().listen[0]?.split(':').at(-1));
  const old = router.processes();
  first.close();
  const same = linkOf(router.home, installed);
  await same.ensure(['127.0.0.1:0']);
  assert.equal(same.identity()?.pid, router.record.worker.pid);
  assert.ok(old.every(isAlive), 'the same version is no reason');
  same.close();

  const streams = [true, false].map(keepAlive => new Stream(() => port, { clients: 3, keepAlive }));
  installed.change('// changed\n');
  const next = linkOf(router.home, installed);
  await next.ensure(['127.0.0.1:0']);
  await eventually('the old processes have ended', () => !old.some(isAlive));
  await eventually('two workers again', () => router.record.further.length === 1);
  assert.equal(next.status().problem, undefined);
  const { worker } = router.record;
  await next.ensure(['127.0.0.1:0']);
  assert.deepEqual(next.identity(), worker, 'once is enough');
  const outcomes = await Promise.all(streams.map(stream => stream.stop()));
  assert.deepEqual(
    outcomes.flatMap(outcome => outcome.failures),
    [],
  );
});

test('a main worker that comes back with other code has no workers of the old one', async t => {
  const installed = install(t);
  const router = await TestRouter.create(t, '', installed.command);
  const link = linkOf(router.home, installed);
  link.publish([anyRoute('a')], { ...defaultSettings, workers: 2 });
  await link.ensure(['127.0.0.1:0']);
  await eventually('two workers serve', async () => (await link.stats())?.workers.length === 2);
  const { record } = router;
  installed.change('// changed\n');
  signalProcess(record.worker, 'SIGKILL');
  await eventually('another main worker', () => router.record.worker.pid !== record.worker.pid);
  await eventually('the further one has ended', () => !record.further.some(isAlive));
  await eventually('two workers again', () => router.record.further.some(isAlive));
});

test('a new version that does not start: the old router goes on, and it is told', async t => {
  const instance = await startInstance(t);
  const installed = install(t);
  const router = await TestRouter.create(t, '', installed.command);
  const first = linkOf(router.home, installed);
  first.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await first.ensure(['127.0.0.1:0']);
  const port = Number(first.status().listen[0]?.split(':').at(-1));
  const { record } = router;
  first.close();
  const sound = readFileSync(join(installed.code, 'router/main.ts'));
  installed.change('process.exit(3);\n');
  const next = linkOf(router.home, installed);
  writeFileSync(join(installed.code, 'start.ts'), 'process.exit(3);\n');
  await next.ensure(['127.0.0.1:0']);
  assert.equal(next.status().state, 'running');
  assert.match(next.status().problem ?? '', /could not be replaced.*ended at once/);
  assert.deepEqual(router.record.worker, record.worker);
  assert.equal(await fetchOnce(port), String(instance.child.pid));

  // Mended: whatever is applied next tries again.
  writeFileSync(join(installed.code, 'router/main.ts'), sound);
  installed.change('// mended\n');
  writeFileSync(
    join(installed.code, 'start.ts'),
    "import { runRouter } from './router/main.ts';\nawait runRouter(process.argv.slice(2));\n",
  );
  await next.ensure(['127.0.0.1:0']);
  assert.equal(next.status().problem, undefined);
  assert.notEqual(router.record.worker.pid, record.worker.pid);
});
