/** Another protocol on the same connection (RFC 9110, section 7.8). */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { PlaneOptions } from '../../../src/router/plane/plane.ts';
import { eventually } from '../../helpers/eventually.ts';
import { RawClient, rawInstance, type Scope, TestForwarder } from '../../helpers/forwarder.ts';
import { anyRoute } from '../../helpers/router.ts';
import { type Case, get, head, ok, passes, post, replaced, response } from './row.ts';

const wish = head('GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: a');
const yes = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: a');

/** A client whose wish was granted, with what the instance sent right behind its 101, and the instance's connection. */
async function switched(scope: Scope, plane: PlaneOptions, behind = '') {
  let instance: Socket | undefined;
  let seen = '';
  const port = await rawInstance(scope, socket => {
    instance = socket;
    socket.setEncoding('latin1');
    socket.on('end', () => socket.end('bye'));
    socket.on('data', chunk => {
      if (seen === '') socket.write(yes + behind);
      seen += chunk;
    });
  });
  const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
  const client = new RawClient(router.port).send(wish);
  await client.until(() => client.received.includes('\r\n\r\n'));
  assert.ok(instance);
  return { client, instance, router, seen: () => seen.slice(seen.indexOf('\r\n\r\n') + 4) };
}

export const upgrades: readonly Case[] = [
  {
    section: 'RFC 9110 7.8',
    name: 'a wish is passed on, with the option that goes with it, and so is the agreement',
    request: wish,
    response: yes,
    seen: head('GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: a'),
    answer: head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: a'),
  },
  passes(
    'RFC 9110 7.8',
    'HTTP/1.0 has no upgrades',
    head('GET / HTTP/1.0', 'Host: x', 'Connection: upgrade', 'Upgrade: a'),
    get,
    { answer: /200/ },
  ),
  passes(
    'RFC 9110 7.8',
    'a wish that Connection does not name is none',
    head('GET / HTTP/1.1', 'Host: x', 'Upgrade: a'),
    get,
  ),
  passes(
    'RFC 9110 7.8',
    'HTTP/2 over cleartext is not passed on',
    head('GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: a, H2C', 'HTTP2-Settings: x'),
    get,
  ),
  passes(
    'RFC 9110 7.8',
    'a wish with a body is served without it',
    `${post('Connection: Upgrade', 'Upgrade: a', 'Content-Length: 2')}ab`,
    `${post('Content-Length: 2')}ab`,
  ),
  {
    section: 'RFC 9110 7.8',
    name: 'a wish that is not granted is answered, and the connection ends: the client may speak the other protocol already',
    request: wish + get,
    seen: wish,
    answer: `${response('Content-Length: 2', 'Connection: close')}ok`,
    closes: true,
  },
  replaced('RFC 9110 15.2.2', 'a switch that nobody asked for: 502', yes),
  {
    section: 'RFC 9110 15.2.2',
    name: 'so is one to what was not passed on',
    request: head('GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: h2c'),
    response: yes,
    answer: /^HTTP\/1.1 502 /,
  },
  {
    section: 'RFC 9110 15.5.22',
    name: '426 tells which protocol is required',
    response: head('HTTP/1.1 426 Upgrade Required', 'Upgrade: a', 'Connection: Upgrade', 'Content-Length: 0'),
    answer: head('HTTP/1.1 426 Upgrade Required', 'Content-Length: 0', 'Connection: Upgrade', 'Upgrade: a'),
    closes: false,
  },
  {
    section: 'RFC 9110 7.8',
    name: 'octets pass both ways, and are no requests; those right behind the agreement too',
    async play(scope, plane) {
      const { client, instance, seen, router } = await switched(scope, plane, 'first');
      await client.until(() => client.received.endsWith('\r\n\r\nfirst'));
      client.send(get);
      await eventually('the octets', () => seen() === get);
      instance.write(ok);
      await client.until(() => client.received.endsWith('ok'));
      client.socket.destroy();
      await router.idle();
    },
  },
  {
    section: 'RFC 9110 7.8',
    name: 'octets that came before the agreement pass behind it',
    async play(scope, plane) {
      let seen = '';
      const port = await rawInstance(scope, socket => {
        socket.setEncoding('latin1');
        socket.on('end', () => socket.end());
        socket.on('data', chunk => {
          seen += chunk;
          if (seen === String(chunk)) setTimeout(() => socket.write(yes), 30);
          else socket.write('done');
        });
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(`${wish}early`);
      await client.until(() => client.received.endsWith('done'));
      assert.match(seen, /\r\n\r\nearly$/);
      client.socket.destroy();
      await router.idle();
    },
  },
  {
    section: 'RFC 9110 7.8',
    name: 'a FIN is passed on, and the other direction goes on',
    async play(scope, plane) {
      const { client, router } = await switched(scope, plane);
      client.socket.end();
      await client.until(() => client.ended);
      assert.match(client.received, /\r\n\r\nbye$/);
      await router.idle();
    },
  },
  {
    section: 'RFC 9110 7.8',
    name: 'when one side is gone, so is the other',
    async play(scope, plane) {
      const one = await switched(scope, plane);
      one.instance.resetAndDestroy();
      await one.client.until(() => one.client.ended);
      await one.router.idle();
      const other = await switched(scope, plane);
      other.client.socket.resetAndDestroy();
      await eventually('the end of the connection', () => other.instance.destroyed);
      await other.router.idle();
    },
  },
];
