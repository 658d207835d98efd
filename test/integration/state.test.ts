import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isFree, Ports } from '../../src/control/ports.ts';
import { newInstance } from '../../src/domain/instance/state.ts';
import { firstRecord } from '../../src/domain/service.ts';
import type { InstanceRecord } from '../../src/state/contract.ts';
import { DocumentKind } from '../../src/state/document.ts';
import { lockHome } from '../../src/state/lock.ts';
import { openStateStore } from '../../src/state/store.ts';
import { serviceSpec } from '../helpers/specs.ts';
import { tempDir } from '../helpers/temp-dir.ts';

describe('a state document', () => {
  const kind = new DocumentKind<{ b: number }>('thing', [old => ({ b: (old as { a: number }).a })]);

  it('is brought up to date from an older version', () => {
    assert.deepEqual(kind.decode('{"kind":"thing","version":1,"content":{"a":7}}', 'x'), { b: 7 });
    assert.deepEqual(kind.decode(kind.encode({ b: 3 }), 'x'), { b: 3 });
  });

  it('of a newer version is refused, not guessed at', () => {
    assert.throws(() => kind.decode('{"kind":"thing","version":3,"content":{}}', '/home/x.json'), {
      code: 'SLIP_STATE_NEWER',
      message: /cannot read \/home\/x\.json: its version is 3 .* up to 2/,
    });
  });

  it('that is something else is refused', () => {
    for (const text of ['', 'nonsense', '[]', 'null', '{"kind":"other","version":1,"content":{}}', '{"version":-1}']) {
      assert.throws(() => kind.decode(text, 'x'), { code: 'SLIP_STATE_CORRUPT' });
    }
  });
});

describe('the state store', () => {
  const revision = {
    number: 1,
    release: 'abc',
    packageName: 'greeter.tgz',
    spec: serviceSpec({}),
    runtime: { name: 'exec', version: '', path: '/bin/true' },
    launch: { argv: ['/bin/true'], cwd: '/', env: {} },
    createdAt: 0,
    cause: 'test',
  };

  it('gives back what was saved, the last save of each name', async t => {
    const home = await tempDir(t);
    const store = await openStateStore(home);
    const record = firstRecord(revision);
    await Promise.all([1, 2, 3, 4, 5].map(instances => store.saveService({ ...record, instances })));
    const [saved] = await (await openStateStore(home)).services();
    assert.deepEqual(saved, { ...record, instances: 5 });
    await store.removeService('greeter');
    assert.deepEqual(await store.services(), []);
  });

  it('forgets what a crash left half written, and a record that a power cut left empty', async t => {
    const home = await tempDir(t);
    const store = await openStateStore(home);
    const id = { service: 'greeter', index: 0, revision: 1 };
    store.saveInstance({ id, instance: newInstance(), port: 20000, bootId: 'b' });
    await writeFile(join(home, 'instances', 'greeter.1.r1.json'), '');
    await writeFile(join(home, 'services', 'greeter.json.1.1.new'), '{"ki');
    const again = await openStateStore(home);
    assert.deepEqual(
      (await again.instances()).map(one => one.id),
      [id],
    );
    assert.deepEqual(await again.services(), []);
    assert.deepEqual(await readdir(join(home, 'services')), []);
  });

  const instanceRecord = (detail: string): InstanceRecord => {
    const id = { service: 'greeter', index: 0, revision: 1 };
    return { id, instance: { ...newInstance(), detail }, port: undefined, bootId: 'b' };
  };

  it('gives back the last record of an instance, whether that became longer or shorter', async t => {
    const home = await tempDir(t);
    const store = await openStateStore(home);
    const path = join(home, 'instances', 'greeter.0.r1.json');
    await writeFile(path, '{"longer": "than nothing"}');
    for (const length of [10, 1, 3000, 30, 5000, 40, 4100, 50]) {
      const record = instanceRecord('é'.repeat(length));
      store.saveInstance(record);
      const [saved] = await (await openStateStore(home)).instances();
      assert.deepEqual(saved, JSON.parse(JSON.stringify(record)));
    }
    assert.deepEqual(await readdir(join(home, 'instances')), ['greeter.0.r1.json']);
  });

  it('has a whole record of an instance when its writer was killed', async t => {
    const home = await tempDir(t);
    const module = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    const writer = `
      import { openStateStore } from ${module('../../src/state/store.ts')};
      const store = await openStateStore(process.argv[1]);
      const record = JSON.parse(process.argv[2]);
      for (let i = 0; ; i += 1) {
        const detail = 'x'.repeat((i * 37) % 3000);
        store.saveInstance({ ...record, port: detail.length, instance: { ...record.instance, detail } });
        if (i === 0) process.send('writing');
      }
    `;
    const record = JSON.stringify(instanceRecord(''));
    for (let round = 0; round < 8; round += 1) {
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', writer, home, record], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      await once(child, 'message');
      child.kill('SIGKILL');
      await once(child, 'exit');
      const [saved] = await (await openStateStore(home)).instances();
      assert.ok(saved !== undefined, 'there is a record');
      assert.equal(saved.instance.detail?.length, saved.port);
    }
  });
});

describe('the lock of a home', () => {
  const holder = `
    import { lockHome } from ${JSON.stringify(new URL('../../src/state/lock.ts', import.meta.url).href)};
    lockHome(process.argv[1]);
    process.send('locked');
    setInterval(() => {}, 1000);
  `;

  it('is refused to a second daemon, and free at once when the first was killed', async t => {
    const home = await tempDir(t);
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', holder, home], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    t.after(() => child.kill('SIGKILL'));
    await once(child, 'message');
    assert.throws(() => lockHome(home), {
      code: 'SLIP_DAEMON_RUNNING',
      message: new RegExp(`process ${child.pid} owns it`),
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = lockHome(home);
    assert.equal((await readFile(join(home, 'daemon.lock'), 'utf8')).trim(), String(process.pid));
    lock.release();
  });
});

describe('ports', () => {
  it('are never given twice, nor when somebody else listens there', async t => {
    const ports = new Ports({ from: 21_000, to: 21_999 });
    const given = await Promise.all(Array.from({ length: 20 }, () => ports.allocate()));
    assert.equal(new Set(given).size, given.length);
    const port = given[0] ?? 0;
    const stranger = createServer().listen(port, '127.0.0.1');
    await once(stranger, 'listening');
    t.after(() => stranger.close());
    assert.equal(await isFree(port), false);
    await assert.rejects(new Ports({ from: port, to: port }).allocate(), {
      code: 'SLIP_PORTS_EXHAUSTED',
      message: /all 1 of/,
    });
  });

  it('can be given again once they were released', async () => {
    const first = await new Ports({ from: 21_000, to: 21_999 }).allocate();
    const ports = new Ports({ from: first, to: first });
    assert.equal(await ports.allocate(), first);
    await assert.rejects(ports.allocate(), { code: 'SLIP_PORTS_EXHAUSTED' });
    ports.release(first);
    assert.equal(await ports.allocate(), first);
  });
});
