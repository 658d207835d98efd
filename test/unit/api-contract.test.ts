import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commonErrors, contract, type Endpoint } from '../../src/api/contract.ts';
import { openApi } from '../../src/api/openapi.ts';
import { errorCatalog } from '../../src/domain/errors.ts';

const endpoints: readonly (readonly [string, Endpoint])[] = Object.entries(contract);

test('reading is GET and writing is POST, with a body that is checked', () => {
  for (const [operation, { access, body, status, response }] of endpoints) {
    if (response.kind === 'instance') {
      assert.deepEqual([operation.split(' ')[0], access, body], ['ANY', 'write', undefined], 'any method may write');
      continue;
    }
    const reads = operation.startsWith('GET ');
    assert.equal(access, reads ? 'read' : 'write', operation);
    assert.equal(body === undefined, reads, operation);
    if (reads) assert.equal(status, 200, operation);
  }
});

test('the parameters of a path are those of its schema', () => {
  for (const [operation, { params }] of endpoints) {
    const named = [...operation.matchAll(/:(\w+)/g)].map(match => match[1]);
    assert.deepEqual(Object.keys(params?.shape ?? {}), named, operation);
  }
});

test('errors are listed once, and the common ones not at all', () => {
  for (const [operation, { errors }] of endpoints) {
    assert.equal(new Set(errors).size, errors.length, operation);
    assert.deepEqual(
      errors.filter(code => (commonErrors as readonly string[]).includes(code)),
      [],
      operation,
    );
  }
});

test('the OpenAPI document holds together', () => {
  const document = openApi('1.2.3');
  const text = JSON.stringify(document);
  const { openapi, info, paths, components } = document as {
    openapi: string;
    info: { version: string };
    paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
    components: { schemas: Record<string, unknown> };
  };
  assert.deepEqual([openapi, info.version], ['3.1.0', '1.2.3']);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, responses }]) => ({ path, method, operationId, responses })),
  );
  const any = ['GET', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE'];
  assert.deepEqual(
    operations.map(({ method, path }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`).sort(),
    endpoints
      .flatMap(([operation]) =>
        operation.startsWith('ANY') ? any.map(one => operation.replace('ANY', one)) : operation,
      )
      .map(operation => operation.replace(/\*$/, ':path'))
      .sort(),
  );
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
  const known = Object.keys(components.schemas);
  const referred = new Set([...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(match => match[1]));
  assert.deepEqual(
    [...referred].filter(name => name !== undefined && !known.includes(name)),
    [],
  );
  assert.equal([...text.matchAll(/\$ref/g)].length, [...text.matchAll(/"\$ref":"#\/components\/schemas\//g)].length);
  for (const { operationId, responses } of operations) {
    for (const status of Object.keys(responses)
      .map(Number)
      .filter(status => status >= 400)) {
      assert.ok(
        Object.values(errorCatalog).some(entry => entry.status === status),
        `${operationId}: ${status}`,
      );
    }
  }
});

test('requests refuse further fields, answers tolerate them', () => {
  const { components } = openApi('') as { components: { schemas: Record<string, { additionalProperties?: unknown }> } };
  for (const [name, schema] of Object.entries(components.schemas)) {
    assert.equal(schema.additionalProperties, name.endsWith('Request') ? false : undefined, name);
  }
});
