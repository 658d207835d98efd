import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { staleDocuments } from '../../scripts/generate-docs.ts';
import { exampleConfig } from '../../scripts/render-configuration.ts';
import { configSchema, type JsonSchema, renderSchema } from '../../scripts/render-schema.ts';
import { defaultProject } from '../../src/config/defaults.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { formatProblem } from '../../src/config/problem.ts';

test('the generated documents are those of the source', async () => {
  assert.deepEqual(await staleDocuments(), [], 'run scripts/generate-docs.ts');
});

test('the example of the reference is valid', () => {
  const result = parseConfig(exampleConfig, { file: '/srv/slipway.yaml', env: { GREETER_TOKEN: 'x' } });
  assert.ok(result.ok, result.ok ? '' : result.problems.map(formatProblem).join('\n'));
});

test('every key is described', () => {
  const undescribed: string[] = [];
  const visit = (path: string, schema: JsonSchema): void => {
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      if (!value.description) undescribed.push(`${path}.${key}`);
      visit(`${path}.${key}`, value);
    }
    for (const other of [...(schema.anyOf ?? []), schema.items, schema.additionalProperties]) {
      if (other) visit(path, other);
    }
  };
  visit('', configSchema());
  assert.deepEqual(undescribed, []);
});

test('the schema for editors takes what the daemon takes, and refuses unknown keys and wrong values', () => {
  const schema = z.fromJSONSchema(JSON.parse(renderSchema()));
  const accepts = (text: string): boolean => schema.safeParse(parse(text)).success;
  assert.ok(accepts(exampleConfig));
  for (const text of [
    'instances: "${N}"',
    'port: false',
    'port: { env: "${P}" }',
    'probes: { readiness: { tcp: true, period: 0.5s, timeout: "${T:-1s}" } }',
    'limits: { cpu: "${C}", memory: 1048576 }',
    'restart: { giveUpAfter: false, policy: "${P}" }',
    'routes: [/a, { host: A.example, stripPrefix: "${S}" }]',
    'env: { A: 1, B: true, C: x, D: { file: y } }',
    'stop: { grace: 0 }',
  ]) {
    assert.ok(accepts(`services: { a: { package: x, ${text} } }`), text);
  }
  for (const text of [
    'instances: x',
    'instnces: 1',
    'port: 1',
    'limits: { cpu: 500m }',
    'env: { 1A: x }',
    'stop: { grace: 5 }',
  ]) {
    assert.ok(!accepts(`services: { a: { package: x, ${text} } }`), text);
  }
  assert.ok(!accepts('services: { A: { package: x } }'));
  assert.ok(!accepts('services: { a: {} }'));
});

test('the defaults are those of an empty file', () => {
  const result = parseConfig('services: {}', { file: '/srv/slipway.yaml', env: {} });
  assert.ok(result.ok);
  assert.deepEqual(defaultProject(), result.project);
});
