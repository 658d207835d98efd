import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import test from 'node:test';
import fc from 'fast-check';
import { parseIp } from '../../src/domain/ip.ts';
import { crc32c } from '../../src/router/crc32c.ts';
import { readProxyHeader } from '../../src/router/proxy-header.ts';

const signature = '0d0a0d0a000d0a515549540a';

function binary(command: number, family: number, addresses: Buffer, ...tlvs: readonly Buffer[]): Buffer {
  const rest = Buffer.concat([addresses, ...tlvs]);
  const fixed = Buffer.from(`${signature}00000000`, 'hex');
  fixed[12] = command;
  fixed[13] = family;
  fixed.writeUInt16BE(rest.length, 14);
  return Buffer.concat([fixed, rest]);
}

function tlv(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 255]), value]);
}

/** With the right checksum in front of the other TLVs. */
function summed(family: number, addresses: Buffer, ...tlvs: readonly Buffer[]): Buffer {
  const header = binary(0x21, family, addresses, tlv(3, Buffer.alloc(4)), ...tlvs);
  header.writeUInt32BE(crc32c(header), 16 + addresses.length + 3);
  return header;
}

const ports = Buffer.from([0xdc, 0x04, 0x01, 0xbb]); // 56324, 443
const inet = Buffer.concat([Buffer.from([192, 168, 0, 1, 192, 168, 0, 11]), ports]);
const inet6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  ports,
]);
const mapped6 = Buffer.concat([
  Buffer.from('00000000000000000000ffffc0a80001', 'hex'),
  Buffer.from('00000000000000000000ffffc0a8000b', 'hex'),
  ports,
]);
const unix = Buffer.alloc(216, 'x');

function read(header: Buffer | string) {
  const bytes = Buffer.from(header as string, 'latin1');
  return readProxyHeader(bytes, 0, bytes.length);
}

