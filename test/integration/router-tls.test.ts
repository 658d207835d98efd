/** TLS in front of the data plane, on real sockets: which certificate, which version, what of it an instance is told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { type CertificateSpec, defaultSettings } from '../../src/domain/router-spec.ts';
import { eventually } from '../helpers/eventually.ts';
import { httpInstance, RawClient, TestForwarder } from '../helpers/forwarder.ts';
import { anyRoute } from '../helpers/router.ts';
import { certificateFiles, handshakeError, nameOf, secureClient, servedName, tlsSpec } from '../helpers/tls.ts';

const echo = (t: TestContext) =>
  httpInstance(t, (request, response) => {
    response.setHeader('X-Seen-Proto', request.headers['x-forwarded-proto'] ?? '');
    response.setHeader('X-Seen-For', request.headers['x-forwarded-for'] ?? '');
    request.pipe(response);
  });

async function secureRouter(t: TestContext, port: number, ticketKeyPath?: string, handshakeTimeout = 20_000) {
  const router = await TestForwarder.create(
    t,
    [anyRoute('a', { id: 'a', port })],
    {},
    ticketKeyPath === undefined ? {} : { ticketKeyPath },
  );
  const limits = { ...defaultSettings.limits, headTimeout: handshakeTimeout };
  router.configure({ tls: tlsSpec('first'), limits });
  return { router, port: await router.listen(t, 'https://127.0.0.1:0') };
}

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function copyCertificate(from: CertificateSpec, to: CertificateSpec): Promise<void> {
  await copyFile(from.cert, to.cert);
  await copyFile(from.key, to.key);
}

/** One request on a connection of its own. @returns all that came */
async function exchange(socket: TLSSocket, ...head: readonly string[]): Promise<string> {
  let received = '';
  socket.setEncoding('latin1').on('data', chunk => {
    received += chunk;
  });
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  await once(socket, 'end');
  socket.end();
  return received;
}

test('requests by TLS are forwarded as others are, and instances are told', async t => {
  const { port } = await secureRouter(t, await echo(t));
  const socket = await secureClient(port);
  assert.equal(socket.alpnProtocol, false);
  const answer = await exchange(socket, 'GET / HTTP/1.1', 'Host: x', 'Connection: close');
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(answer, /X-Seen-Proto: https\r\n/);
  assert.match(answer, /X-Seen-For: 127\.0\.0\.1\r\n/);
});

test('bodies of any size go both ways, request after request', async t => {
  const { router, port } = await secureRouter(t, await echo(t));
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  t.after(() => agent.destroy());
  for (const size of [0, 1, 16_384, 16_385, 300_000, 8_000_000, 5]) {
    const sent = Buffer.alloc(size, `${size} octets. `);
    const outgoing = request({ agent, port, host: '127.0.0.1', method: 'POST' });
    outgoing.end(sent);
    const [response] = await once(outgoing, 'response');
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    assert.ok(Buffer.concat(chunks).equals(sent), `${size} octets`);
  }
  assert.equal(router.stats().services['a']?.responses['2xx'], 7);
  assert.equal(router.forwarder.connections(), 1);
});

