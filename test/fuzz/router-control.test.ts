/** Whatever comes over the control socket, the router goes on as it was. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import { CheckError, parseJson } from '../../src/router-link/check.ts';
import { routerFiles } from '../../src/router-link/files.ts';
import { fromRouter, toRouter } from '../../src/router-link/messages.ts';
import { eventually } from '../helpers/eventually.ts';
import { anyRoute, TestRouter } from '../helpers/router.ts';

const types = [
  'hello',
  'table',
  'drain',
  'stats',
  'succeed',
  'stop',
  'report',
  'counts',
  'retire',
  'count',
  'applied',
  'refused',
  '__proto__',
  'toString',
];

const almostMessage = fc
  .record(
    {
      type: fc.constantFrom(...types),
      id: fc.anything(),
      grace: fc.anything(),
      endpoint: fc.anything(),
      listen: fc.anything(),
      command: fc.anything(),
      worker: fc.anything(),
      inFlight: fc.anything(),
      table: fc.oneof(
        fc.anything(),
        fc.record({
          version: fc.oneof(fc.nat(), fc.anything()),
          services: fc.array(
            fc.record({
              name: fc.oneof(fc.string(), fc.anything()),
              routes: fc.array(fc.record({ path: fc.oneof(fc.string(), fc.anything()), stripPrefix: fc.anything() })),
              endpoints: fc.array(fc.record({ id: fc.string(), host: fc.string(), port: fc.anything() })),
            }),
          ),
        }),
      ),
    },
    { requiredKeys: ['type'] },
  )
  .map(message => JSON.stringify(message, (_key, value) => (typeof value === 'bigint' ? String(value) : value)));

test('a check returns what it says, or throws CheckError, and nothing else', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string(), almostMessage), source => {
      for (const check of [toRouter, fromRouter]) {
        try {
          assert.ok(types.includes(parseJson<{ type: string }>(source, check).type));
        } catch (error) {
          assert.ok(error instanceof CheckError, String(error));
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a message that fits comes out as it went in, less what is unknown', () => {
  const table = { version: 7, services: [anyRoute('a', { id: 'a', port: 80 })] };
  for (const message of [
    { type: 'table', table },
    { type: 'drain', endpoint: 'a.0.r1' },
    { type: 'succeed', id: 1, listen: ['127.0.0.1:0'], command: ['node'] },
    { type: 'stop', grace: 0 },
  ] as const) {
    assert.deepEqual(parseJson(JSON.stringify({ ...message, more: 1 }), toRouter), message);
  }
});

test('the router refuses what does not fit, closes that connection, and serves the others', async t => {
  const router = await TestRouter.create(t);
  router.link.publish([anyRoute('a', { id: 'a', port: 1 })]);
  await router.link.ensure(['127.0.0.1:0']);
  const { worker } = router.record;

  async function say(bytes: string | Buffer): Promise<string> {
    const socket = connect(routerFiles(router.home).socket);
    socket.on('error', () => {});
    let received = '';
    socket.setEncoding('utf8').on('data', chunk => {
      received += chunk;
    });
    await once(socket, 'data');
    socket.write(bytes);
    socket.end();
    await eventually('the connection is closed', () => socket.closed);
    return received;
  }

  for (const hostile of [
    'hello\n',
    '\n',
    '{}\n',
    'null\n',
    '[]\n',
    '{"type":"__proto__"}\n',
    '{"type":"table"}\n',
    '{"type":"table","table":{"version":1e999,"services":[]}}\n',
    '{"type":"table","table":{"version":99,"services":[{"name":"a","routes":[{"path":"x","stripPrefix":true}],"endpoints":[]}]}}\n',
    '{"type":"table","table":{"version":99,"services":[{"name":"a","routes":[],"endpoints":[{"id":"x","host":"h","port":0}]}]}}\n',
    '{"type":"succeed","id":1,"listen":"x","command":[]}\n',
    '{"type":"stop","grace":-1}\n',
    Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
    `${'['.repeat(100_000)}\n`,
  ]) {
    assert.match(await say(hostile), /"type":"invalid"/, String(hostile).slice(0, 80));
  }
  assert.doesNotMatch(await say('{"type":"dra'), /"type":"invalid"/, 'a line that never ends is no message');
  await say('x'.repeat(17 * 1024 * 1024));
  await fc.assert(
    fc.asyncProperty(
      almostMessage.filter(line => !/"type":"(stop|succeed|table)"/.test(line)),
      async line => {
        await say(`${line}\n`);
      },
    ),
    { numRuns: 50 },
  );

  assert.deepEqual(router.record.worker, worker);
  assert.equal(router.link.status().table, 1);
  router.link.publish([]);
  await eventually('the next table is taken', () => router.link.status().table === 2);
});