/** What is read of a header that is valid, with something behind it. */
const accepted: readonly (readonly [string, Buffer, { address: string; port: number } | undefined])[] = [
  [
    'v1 TCP4',
    Buffer.from('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n'),
    { address: '255.255.255.255', port: 65535 },
  ],
  ['v1 TCP4, port 0', Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 0 1\r\n'), { address: '1.2.3.4', port: 0 }],
  ['v1 TCP6', Buffer.from('PROXY TCP6 2001:DB8::0007 ::1 1 2\r\n'), { address: '2001:db8::7', port: 1 }],
  ['v1 TCP6 mapped', Buffer.from('PROXY TCP6 ::ffff:1.2.3.4 ::1 1 2\r\n'), { address: '1.2.3.4', port: 1 }],
  ['v1 UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  [
    'the longest v1',
    Buffer.from(`PROXY UNKNOWN ${'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff '.repeat(2)}65535 65535\r\n`),
    undefined,
  ],
  ['v2 INET', binary(0x21, 0x11, inet), { address: '192.168.0.1', port: 56324 }],
  ['v2 INET DGRAM', binary(0x21, 0x12, inet), { address: '192.168.0.1', port: 56324 }],
  ['v2 INET6', binary(0x21, 0x21, inet6), { address: '2001:db8::7', port: 56324 }],
  ['v2 INET6 mapped', binary(0x21, 0x21, mapped6), { address: '192.168.0.1', port: 56324 }],
  ['v2 UNIX', binary(0x21, 0x31, unix), undefined],
  ['v2 UNSPEC', binary(0x21, 0x00, Buffer.alloc(0)), undefined],
  ['v2 LOCAL', binary(0x20, 0x00, Buffer.alloc(0)), undefined],
  ['v2 LOCAL with addresses', binary(0x20, 0x11, inet), undefined],
  ['v2 LOCAL with what nobody knows', binary(0x20, 0xff, Buffer.from('whatever')), undefined],
  ['v2 LOCAL with too little', binary(0x20, 0x11, Buffer.alloc(3)), undefined],
  [
    'v2 with TLVs',
    binary(0x21, 0x11, inet, tlv(1, Buffer.from('h2')), tlv(4, Buffer.alloc(300)), tlv(0xea, Buffer.alloc(0))),
    { address: '192.168.0.1', port: 56324 },
  ],
  ['v2 with a checksum', summed(0x11, inet, tlv(4, Buffer.alloc(9))), { address: '192.168.0.1', port: 56324 }],
  ['v2 INET6 with a checksum', summed(0x21, inet6), { address: '2001:db8::7', port: 56324 }],
];

const line = (text: string) => Buffer.from(text, 'latin1');
const refused: readonly (readonly [string, Buffer, string])[] = [
  ['HTTP', line('GET / HTTP/1.1\r\n'), 'proxy-header-missing'],
  ['TLS', Buffer.from('1603010200010001fc0303', 'hex'), 'proxy-header-missing'],
  ['lower case', line('proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n'), 'proxy-header-missing'],
  ['another signature', Buffer.from('0d0a0d0a000d0a515549540b2111000c', 'hex'), 'proxy-header-missing'],
  ['an empty line', line('\r\n\r\nGET / HTTP/1.1\r\n'), 'proxy-header-missing'],
  ['two spaces', line('PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n'), 'proxy-header-invalid'],
  ['a tab', line('PROXY TCP4\t1.2.3.4 1.2.3.4 1 1\r\n'), 'proxy-header-invalid'],
  ['a space at the end', line('PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n'), 'proxy-header-invalid'],
  ['a bare LF', line('PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n'), 'proxy-header-invalid'],
  ['a bare CR in UNKNOWN', line('PROXY UNKNOWN \r \r\n'), 'proxy-header-invalid'],
  ['UNKNOWN and more of a word', line('PROXY UNKNOWNS\r\n'), 'proxy-header-invalid'],
  ['UDP4', line('PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n'), 'proxy-header-invalid'],
  ['no ports', line('PROXY TCP4 1.2.3.4 1.2.3.4\r\n'), 'proxy-header-invalid'],
  ['an IPv6 address in TCP4', line('PROXY TCP4 ::1 ::1 1 1\r\n'), 'proxy-header-invalid'],
  ['an IPv4 address in TCP6', line('PROXY TCP6 1.2.3.4 ::1 1 1\r\n'), 'proxy-header-invalid'],
  ['a zone', line('PROXY TCP6 fe80::1%lo ::1 1 1\r\n'), 'proxy-header-invalid'],
  ['an octet with a zero in front', line('PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n'), 'proxy-header-invalid'],
  ['a port with a zero in front', line('PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n'), 'proxy-header-invalid'],
  ['a port too high', line('PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n'), 'proxy-header-invalid'],
  ['a name', line('PROXY TCP4 localhost 1.2.3.4 1 1\r\n'), 'proxy-header-invalid'],
  ['a line without an end', line(`PROXY UNKNOWN ${'x'.repeat(200)}`), 'proxy-header-too-large'],
  ['an end too late', line(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`), 'proxy-header-too-large'],
  ['version 1 in binary', binary(0x11, 0x11, inet), 'proxy-header-invalid'],
  ['an unknown command', binary(0x22, 0x11, inet), 'proxy-header-invalid'],
  ['an unknown family', binary(0x21, 0x41, inet), 'proxy-header-invalid'],
  ['an unknown transport', binary(0x21, 0x13, inet), 'proxy-header-invalid'],
  ['a family without a transport', binary(0x21, 0x10, inet), 'proxy-header-invalid'],
  ['a transport without a family', binary(0x21, 0x01, inet), 'proxy-header-invalid'],
  ['too few octets for the addresses', binary(0x21, 0x21, inet), 'proxy-header-invalid'],
  ['half a TLV', binary(0x21, 0x11, inet, Buffer.from([4, 0])), 'proxy-header-invalid'],
  ['a TLV that reaches beyond', binary(0x21, 0x11, inet, Buffer.from([4, 0, 2, 1])), 'proxy-header-invalid'],
  ['too much', binary(0x21, 0x11, inet, tlv(4, Buffer.alloc(17_000))), 'proxy-header-too-large'],
  ['a wrong checksum', binary(0x21, 0x11, inet, tlv(3, Buffer.from('1234'))), 'proxy-header-checksum'],
  ['a wrong checksum of LOCAL', binary(0x20, 0, Buffer.alloc(0), tlv(3, Buffer.from('1234'))), 'proxy-header-checksum'],
  ['a short checksum', binary(0x21, 0x11, inet, tlv(3, Buffer.alloc(2))), 'proxy-header-invalid'],
  ['two checksums', binary(0x21, 0x11, inet, tlv(3, Buffer.alloc(4)), tlv(3, Buffer.alloc(4))), 'proxy-header-invalid'],
];

test('CRC-32C of the examples of RFC 3720, appendix B.4', () => {
  assert.equal(crc32c(Buffer.alloc(32)), 0x8a91_36aa);
  assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8_ab43);
  assert.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index))), 0x46dd_794e);
  assert.equal(crc32c(Buffer.from('456789'), crc32c(Buffer.from('123'))), crc32c(Buffer.from('123456789')));
});

for (const [name, header, source] of accepted) {
  test(`${name} is read, and ends where it ends`, () => {
    const bytes = Buffer.concat([Buffer.from('before'), header, Buffer.from('PROXY TCP4')]);
    assert.deepEqual(readProxyHeader(bytes, 6, bytes.length), { end: 6 + header.length, ...(source && { source }) });
  });
}

for (const [name, header, why] of refused) {
  test(`${name} is refused`, () => assert.equal(read(header), why));
}

test('the outcome does not depend on how the octets came', () => {
  for (const [name, header] of [...accepted, ...refused]) {
    const whole = read(header);
    let first: unknown;
    for (let limit = 0; limit <= header.length && (first === undefined || first === 'more'); limit++) {
      // What lies behind the limit is what came before, and says nothing.
      const bytes = Buffer.concat([header.subarray(0, limit), Buffer.from('PROXY \r\n\0')]);
      first = readProxyHeader(bytes, 0, limit);
    }
    assert.deepEqual(first, whole, name);
  }
});

test('a flipped bit below a checksum never changes where a connection comes from', () => {
  const header = summed(0x11, inet, tlv(4, Buffer.alloc(20, 7)));
  fc.assert(
    // But for the type of the checksum, without which it would be none.
    fc.property(
      fc.nat({ max: header.length * 8 - 1 }).filter(bit => bit >> 3 !== 16 + 12),
      bit => {
        const bytes = Buffer.from(header);
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        const outcome = read(bytes);
        assert.ok(typeof outcome === 'string' || outcome.source === undefined, JSON.stringify(outcome));
      },
    ),
    { numRuns: 1000 },
  );
});

test('whatever comes is refused, waited for, or an address', () => {
  const start = fc.constantFrom(
    '',
    'PROXY ',
    'PROXY TCP4 1.2.3.4 5.6.7.8 ',
    Buffer.from(`${signature}2111`, 'hex').toString('latin1'),
  );
  const octets = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(start, octets, (front, rest) => {
      const bytes = Buffer.concat([line(front), rest]);
      const outcome = read(bytes);
      if (typeof outcome === 'string') return;
      assert.ok(outcome.end <= bytes.length);
      if (outcome.source) assert.ok(parseIp(outcome.source.address) !== undefined);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.ipV4(), fc.ipV6(), fc.nat(65_535), (four, six, port) => {
      for (const [family, address] of [
        ['TCP4', four],
        ['TCP6', six],
      ] as const) {
        const outcome = read(`PROXY ${family} ${address} ${address} ${port} 1\r\n`);
        assert.ok(typeof outcome !== 'string' && outcome.source);
        assert.equal(parseIp(outcome.source.address), parseIp(address));
        assert.equal(isIPv4(outcome.source.address), typeof parseIp(address) === 'number');
        assert.equal(outcome.source.port, port);
      }
    }),
  );
});
