import assert from 'node:assert/strict';
import { test } from 'node:test';
import { match } from '../../src/api/match.ts';
import { MethodUnknown } from '../../src/api/problem.ts';
import { SlipwayError } from '../../src/domain/errors.ts';

const code = (expected: string) => (error: unknown) => error instanceof SlipwayError && error.code === expected;

test('an endpoint is found by method and path, with its parameters decoded once', () => {
  const found = match('GET', '/v1/services/a%2520b/logs?tail=5&follow=true');
  assert.equal(found.operation, 'GET /v1/services/:name/logs');
  assert.deepEqual({ ...found.params }, { name: 'a%20b' });
  assert.deepEqual({ ...found.query }, { tail: '5', follow: 'true' });
  assert.equal(match('GET', 'http://anything/metrics').operation, 'GET /metrics');
  assert.equal(match('HEAD', '/v1/host').operation, 'GET /v1/host');
});

test('a plus is a space in a query, and itself in a path', () => {
  const found = match('GET', '/v1/services/a+b?q=a+b%2B=c');
  assert.equal(found.params['name'], 'a+b');
  assert.equal(found.query['q'], 'a b+=c');
});

test('what isn’t there is not found, however it is dressed', () => {
  for (const target of [
    '',
    '/',
    '*',
    '/v1',
    '/v1/host/',
    '//v1/host',
    '/v1/../v1/host',
    '/V1/host',
    '/v1/services//logs',
  ]) {
    assert.throws(() => match('GET', target), code('SLIP_NOT_FOUND'), target);
  }
});

test('a known path with another method says which ones it has', () => {
  assert.throws(
    () => match('DELETE', '/v1/host'),
    (error: unknown) => error instanceof MethodUnknown && error.allow === 'GET, HEAD',
  );
  assert.throws(
    () => match('GET', '/v1/down'),
    (error: unknown) => error instanceof MethodUnknown && error.allow === 'POST',
  );
});

test('bad percent-encoding and doubled keys are refused', () => {
  for (const target of [
    '/v1/services/%',
    '/v1/services/%C0%AF',
    '/v1/events?limit=%zz',
    '/v1/events?limit=1&limit=2',
  ]) {
    assert.throws(() => match('GET', target), code('SLIP_REQUEST_INVALID'), target);
  }
  assert.throws(() => match('GET', '/v1/events?__proto__=1&__proto__=2'), code('SLIP_REQUEST_INVALID'));
});
