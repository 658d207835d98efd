import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { redirectLocation } from '../../src/router/policy/redirect.ts';

const asked = { scheme: 'http', host: 'a.example', uri: '/x/y?q=1' } as const;

test('placeholders stand for what was asked for', () => {
  for (const [to, location] of [
    ['https://{host}{uri}', 'https://a.example/x/y?q=1'],
    ['{scheme}://www.{host}{path}', 'http://www.a.example/x/y'],
    ['/new{uri}', '/new/x/y?q=1'],
    ['https://b.example/', 'https://b.example/'],
    ['/{unknown}', '/{unknown}'],
  ] as const) {
    assert.equal(redirectLocation(to, asked), location, to);
  }
});

test('a path leads to no other host', () => {
  for (const [to, uri, location] of [
    ['/{path}', '/evil.example', '/evil.example'],
    ['{path}', '//evil.example', '/evil.example'],
    ['{path}', '/\\evil.example', '/%5Cevil.example'],
    ['https://b.example{uri}', '//evil.example', 'https://b.example//evil.example'],
    ['https://b.example{uri}', '*', 'https://b.example/'],
    ['/a{uri}', '/"<>{host}^`|', '/a/%22%3C%3E%7Bhost%7D%5E%60%7C'],
  ] as const) {
    assert.equal(redirectLocation(to, { ...asked, uri }), location, `${to} for ${uri}`);
  }
});

test('a host that is none is not led to, and matters only where it is asked for', () => {
  for (const host of ['', 'a b', 'a%0d', "a'b", 'a@b', 'a,b', 'a:81']) {
    assert.equal(redirectLocation('https://{host}/', { ...asked, host }), undefined, host);
    assert.equal(redirectLocation('/x', { ...asked, host }), '/x');
  }
  assert.equal(redirectLocation('https://{host}/', { ...asked, host: '[::1]' }), 'https://[::1]/');
});

test('whatever a request holds, Location is one line, and its origin is the one that was meant', () => {
  const octets = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code)) });
  fc.assert(
    fc.property(
      octets,
      octets,
      fc.constantFrom('https://{host}{uri}', '{path}', '/{uri}', '/p{path}'),
      (host, path, to) => {
        const location = redirectLocation(to, { scheme: 'http', host, uri: `/${path}` });
        if (location === undefined) return;
        assert.match(location, /^[\x21-\x7e]*$/);
        const { origin } = new URL(location, 'http://base.example');
        assert.equal(
          origin,
          to.startsWith('/') || to === '{path}' ? 'http://base.example' : new URL(`https://${host}`).origin,
        );
      },
    ),
    { numRuns: 2_000 },
  );
});
