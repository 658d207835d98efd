import assert from 'node:assert/strict';
import { BlockList, isIPv4, SocketAddress } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import { formatIp, type Ip, parseIp } from '../../src/domain/ip.ts';
import { isNetwork, Networks } from '../../src/domain/networks.ts';

/** Few different ones, so that blocks have something in them. */
const v4 = fc
  .tuple(fc.constantFrom(0, 10, 127, 192, 255), fc.nat(3), fc.nat(1), fc.nat(255))
  .map(parts => parts.join('.'));
const word = fc.constantFrom('0', '0', '1', 'fe80', 'ffff', 'FD00', '7');
const v6 = fc
  .oneof(
    fc.tuple(word, word, word, word, word, word, word, word).map(words => words.join(':')),
    fc.tuple(word, word).map(([one, other]) => `${one}::${other}`),
    word.map(one => `::${one}`),
    v4.map(address => `1::${address}`),
    fc.ipV6(),
  )
  // Node's list takes a mapped address for itself and for what it stands for, depending on the block.
  .filter(text => typeof parseIp(text) === 'bigint');

const network = fc.oneof(
  fc.tuple(v4, fc.nat(32)).map(([address, prefix]) => ({ address, prefix, type: 'ipv4' as const })),
  fc.tuple(v6, fc.nat(128)).map(([address, prefix]) => ({ address, prefix, type: 'ipv6' as const })),
);

test('networks have the addresses that Node’s BlockList has', () => {
  fc.assert(
    fc.property(fc.array(network, { maxLength: 6 }), fc.oneof(v4, v6), (list, address) => {
      const family = isIPv4(address) ? 'ipv4' : 'ipv6';
      const model = new BlockList();
      // Its blocks reach over families; ours don't.
      for (const one of list) if (one.type === family) model.addSubnet(one.address, one.prefix, one.type);
      const ours = new Networks(list.map(one => `${one.address}/${one.prefix}`));
      assert.equal(ours.has(parseIp(address) as Ip), model.check(address, family));
    }),
    { numRuns: 2000 },
  );
});

test('an address is in one family: a mapped one is the IPv4 address', () => {
  const has = (networks: readonly string[], address: string) => new Networks(networks).has(parseIp(address) as Ip);
  assert.equal(has(['10.0.0.0/8'], '::ffff:10.1.2.3'), true);
  assert.equal(has(['::ffff:10.0.0.0/104'], '10.1.2.3'), true);
  assert.equal(has(['::ffff:0:0/96'], '10.1.2.3'), true);
  assert.equal(has(['::ffff:10.0.0.1'], '10.0.0.1'), true);
  assert.equal(has(['::/0'], '10.1.2.3'), false, 'all of IPv6 is nothing of IPv4');
  assert.equal(has(['::ffff:0:0/80'], '10.1.2.3'), false);
  assert.equal(has(['::ffff:0:0/80'], '::1:2:3'), true);
  assert.equal(has(['0.0.0.0/0'], '::1'), false);
  assert.equal(has(['0.0.0.0/0'], '255.255.255.255'), true);
  assert.equal(has(['fe80::/10'], 'fe80::1%eth0'), true);
  assert.equal(has(['10.1.2.3/8'], '10.9.9.9'), true, 'bits behind the prefix don’t matter');
  assert.equal(has(['nonsense', '10.0.0.0/33', '10.0.0.0/8/8'], '10.0.0.0'), false);
});

test('what is a network', () => {
  for (const text of ['10.0.0.1', '10.0.0.0/0', '::1', 'fd00::/8', '::/128']) assert.ok(isNetwork(text), text);
  for (const text of ['', '/8', '10.0.0', '10.0.0.0/', '10.0.0.0/33', '::/129', 'fe80::1%eth0', '::/+8', 'a.example']) {
    assert.ok(!isNetwork(text), text);
  }
});

test('the text of an address is that of RFC 5952, and is read back', () => {
  fc.assert(
    fc.property(fc.oneof(v4, v6, fc.ipV4(), fc.ipV6()), text => {
      const ip = parseIp(text) as Ip;
      const shown = formatIp(ip);
      assert.equal(parseIp(shown), ip);
      if (typeof ip === 'number') assert.ok(isIPv4(shown));
      // What Node shows is in that form too, but for addresses whose end could be an IPv4 address.
      else if (ip >> 32n !== 0n) assert.equal(shown, new SocketAddress({ address: text, family: 'ipv6' }).address);
    }),
    { numRuns: 2000 },
  );
  assert.equal(formatIp(parseIp('2001:DB8:0:0:1:0:0:1') as Ip), '2001:db8::1:0:0:1');
  assert.equal(formatIp(parseIp('1:0:2:3:4:5:6:7') as Ip), '1:0:2:3:4:5:6:7');
  assert.equal(formatIp(0n), '::');
  assert.equal(parseIp('1.2.3'), undefined);
});
