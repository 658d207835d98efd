import assert from 'node:assert/strict';
import test from 'node:test';
import { SlipwayError } from '../../src/domain/errors.ts';
import { keptOf, parseListenAddress, sameAddresses } from '../../src/router-link/listen.ts';
import { formatWorkerArguments, parseWorkerArguments } from '../../src/router-link/worker-arguments.ts';

test('addresses to listen on', () => {
  assert.deepEqual(parseListenAddress('0.0.0.0:8080'), { host: '0.0.0.0', port: 8080 });
  assert.deepEqual(parseListenAddress('[::]:80'), { host: '::', port: 80 });
  assert.deepEqual(parseListenAddress('localhost:0'), { host: 'localhost', port: 0 });
  assert.deepEqual(parseListenAddress('https://0.0.0.0:443'), { host: '0.0.0.0', port: 443 });
  assert.deepEqual(parseListenAddress('tcp+proxy://[::1]:1'), { host: '::1', port: 1 });
  for (const wrong of [
    '',
    '8080',
    ':8080',
    'a:b',
    'a:',
    '::1:80',
    '[::1]',
    'a:65536',
    'a:80/x',
    'a b:80',
    'ftp://a:80',
    'https://a',
    'https://a:1/x',
  ]) {
    assert.throws(
      () => parseListenAddress(wrong),
      error =>
        error instanceof SlipwayError && error.code === 'SLIP_LISTEN_FAILED' && /^cannot listen on/.test(error.message),
      wrong,
    );
  }
});

test('the order of addresses does not matter', () => {
  assert.equal(sameAddresses(['a:1', 'b:2'], ['b:2', 'a:1']), true);
  assert.equal(sameAddresses(['a:1'], ['b:2']), false);
  assert.equal(sameAddresses(['a:1', 'b:2'], ['a:1']), false);
  assert.equal(sameAddresses([], []), true);
});

test('a socket stays where its address does, whatever is spoken there', () => {
  const plain = { address: 'a:1', bound: '1.1.1.1:1' };
  const other = { address: 'b:2', bound: 'b:2' };
  assert.deepEqual(keptOf([plain, other], ['https://a:1', 'c:3']), [plain, undefined]);
  assert.deepEqual(keptOf([other, plain], ['a:1', 'http+proxy://b:2']), [plain, other]);
  const anyPort = { address: 'a:0', bound: 'a:5' };
  const secure = { address: 'https://a:0', bound: 'https://a:6' };
  assert.deepEqual(keptOf([anyPort, secure], ['https://a:0', 'a:0']), [secure, anyPort]);
  assert.deepEqual(keptOf([anyPort], ['a:0', 'https://a:0']), [anyPort, undefined]);
  assert.deepEqual(keptOf([secure, anyPort], ['https://a:5']), [anyPort]);
});

test('a worker is told what its holder was started with', () => {
  const given = {
    home: '/h o',
    command: ['/usr/bin/node', '--x', 'main.js'],
    listen: ['a:1', '[::1]:2'],
    succeeds: '7.8',
  };
  assert.deepEqual(parseWorkerArguments(formatWorkerArguments(given)), given);
  assert.deepEqual(parseWorkerArguments([...formatWorkerArguments({ ...given, listen: [] }), '--holder', '42']), {
    ...given,
    listen: [],
    holder: 42,
  });
  assert.throws(() => parseWorkerArguments([]), /started by the daemon/);
  assert.throws(() => parseWorkerArguments(['--surprise']));
});
