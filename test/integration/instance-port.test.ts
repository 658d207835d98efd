/** The port that `slipway proxy` opens: what can be reached by it, and by whom. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventually } from '../helpers/eventually.ts';
import { httpInstance, rawInstance, upgrading } from '../helpers/instance-proxy.ts';
import { runCli, spawnCli } from '../helpers/run-cli.ts';
import { Wire } from '../helpers/wire.ts';

test('nothing of the API but the instance can be reached', async t => {
  const { openPort, control, errors } = await httpInstance(t, (message, response) => {
    response.end(`instance: ${message.method} ${message.url}`);
  });
  const port = await openPort();
  const ask = async (...lines: readonly string[]) => {
    const client = await port.connect();
    client.head(...lines, 'Connection: close');
    await client.ended();
    client.socket.destroy();
    return client.received;
  };
  const hidden = fc.constantFrom(
    '..',
    '%2e%2e',
    '%2E.',
    '..%2f',
    '%2f..',
    '..\\',
    '..;',
    '.',
    '',
    '%00',
    '..%00',
    '.%2e',
  );
  const path = fc.tuple(fc.array(hidden, { maxLength: 12 }), fc.constantFrom('v1/down', 'v1/host', 'metrics', 'down'));
  await fc.assert(
    fc.asyncProperty(path, async ([parts, end]) => {
      const target = `/${[...parts, end].join('/')}`;
      const answer = await ask(`POST ${target} HTTP/1.1`, 'Host: localhost', 'Content-Length: 0');
      assert.ok(answer.endsWith(`instance: POST ${target}`), `${target}: ${answer}`);
    }),
    { numRuns: 200 },
  );
  const absolute = await ask('GET http://slipway/v1/host HTTP/1.1', 'Host: localhost');
  assert.match(absolute, /instance: GET \/v1\/host$/);
  assert.match(await ask('GET http://slipway?x HTTP/1.1', 'Host: localhost'), /instance: GET \/\?x$/);
  for (const target of ['*', 'v1/host', '@/v1/host', '../../v1/host', 'https:/v1/host']) {
    assert.match(await ask(`OPTIONS ${target} HTTP/1.1`, 'Host: localhost'), /^HTTP\/1\.1 400 /, target);
  }
  assert.doesNotMatch(await ask('CONNECT slipway:80 HTTP/1.1', 'Host: localhost'), /200/);
  assert.deepEqual([control.downCalls, errors], [[], []]);
});

test('another site’s page is not let in by a name of its own', async t => {
  const { openPort, control } = await httpInstance(t, (message, response) => {
    response.end(`for ${message.headers.host} at ${message.headers['x-forwarded-host']}`);
  });
  const [{ routes = [] } = {}] = await control.services();
  control.setService('greeter', { routes: [...routes, { host: '*.shop.example', path: '/', stripPrefix: false }] });
  const port = await openPort();
  const ask = async (host: string, ...more: readonly string[]) => {
    const client = await port.connect();
    client.head('GET / HTTP/1.1', `Host: ${host}`, 'Connection: close', ...more);
    await client.ended();
    return client.received;
  };
  const own = [
    'localhost',
    '127.0.0.1',
    `127.0.0.1:${port.port}`,
    '[::1]:80',
    'LOCALHOST:1',
    'greeter.localhost',
    'a.shop.example',
  ];
  for (const host of own) assert.ok((await ask(host)).includes(`for ${host} at ${host}`), host);
  const others = [
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'evillocalhost',
    'shop.example',
    '',
    '[::1',
    '::1]x',
  ];
  for (const host of others) {
    for (const more of [[], ['Connection: Upgrade', 'Upgrade: websocket']]) {
      assert.match(await ask(host, ...more), /^HTTP\/1\.1 421 [\s\S]*SLIP_HOST_REFUSED/, host);
    }
  }
});

test('what is asked is recorded as asked by the user of the command, whatever the request says', async t => {
  const { openPort, instance, log } = await rawInstance(t, wire => {
    return wire.until(/\r\n\r\n/).then(() => wire.socket.end('HTTP/1.1 204 None\r\n\r\n'));
  });
  const records: unknown[] = [];
  log.info = (record: unknown) => void records.push(record);
  const client = await (await openPort()).connect();
  await client.head('GET / HTTP/1.1', 'Host: localhost', 'X-Slipway-Actor: root').until(/204/);
  assert.deepEqual(records, [
    { actor: 'test', operation: 'ANY /v1/services/:name/instances/:index/proxy/*', name: 'greeter', index: '1' },
  ]);
  assert.doesNotMatch(instance.received(), /actor/i);
});

test('a daemon that is gone is a problem of its own', async t => {
  const { openPort, api } = await rawInstance(t);
  const port = await openPort();
  await api.close();
  for (const fields of [['Host: localhost'], upgrading]) {
    const client = await port.connect();
    await client.head('GET / HTTP/1.1', ...fields).until(/^HTTP\/1\.1 503 [\s\S]*SLIP_DAEMON_UNREACHABLE/);
  }
});

test('the command opens a port, says which, and ends with what goes through it at Ctrl-C', async t => {
  const { home, instance } = await rawInstance(t, wire => {
    return wire.until(/\r\n\r\n/).then(() => wire.head('HTTP/1.1 101 Go', 'Connection: upgrade', 'Upgrade: chat'));
  });
  const child = spawnCli(['proxy', 'greeter/1'], { home });
  t.after(() => child.kill('SIGKILL'));
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', chunk => {
    text += chunk;
  });
  const line = /^http:\/\/127\.0\.0\.1:(\d+) leads to greeter\/1; Ctrl-C ends it\n$/;
  const [, port] = await eventually('the port', () => line.exec(text) ?? undefined);
  const tunnel = await Wire.connect({ host: '127.0.0.1', port: Number(port) });
  await tunnel.head('GET /chat HTTP/1.1', ...upgrading).until(/101/);
  assert.match(instance.received(), /^GET \/chat HTTP/);
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'close'), [0, null]);
  await tunnel.ended();
  const refused = connect(Number(port), '127.0.0.1');
  await assert.rejects(once(refused, 'connect'), { code: 'ECONNREFUSED' });
});

test('the command refuses what it can’t lead to, and to listen to others than this host', async t => {
  const { home, instance } = await rawInstance(t);
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['greeter'], 2, /expected NAME\/INDEX, like greeter\/0/],
    [['greeter/x'], 2, /expected NAME/],
    [['greeter/1', '--listen', '0.0.0.0:0'], 2, /expected a loopback address/],
    [['greeter/1', '--listen', 'example.com:0'], 2, /expected a loopback address/],
    [['greeter/1', '--listen', `127.0.0.1:${instance.port}`], 1, /SLIP_LISTEN_FAILED/],
    [['greeter/7'], 1, /cannot find instance greeter\/7 \(SLIP_INSTANCE_UNKNOWN\)/],
    [['nobody/0'], 1, /SLIP_SERVICE_UNKNOWN/],
  ];
  await Promise.all(
    cases.map(async ([args, code, message]) => {
      const result = await runCli(['proxy', ...args], { home });
      assert.deepEqual([result.code, result.stdout], [code, ''], args.join(' '));
      assert.match(result.stderr, message);
    }),
  );
});
