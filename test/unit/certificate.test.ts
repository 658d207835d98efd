import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { CertificateNames, readCertificate } from '../../src/domain/certificate.ts';
import { certificateFiles, type FixtureName } from '../helpers/tls.ts';

function pem(name: FixtureName) {
  const { cert, key } = certificateFiles(name);
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

test('a certificate says whom it is for, and until when', () => {
  const { cert, key } = pem('wildcard');
  const { names, expiresAt } = readCertificate(cert, key);
  assert.deepEqual(names, ['second.test', '*.second.test']);
  assert.ok(expiresAt > Date.UTC(2100, 0));
});

test('what can’t be served is told by what is wrong with it', () => {
  const { cert, key } = pem('first');
  assert.throws(() => readCertificate(cert, pem('renewed').key), /^Error: the key is not the one of the certificate/);
  assert.throws(() => readCertificate('', key), /no PEM certificate/);
  assert.throws(() => readCertificate(cert, ''), /no PEM private key/);
  assert.throws(() => readCertificate(`${cert}-----BEGIN CERTIFICATE-----\nAA\n`, key), /TLS can’t be spoken with it/);
});

test('the first certificate whose names fit is found', () => {
  const names = new CertificateNames([
    { names: ['a.test'] },
    { names: ['*.b.test', 'b.test'] },
    { names: ['x.b.test', 'a.test', '*.test'] },
  ]);
  const found = {
    'a.test': 0,
    'A.TEST': 0,
    'b.test': 1,
    'x.b.test': 1,
    'y.x.b.test': -1,
    'c.test': 2,
    test: -1,
    '.test': -1,
    '': -1,
  };
  for (const [name, index] of Object.entries(found)) assert.equal(names.find(name), index, name);
});
