/** Instances that misbehave: what a client sees of it, and that the next request is none the worse for it. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { eventually } from '../../helpers/eventually.ts';
import { RawClient, rawInstance, TestForwarder } from '../../helpers/forwarder.ts';
import { anyRoute } from '../../helpers/router.ts';
import { type Case, get, head, ok, post, response } from './row.ts';

export const instances: readonly Case[] = [
  {
    section: 'RFC 9112 8',
    name: 'a reset after each octet of a head: 502, and the next request is answered',
    async play(scope, plane) {
      let octets = 0;
      let isGood = false;
      const port = await rawInstance(scope, socket => {
        socket.on('data', () => {
          if (isGood) socket.write(ok);
          else socket.write(ok.slice(0, octets), () => setTimeout(() => socket.resetAndDestroy(), 2));
        });
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port);
      for (octets = 0; octets < ok.indexOf('\r\n\r\n') + 4; octets++) {
        client.received = '';
        client.send(get);
        await client.until(() => client.received.endsWith('}\n'));
        assert.equal(client.status, 502, `after ${octets} octets`);
      }
      isGood = true;
      client.received = '';
      client.send(get);
      await client.until(() => client.received.endsWith('ok'));
      client.socket.destroy();
    },
  },
  {
    section: 'RFC 9112 8',
    name: 'a FIN after each octet of a response with chunks: nothing looks whole that is not',
    async play(scope, plane) {
      const chunked = `${response('Transfer-Encoding: chunked')}3\r\nabc\r\n0\r\nX: 1\r\n\r\n`;
      let octets = 0;
      const port = await rawInstance(scope, socket => {
        socket.on('data', () => socket.end(chunked.slice(0, octets)));
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      for (octets = 0; octets <= chunked.length; octets++) {
        const client = new RawClient(router.port).send(get);
        const whole = octets === chunked.length;
        await client.until(
          () => client.ended || client.status === 502 || (whole && client.received.endsWith('0\r\nX: 1\r\n\r\n')),
        );
        if (octets < chunked.indexOf('\r\n\r\n') + 4) assert.equal(client.status, 502, `after ${octets} octets`);
        else if (!whole) {
          const body = client.received.slice(client.received.indexOf('\r\n\r\n') + 4);
          assert.doesNotMatch(body, /0\r\n(?:.*\r\n)*\r\n$/, `after ${octets} octets`);
        }
        client.socket.destroy();
      }
      await router.idle();
    },
  },
  {
    section: 'RFC 9112 8',
    name: 'a response without a length that is reset is not taken for whole',
    async play(scope, plane) {
      const port = await rawInstance(scope, socket => {
        socket.on('data', () => {
          socket.write(`${response()}abc`);
          setTimeout(() => socket.resetAndDestroy(), 30);
        });
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const old = new RawClient(router.port);
      let error: Error | undefined;
      old.socket.on('error', caught => {
        error = caught;
      });
      old.send(head('GET / HTTP/1.0'));
      await old.until(() => old.ended);
      assert.match(String(error), /ECONNRESET/);
      const client = new RawClient(router.port).send(get);
      await client.until(() => client.ended);
      assert.doesNotMatch(client.received, /0\r\n\r\n$/);
    },
  },
  {
    section: 'RFC 9112 8',
    name: 'a response that stalls is cut off, and has no end',
    response: `${response('Content-Length: 5')}abc`,
    limits: { idleTimeout: 150 },
    answer: `${response('Content-Length: 5')}abc`,
    closes: true,
  },
  {
    section: 'RFC 9112 6.3',
    name: 'octets that nobody asked for are no answer to the next request',
    async play(scope, plane) {
      let connections = 0;
      const port = await rawInstance(scope, socket => {
        connections += 1;
        socket.on('data', () => socket.write(`${ok}${response('Content-Length: 5')}wrong`));
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port);
      for (let round = 1; round <= 3; round++) {
        client.send(get);
        await client.until(() => client.received.split('\r\n\r\nok').length === round + 1);
      }
      assert.doesNotMatch(client.received, /wrong/);
      assert.equal(connections, 3);
      client.socket.destroy();
    },
  },
  {
    section: 'RFC 9112 6.3',
    name: 'nor are those that come on a connection that waits',
    async play(scope, plane) {
      const sockets: Socket[] = [];
      const port = await rawInstance(scope, socket => {
        sockets.push(socket);
        socket.on('data', () => socket.write(ok));
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(get);
      await client.until(() => client.received.endsWith('ok'));
      let isClosed = false;
      sockets[0]?.once('end', () => {
        isClosed = true;
      });
      sockets[0]?.write(`${response('Content-Length: 5')}wrong`);
      await eventually('the end of the connection', () => isClosed);
      client.send(get);
      await client.until(() => client.received.split('\r\n\r\nok').length === 3);
      assert.doesNotMatch(client.received, /wrong/);
      assert.equal(sockets.length, 2);
      client.socket.destroy();
    },
  },
  {
    section: 'RFC 9112 9.3',
    name: 'an answer before the request is over, then more of the request: the connection goes on',
    async play(scope, plane) {
      let seen = '';
      const port = await rawInstance(scope, socket => {
        socket.setEncoding('latin1');
        socket.on('data', chunk => {
          seen += `${chunk}\n`;
          if (chunk.includes('HTTP/1.1')) socket.write(ok);
        });
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(`${post('Content-Length: 50')}GET /in`);
      await client.until(() => client.received.endsWith('ok'));
      client.send(`${'x'.repeat(43)}${get}`);
      await client.until(() => client.received.split('\r\n\r\nok').length === 3);
      assert.deepEqual(seen.match(/^\w+ \S+ HTTP\/1.1/gm), ['POST / HTTP/1.1', 'GET / HTTP/1.1']);
      client.socket.destroy();
    },
  },
  {
    section: 'RFC 9112 9.3',
    name: 'an answer before the request is over, and the connection is closed: the client has the answer',
    async play(scope, plane) {
      const port = await rawInstance(scope, socket => {
        socket.once('data', () =>
          socket.end(`${head('HTTP/1.1 413 Too Large', 'Connection: close', 'Content-Length: 2')}no`),
        );
        socket.resume();
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(`${post('Content-Length: 1000000')}${'x'.repeat(100_000)}`);
      await client.until(() => client.received.endsWith('no'));
      assert.equal(client.status, 413);
      client.send('x'.repeat(900_000) + get);
      await client.until(() => client.ended || client.received.match(/HTTP\/1.1/g)?.length === 2);
      client.socket.destroy();
      await router.idle();
    },
  },
  {
    section: 'RFC 9112 9.3',
    name: 'both bodies at the same time: neither waits for the other',
    async play(scope, plane) {
      const port = await rawInstance(scope, socket => {
        socket.once('data', () => {
          socket.write(response('Transfer-Encoding: chunked'));
          socket.on('data', chunk => socket.write(chunk));
        });
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(post('Transfer-Encoding: chunked'));
      for (let round = 0; round < 3; round++) {
        await client.until(() => client.status === 200 && client.received.split('abc').length === round + 1);
        client.send('3\r\nabc\r\n');
      }
      client.send('0\r\n\r\n');
      await client.until(() => client.received.endsWith('0\r\n\r\n'));
      client.socket.destroy();
    },
  },
  {
    section: 'RFC 9110 15.2',
    name: 'a flood of interim responses reaches a client that reads, and holds up nobody else',
    async play(scope, plane) {
      const flood = 20_000;
      const hint = head('HTTP/1.1 103 Early Hints', 'Link: </a.css>');
      const port = await rawInstance(scope, socket => {
        socket.on('data', chunk => socket.write(String(chunk).includes('/flood') ? hint.repeat(flood) + ok : ok));
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const flooded = new RawClient(router.port).send(head('GET /flood HTTP/1.1', 'Host: x'));
      const other = new RawClient(router.port).send(get);
      await other.until(() => other.received.endsWith('ok'));
      await flooded.until(() => flooded.received.endsWith('ok'));
      assert.equal(flooded.received.split('103 Early').length - 1, flood);
      flooded.socket.destroy();
      other.socket.destroy();
    },
  },
  {
    section: 'RFC 9110 15.2',
    name: 'a flood of interim responses to a client that reads none is held back',
    async play(scope, plane) {
      let isHeld = false;
      const hint = head('HTTP/1.1 103 Early Hints', 'Link: </a.css>').repeat(1_000);
      const port = await rawInstance(scope, socket => {
        let sent = 0;
        const more = () => {
          while (sent < 100_000_000 && socket.write(hint)) sent += hint.length;
          isHeld = sent < 100_000_000;
        };
        socket.once('data', () => {
          socket.on('drain', more);
          more();
        });
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port);
      client.socket.pause();
      client.send(get);
      const other = new RawClient(router.port);
      for (let round = 0; round < 100; round++) {
        other.received = '';
        other.send(head('OPTIONS / HTTP/1.1', 'Host: x', 'Max-Forwards: 0'));
        await other.until(() => other.received.endsWith('}\n'));
      }
      assert.ok(isHeld);
      client.socket.destroy();
      other.socket.destroy();
      await router.idle();
    },
  },
  {
    section: 'RFC 9112 9.3.2',
    name: 'many requests on few connections: none is lost, and nothing is left',
    async play(scope, plane) {
      const port = await rawInstance(scope, socket => {
        socket.on('data', chunk => socket.write(ok.repeat(String(chunk).split('GET /').length - 1)));
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const rounds = 100;
      const pipelined = 50;
      const client = new RawClient(router.port);
      for (let round = 0; round < rounds; round++) {
        client.received = '';
        client.send(get.repeat(pipelined));
        await client.until(() => client.received.split('\r\n\r\nok').length === pipelined + 1);
      }
      assert.deepEqual(router.stats().services['a']?.responses, { '2xx': rounds * pipelined });
      client.socket.destroy();
      await router.idle();
    },
  },
  {
    section: 'RFC 9112 9.6',
    name: 'a client that is gone takes its request along',
    async play(scope, plane) {
      const sockets: Socket[] = [];
      const port = await rawInstance(scope, socket => {
        sockets.push(socket);
        socket.resume();
      });
      const router = await TestForwarder.create(scope, [anyRoute('a', { id: 'a', port })], {}, plane);
      const client = new RawClient(router.port).send(get);
      await eventually('the request', () => sockets.length === 1);
      let isClosed = false;
      sockets[0]?.once('end', () => {
        isClosed = true;
      });
      client.socket.destroy();
      await eventually('the end of the connection', () => isClosed);
      await router.idle();
    },
  },
];
