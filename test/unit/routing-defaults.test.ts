import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveService } from '../../src/config/resolve.ts';
import { projectSchema } from '../../src/config/schema/project.ts';
import { serviceSchema } from '../../src/config/schema/service.ts';
import { settingsOf } from '../../src/control/router-settings.ts';
import { formatListen, parseListen } from '../../src/domain/listen.ts';
import { defaultSettings } from '../../src/domain/router-spec.ts';
import { defaultTraffic } from '../../src/domain/traffic-spec.ts';
import { tableCheck } from '../../src/router-link/table-check.ts';

describe('what applies where nothing is said', () => {
  it('is the same in slipway.yaml and in a table without settings', () => {
    const { router } = projectSchema.parse({ services: {} });
    assert.deepEqual(settingsOf(router, 1), defaultSettings);
    assert.deepEqual(serviceSchema.parse({ package: './a' }).traffic, defaultTraffic);
  });
});

describe('the number of workers', () => {
  it('follows the cores where it is 0, and is one on a small host', () => {
    const router = { ...defaultSettings, listen: [], workers: 0 };
    assert.deepEqual(
      [1, 2, 3, 16, 1000].map(cores => settingsOf(router, cores).workers),
      [1, 1, 3, 16, 256],
    );
    assert.equal(settingsOf({ ...router, workers: 5 }, 1).workers, 5);
  });
});

describe('everything that slipway.yaml can ask of the router', () => {
  it('passes the check of the worker', () => {
    const router = {
      listen: ['8080', 'https://0.0.0.0:443', 'http+proxy://0.0.0.0:81'],
      tls: { certificates: [{ cert: '/a.crt', key: '/a.key' }], minVersion: '1.3' },
      redirectToHttps: 443,
      trustedProxies: ['10.0.0.0/8', '::1'],
      limits: { head: '32Ki', body: '1Mi' },
      accessLog: { path: '/a.log', sample: 0.1 },
      routes: [
        { host: 'a.example', redirect: { to: 'https://b.example{uri}' } },
        { path: '/down', respond: { status: 503, headers: { 'Retry-After': 60 }, body: { file: '/down.html' } } },
      ],
    };
    const config = serviceSchema.parse({
      package: './a',
      tcp: ['5432'],
      route: {
        host: 'A.example',
        path: '/api/',
        timeout: '10s',
        maxBody: '1Mi',
        requestHeaders: { set: { 'X-A': 1 }, remove: ['X-B'] },
        responseHeaders: { add: { 'X-C': 'c' } },
        rateLimit: { requests: 10, per: '1m', header: 'X-Key' },
        compress: true,
      },
      traffic: {
        protocol: 'h2c',
        balance: { hash: { cookie: 'sid' } },
        maxConnections: 10,
        queue: { size: 1 },
        slowStart: '10s',
        ejection: false,
        breaker: {},
      },
    });
    const { routes, traffic, tcp } = resolveService('a', config, { folder: '/', env: {} });
    assert.equal(routes[0]?.rateLimit?.burst, 10);
    const table = {
      version: 1,
      settings: settingsOf(projectSchema.parse({ router, services: {} }).router),
      services: [
        { name: 'a', routes, traffic, tcp, endpoints: [{ id: 'a/0', index: 0, host: '127.0.0.1', port: 20_000 }] },
      ],
    };
    assert.deepEqual(tableCheck(JSON.parse(JSON.stringify(table)), ''), table);
  });
});

describe('headers that a table has rules for', () => {
  it('are never those that a message is framed or routed by, and can not end a line', () => {
    const table = (requestHeaders: unknown) => ({
      version: 1,
      services: [{ name: 'a', routes: [{ path: '/', stripPrefix: false, requestHeaders }], endpoints: [] }],
    });
    const none = { set: {}, add: {}, remove: [] };
    assert.ok(tableCheck(table({ ...none, set: { 'X-A': 'b' }, remove: ['Server'] }), ''));
    for (const name of ['Host', 'content-length', 'Transfer-Encoding', 'TE', 'connection', 'a b', 'a:', 'a\r\nb', '']) {
      assert.throws(() => tableCheck(table({ ...none, set: { [name]: 'x' } }), ''), /set: expected/, name);
      assert.throws(() => tableCheck(table({ ...none, add: { [name]: 'x' } }), ''), /add: expected/, name);
      assert.throws(() => tableCheck(table({ ...none, remove: [name] }), ''), /remove\[0\]: expected/, name);
    }
    assert.throws(() => tableCheck(table({ ...none, set: { 'X-A': 'b\r\nHost: c' } }), ''), /X-A: expected/);
  });
});

describe('an address to listen on', () => {
  it('has one text', () => {
    for (const text of ['127.0.0.1:8080', 'https://0.0.0.0:443', 'http+proxy://[::1]:80', 'tcp://127.0.0.1:5432']) {
      const listen = parseListen(text);
      assert.ok(listen);
      assert.equal(formatListen(listen), text);
    }
    assert.equal(formatListen(parseListen('http://a:1') ?? assert.fail()), 'a:1');
    for (const text of ['', 'ftp://a:1', 'https://a:1/b', 'a b:1']) assert.equal(parseListen(text), undefined);
  });
});