test('a client that does not read is not read for, and memory stays bounded', async t => {
  let produced = 0;
  const piece = Buffer.alloc(64 * 1024);
  const port = await httpInstance(t, (_request, response) => {
    const more = () => {
      while (produced < 512 * 1024 * 1024) {
        produced += piece.length;
        if (!response.write(piece)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  const secure = await secureRouter(t, port);
  const socket = await secureClient(secure.port);
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  let before = -1;
  await eventually('the instance is held back', () => {
    const stalled = produced > 0 && produced === before;
    before = produced;
    return stalled;
  });
  assert.ok(produced < 64 * 1024 * 1024, `${produced} octets were taken for a client that reads none`);
  socket.destroy();
  await eventually('the router lets go', () => secure.router.forwarder.connections() === 0);
});

test('a client may end its side after the request', async t => {
  const { port } = await secureRouter(t, await echo(t));
  const socket = await secureClient(port);
  const answer = exchange(socket, 'GET / HTTP/1.1', 'Host: x');
  socket.end();
  assert.match(await answer, /^HTTP\/1\.1 200 OK\r\n/);
});

test('a response that is cut short does not look whole', async t => {
  const port = await httpInstance(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('some', () => response.destroy());
  });
  const secure = await secureRouter(t, port);
  const socket = await secureClient(secure.port);
  const answer = await exchange(socket, 'GET / HTTP/1.1', 'Host: x');
  assert.match(answer, /Content-Length: 100\r\n[\s\S]*\r\n\r\nsome$/);
});

test('the certificate is chosen by the name that is asked for', async t => {
  const { router, port } = await secureRouter(t, 1);
  router.configure({ tls: tlsSpec('first', 'wildcard', 'renewed') });
  assert.equal(await servedName(port), 'first');
  assert.equal(await servedName(port, 'first.test'), 'first');
  assert.equal(await servedName(port, 'second.test'), 'wildcard');
  assert.equal(await servedName(port, 'A.second.TEST'), 'wildcard');
  assert.equal(await servedName(port, 'a.b.second.test'), 'first');
  assert.equal(await servedName(port, 'other.test'), 'first');
});

test('a certificate is taken anew when its files change, and kept when they are broken', async t => {
  const folder = await temporaryFolder(t);
  const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key') };
  await copyCertificate(certificateFiles('first'), files);
  const { router, port } = await secureRouter(t, await echo(t));
  router.configure({ tls: { certificates: [files], minVersion: '1.2' } });
  const old = await secureClient(port);
  assert.equal(nameOf(old), 'first');

  await copyFile(certificateFiles('renewed').cert, files.cert); // Without its key.
  await eventually('it is said', () => router.logged.some(({ cause }) => /not the one of/.test(String(cause))));
  assert.equal(await servedName(port), 'first');

  await copyFile(certificateFiles('renewed').key, files.key);
  await eventually('the new one is served', async () => (await servedName(port)) === 'renewed');
  assert.match(await exchange(old, 'GET / HTTP/1.1', 'Host: x', 'Connection: close'), /^HTTP\/1\.1 200/);

  await writeFile(files.cert, 'no certificate');
  await eventually('it is said', () => router.logged.some(({ cause }) => /no PEM certificate/.test(String(cause))));
  assert.equal(await servedName(port), 'renewed');
  // Other settings must not lose what is served.
  router.configure({ tls: { certificates: [files], minVersion: '1.3' } });
  assert.equal(await servedName(port), 'renewed');
});

test('without a certificate handshakes fail, and nothing else', async t => {
  const { router, port } = await secureRouter(t, await echo(t));
  router.configure({});
  assert.notEqual(await handshakeError(port), '');
  router.configure({ tls: { certificates: [{ cert: '/nowhere.crt', key: '/nowhere.key' }], minVersion: '1.2' } });
  assert.notEqual(await handshakeError(port), '');
  assert.equal(router.stats().rejected['tls-no-cipher'], 2);
  const plain = new RawClient(router.port).head('GET / HTTP/1.1', 'Host: x');
  await eventually('plain HTTP is served', () => plain.status === 200);
  plain.socket.destroy();
  router.configure({ tls: tlsSpec('first') });
  assert.equal(await servedName(port), 'first');
});

test('TLS 1.2 and 1.3 are spoken; only 1.3 where that is asked for', async t => {
  const { router, port } = await secureRouter(t, await echo(t));
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await secureClient(port, { minVersion: version, maxVersion: version });
    assert.equal(socket.getProtocol(), version);
    socket.destroy();
  }
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  assert.match(await handshakeError(port, old), /PROTOCOL_VERSION/);
  router.configure({ tls: { ...tlsSpec('first'), minVersion: '1.3' } });
  assert.match(await handshakeError(port, { maxVersion: 'TLSv1.2' }), /PROTOCOL_VERSION/);
  assert.equal(router.stats().rejected['tls-version'], 2);
});

test('HTTP/1.1 is agreed on by ALPN, and nothing that is not spoken', async t => {
  const { router, port } = await secureRouter(t, await echo(t));
  const socket = await secureClient(port, { ALPNProtocols: ['smtp', 'http/1.1'] });
  assert.equal(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
  assert.match(await handshakeError(port, { ALPNProtocols: ['smtp'] }), /NO_APPLICATION_PROTOCOL/);
  assert.equal(router.stats().rejected['tls-no-protocol'], 1);
});

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`a session goes on at another worker, by ${version}`, async t => {
    const folder = await temporaryFolder(t);
    const ticketKey = join(folder, 'tickets.key');
    const instance = await echo(t);
    const one = await secureRouter(t, instance, ticketKey);
    const other = await secureRouter(t, instance, ticketKey);
    assert.equal((await stat(ticketKey)).mode & 0o777, 0o600);
    const options = { minVersion: version, maxVersion: version };
    const first = await secureClient(one.port, options);
    const sessions: Buffer[] = [];
    const session = first.getSession();
    if (version === 'TLSv1.2' && session) sessions.push(session);
    first.on('session', one => sessions.push(one));
    await exchange(first, 'GET / HTTP/1.1', 'Host: x', 'Connection: close');
    assert.equal(first.isSessionReused(), false);
    const [ticket] = sessions;
    assert.ok(ticket, 'there is a ticket');
    const second = await secureClient(other.port, { ...options, session: ticket });
    assert.equal(second.isSessionReused(), true);
    second.destroy();
  });
}

test('a handshake that does not come to an end is ended', async t => {
  const { router, port } = await secureRouter(t, await echo(t), undefined, 300);
  const silent = new RawClient(port);
  await eventually('the connection is closed', () => silent.ended);
  assert.equal(router.stats().rejected['tls-late'], 1);
  await eventually('it is forgotten', () => router.forwarder.connections() === 0);
});

test('a client that leaves in the middle of its handshake is forgotten at once', async t => {
  const { router, port } = await secureRouter(t, await echo(t));
  const begun = new RawClient(port).send('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03');
  const silent = new RawClient(port);
  await eventually('both are there', () => router.forwarder.connections() === 2);
  begun.socket.end();
  silent.socket.end();
  await eventually('the connections are closed', () => begun.ended && silent.ended);
  await eventually('they are forgotten', () => router.forwarder.connections() === 0);
  assert.equal(router.stats().rejected['tls-broken-off'], 2);
});

test('what is no TLS is refused, and counted by its reason', async t => {
  const { router, port } = await secureRouter(t, await echo(t));
  const plain = new RawClient(port).head('GET / HTTP/1.1', 'Host: x');
  const other = new RawClient(port).head('SSH-2.0-client');
  await eventually('the connections are closed', () => plain.ended && other.ended);
  assert.equal(router.stats().rejected['tls-plain-http'], 1);
  assert.equal(router.stats().rejected['tls-invalid'], 1);
  assert.match(await handshakeError(port, { rejectUnauthorized: true }), /SELF_SIGNED/);
  await eventually('they are forgotten', () => router.forwarder.connections() === 0);
});

test('a connection in its handshake is one, and is cut with the others', async t => {
  const { router, port } = await secureRouter(t, await echo(t));
  const silent = connect(port, '127.0.0.1');
  await eventually('it is counted', () => router.forwarder.connections() === 1);
  router.forwarder.destroy();
  await once(silent, 'close');
  await eventually('it is forgotten', () => router.forwarder.connections() === 0);
});

test('plain HTTP is sent to https where that is wanted, but for the proof that a certificate needs', async t => {
  const { router, port } = await secureRouter(t, await echo(t));
  router.configure({ tls: tlsSpec('first'), redirectToHttps: 443 });
  const get = async (target: string, ...more: string[]) => {
    const client = new RawClient(router.port).head(`GET ${target} HTTP/1.1`, ...more, 'Connection: close');
    await eventually('there is an answer', () => client.ended);
    return client.received;
  };
  const location = (answer: string) => /\r\nLocation: (.*)\r\n/.exec(answer)?.[1];
  const answer = await get('/a/b?c=d', 'Host: First.test:8080');
  assert.match(answer, /^HTTP\/1\.1 308 Permanent Redirect\r\n[\s\S]*Content-Length: 0\r\n/);
  assert.equal(location(answer), 'https://first.test/a/b?c=d');
  assert.equal(location(await get('/', 'Host: [::1]')), 'https://[::1]/');
  assert.match(await get('/.well-known/acme-challenge/x', 'Host: first.test'), /^HTTP\/1\.1 200/);
  router.configure({ tls: tlsSpec('first'), redirectToHttps: 8443 });
  assert.equal(location(await get('/', 'Host: first.test')), 'https://first.test:8443/');
  const secure = await exchange(await secureClient(port), 'GET / HTTP/1.1', 'Host: first.test', 'Connection: close');
  assert.match(secure, /^HTTP\/1\.1 200/);
  const nameless = new RawClient(router.port).head('GET / HTTP/1.0');
  await eventually('there is an answer', () => nameless.ended);
  assert.equal(nameless.status, 400);
});
