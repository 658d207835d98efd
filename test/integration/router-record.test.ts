/** One router to a home, whatever a crash has left behind. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { routerFiles } from '../../src/router-link/files.ts';
import { isAlive, signalProcess } from '../../src/router-link/identity.ts';
import { eventually } from '../helpers/eventually.ts';
import { deadPort } from '../helpers/forwarder.ts';
import { anyRoute, TestRouter } from '../helpers/router.ts';
import { fetchOnce, startInstance } from '../helpers/traffic.ts';

test('a router that its daemon had no time to find again is adopted, not doubled', async t => {
  const router = await TestRouter.create(t);
  const address = `127.0.0.1:${await deadPort()}`;
  await router.link.ensure([address]);
  const { worker } = router.record;
  // As in the moment between the start of the holder and the worker's record.
  const { record, socket } = routerFiles(router.home);
  renameSync(record, `${record}.later`);
  renameSync(socket, `${socket}.later`);
  const next = new TestRouter(router.home);
  t.after(() => next.link.close());
  const ensured = next.link.ensure([address]);
  setTimeout(() => {
    renameSync(socket.concat('.later'), socket);
    renameSync(record.concat('.later'), record);
  }, 200);
  await ensured;
  assert.deepEqual(next.link.identity(), worker);
});

test('a worker that finds another one in the record ends, with its holder', async t => {
  const [one, two] = [await TestRouter.create(t), await TestRouter.create(t)];
  await one.link.ensure(['127.0.0.1:0']);
  await two.link.ensure(['127.0.0.1:0']);
  const { record: mine } = one;
  writeFileSync(routerFiles(one.home).record, JSON.stringify(two.record));
  one.link.close();
  await eventually('it ended', () => !isAlive(mine.worker) && !isAlive(mine.holder));
  rmSync(routerFiles(one.home).record);
});

test('a router whose home was removed serves on, and is not started again', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure(['127.0.0.1:0']);
  await eventually('it serves', () => router.link.status().table === 1);
  const { port, record } = router;
  router.link.close();
  rmSync(router.home, { recursive: true });
  assert.equal(await fetchOnce(port), String(instance.child.pid));
  signalProcess(record.worker, 'SIGKILL');
  await eventually('the holder ended', () => !isAlive(record.holder));
  await assert.rejects(fetchOnce(port), { code: 'ECONNREFUSED' });
});

test('damaged files are no obstacle, and a table of another boot is none', async t => {
  const instance = await startInstance(t);
  const router = await TestRouter.create(t);
  router.link.publish([anyRoute('a', { id: 'a', port: instance.port })]);
  await router.link.ensure(['127.0.0.1:0']);
  await eventually('the table is stored', () => router.link.status().table === 1);
  const { table } = routerFiles(router.home);
  const stored = readFileSync(table, 'utf8');
  const { port } = router;
  router.link.close();
  for (const [content, status] of [
    [stored, '200'],
    ['{"version":1,"table":', '404'],
    ['', '404'],
    [stored.replace(/"bootId":"[^"]*"/, '"bootId":"00000000-0000-0000-0000-000000000000"'), '404'],
    [stored.replace('"path":"/"', '"path":7'), '404'],
  ] as const) {
    writeFileSync(table, content);
    signalProcess(router.record.worker, 'SIGKILL');
    const outcome = await fetchOnce(port).then(
      () => '200',
      error => error.message,
    );
    assert.equal(outcome, status, content);
    await eventually('the record is written', () => isAlive(router.record.worker));
  }
});
