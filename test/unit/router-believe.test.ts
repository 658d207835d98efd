import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { formatIp, type Ip, parseIp } from '../../src/domain/ip.ts';
import { Networks } from '../../src/domain/networks.ts';
import { believe, type Told } from '../../src/router/forwarding.ts';

const proxies = new Networks(['10.0.0.0/8', 'fd00::/8']);
const hop = { address: '10.0.0.1', scheme: 'http', host: 'own.example' } as const;

function told(given: Told) {
  const { lines, ...rest } = believe(given, hop, proxies);
  return { ...rest, lines: lines.split('\r\n').slice(0, -1) };
}

const addresses: readonly (readonly [string, Told, string])[] = [
  ['nothing: the proxy’s own', {}, '10.0.0.1'],
  ['one', { for: '1.2.3.4' }, '1.2.3.4'],
  ['the last that is no proxy', { for: '6.6.6.6, 1.2.3.4, 10.9.9.9, fd00::1' }, '1.2.3.4'],
  ['one that claims to be another', { for: '10.0.0.7, 1.2.3.4' }, '1.2.3.4'],
  ['the farthest where all are proxies', { for: '10.0.0.9,10.0.0.8' }, '10.0.0.9'],
  ['with ports', { for: '1.2.3.4:5678, [fd00::1]:80' }, '1.2.3.4'],
  ['IPv6', { for: '2001:DB8::0:1' }, '2001:db8::1'],
  ['IPv4 in IPv6', { for: '::ffff:1.2.3.4' }, '1.2.3.4'],
  ['nothing behind what can’t be read', { for: '1.2.3.4, unknown, 10.0.0.8' }, '10.0.0.8'],
  ['what can’t be read', { for: 'unknown' }, '10.0.0.1'],
  ['a zone', { for: 'fe80::1%eth0' }, '10.0.0.1'],
  ['an empty part', { for: '1.2.3.4, ' }, '10.0.0.1'],
  ['Forwarded', { forwarded: 'for=1.2.3.4;proto=https, for=10.0.0.8' }, '1.2.3.4'],
  ['Forwarded, quoted', { forwarded: 'For="[2001:db8::1]:4711"' }, '2001:db8::1'],
  ['Forwarded, hidden', { forwarded: 'for=1.2.3.4, for=_hidden' }, '10.0.0.1'],
  ['Forwarded without for', { forwarded: 'for=1.2.3.4, proto=https' }, '10.0.0.1'],
  ['Forwarded that is not valid', { forwarded: 'for=1.2.3.4, for="1.2.3.5' }, '10.0.0.1'],
  ['both', { for: '1.2.3.4', forwarded: 'for=6.6.6.6' }, '1.2.3.4'],
  ['X-Real-IP alone, which says nothing', { realIp: '1.2.3.4' }, '10.0.0.1'],
];

for (const [name, given, address] of addresses) {
  test(`the client’s address: ${name}`, () => assert.equal(told(given).address, address));
}

test('X-Forwarded-For is added to, and the rest is passed on where it is valid', () => {
  assert.deepEqual(
    told({
      for: '6.6.6.6, 1.2.3.4',
      proto: 'HTTPS',
      host: 'a.example:8443',
      port: '8443',
      prefix: '/a',
      realIp: '6.6.6.6',
    }),
    {
      address: '1.2.3.4',
      scheme: 'https',
      host: 'a.example:8443',
      prefix: '/a',
      lines: [
        'X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.1',
        'X-Forwarded-Proto: https',
        'X-Forwarded-Port: 8443',
        'X-Real-IP: 1.2.3.4',
      ],
    },
  );
  for (const given of [
    { proto: 'gopher', host: 'a b', port: '0', prefix: '//evil' },
    { proto: 'https, http', host: 'a, b', port: '65536', prefix: '/a?b' },
    { proto: 'https\x80', host: 'u@h', port: '80x', prefix: 'a' },
  ]) {
    assert.deepEqual(told(given), {
      address: '10.0.0.1',
      scheme: 'http',
      host: 'own.example',
      prefix: '',
      lines: ['X-Forwarded-For: 10.0.0.1', 'X-Forwarded-Proto: http'],
    });
  }
});

test('Forwarded is added to where it came (RFC 7239), and tells the rest where nothing else does', () => {
  const { scheme, host, lines } = told({
    forwarded: 'for=1.2.3.4;host="a.example:1";proto=https;by=_x,, for=10.0.0.8',
  });
  assert.deepEqual([scheme, host], ['https', 'a.example:1']);
  assert.deepEqual(lines, [
    'X-Forwarded-For: 10.0.0.1',
    'X-Forwarded-Proto: https',
    'Forwarded: for=1.2.3.4;host="a.example:1";proto=https;by=_x,, for=10.0.0.8, for=10.0.0.1;host=own.example;proto=http',
  ]);
  // What could swallow what is added is not passed on.
  for (const forwarded of ['for="', 'for=1.2.3.4;for=1.2.3.5', 'nonsense', 'for=1.2.3.4; ="', 'a = b']) {
    assert.equal(told({ forwarded }).lines.at(-1), 'Forwarded: for=10.0.0.1;host=own.example;proto=http', forwarded);
  }
  const v6 = believe({ forwarded: 'for=a' }, { address: 'fd00::1', scheme: 'https', host: '[::1]:8080' }, proxies);
  assert.match(v6.lines, /^Forwarded: for=a, for="\[fd00::1\]";host="\[::1\]:8080";proto=https\r$/m);
});

test('whatever is said, nothing comes of it but an address of the chain, and whole lines', () => {
  const text = fc.string({
    unit: fc.constantFrom(...'1.:af[],;="\\ \t/x%@for', '10.0.0.1', '1.2.3.4', 'for='),
    maxLength: 40,
  });
  const all = fc.record(
    { for: text, proto: text, host: text, port: text, prefix: text, realIp: text, forwarded: text },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(all, given => {
      const { address, lines, host, prefix } = believe(given, hop, proxies);
      assert.ok(parseIp(address) !== undefined, address);
      assert.ok(address === hop.address || `${given.for} ${given.forwarded}`.length > 0);
      assert.match(lines, /^(?:[\w-]+: [^\r\n]*\r\n)+$/);
      assert.match(host + prefix, /^[^\s"\\]*$/);
    }),
    { numRuns: 3000 },
  );
});

test('a client can’t choose its address, whatever it sends through a proxy that adds the true one', () => {
  const outside = fc.ipV4().filter(address => !proxies.has(parseIp(address) as Ip));
  fc.assert(
    fc.property(
      fc.string(),
      outside,
      fc.array(fc.constantFrom('10.1.1.1', 'fd00::5'), { maxLength: 3 }),
      (forged, client, chain) => {
        const given = { for: [forged, client, ...chain].join(', '), forwarded: forged };
        assert.equal(believe(given, hop, proxies).address, formatIp(parseIp(client) as Ip));
      },
    ),
  );
});
