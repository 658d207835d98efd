import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { exampleConfig } from '../../scripts/render-configuration.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { planChanges } from '../../src/config/plan.ts';
import type { ConfigResult } from '../../src/config/problem.ts';
import { leakedSecrets, redactEnv } from '../../src/config/redact.ts';
import type { ConfigInput } from '../../src/config/schema/project.ts';
import type { ServiceInput } from '../../src/config/schema/service.ts';
import type { ProjectSpec } from '../../src/domain/spec.ts';

const file = '/srv/slipway.yaml';
const parse = (text: string): ConfigResult => parseConfig(text, { file, env: { GREETER_TOKEN: 'x', HOME: '/root' } });

/** What must hold whatever the text: a value comes back, and each problem is told at a place in the text. */
function parseAnything(text: string): void {
  const result = parse(text);
  if (result.ok) return;
  assert.ok(result.problems.length > 0);
  const lines = text.split('\n');
  for (const { line, column, message } of result.problems) {
    assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}: ${message}`);
    assert.ok(
      column >= 1 && column <= (lines[line - 1]?.length ?? 0) + 1,
      `column ${column} of line ${line}: ${message}`,
    );
    assert.match(message, /^cannot /);
    assert.ok(message.length < 1000, message);
  }
}

test('any text gives a result', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: fc.constantFrom(...'{}[]:,-?&*!|>\'"%@`#$ \n\tab<1~'), maxLength: 200 }),
  );
  fc.assert(fc.property(texts, parseAnything), { numRuns: 2000 });
});

test('a broken copy of a sound file gives a result', () => {
  const edit = fc.record({
    at: fc.nat(exampleConfig.length),
    remove: fc.nat(20),
    insert: fc.oneof(
      fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        '*x',
        '&x ',
        '<<: ',
        '- ',
        '\n',
        ': ',
        '!!set ',
        '${',
        '$$',
        '"',
        '\t',
        '__proto__',
      ),
      fc.string({ maxLength: 5 }),
    ),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), edits => {
      const text = edits.reduce(
        (before, { at, remove, insert }) => before.slice(0, at) + insert + before.slice(at + remove),
        exampleConfig,
      );
      parseAnything(text);
    }),
    { numRuns: 1000 },
  );
});

test('any value under any key gives a result, and pollutes nothing', () => {
  const keys = fc.constantFrom(
    ...['__proto__', 'constructor', 'prototype', 'toString', 'services', 'router', 'a', 'package', 'env', 'args'],
    ...['probes', 'readiness', 'http', 'exec', 'route', 'limits', 'hasOwnProperty', 'length', '0', '<<', ''],
  );
  const { tree } = fc.letrec<{ tree: unknown }>(tie => ({
    tree: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      fc.oneof(fc.string({ maxLength: 8 }), fc.integer(), fc.double(), fc.boolean(), fc.constant(null)),
      fc.array(tie('tree'), { maxLength: 4 }),
      // Entries, since an own `__proto__` is what it is about.
      fc.array(fc.tuple(keys, tie('tree')), { maxLength: 5 }).map(entries => new Map(entries)),
    ),
  }));
  fc.assert(
    fc.property(tree, value => {
      parseAnything(stringify(value));
      parseAnything(stringify(new Map([['services', new Map([['a', value]])]])));
      assert.deepEqual(Object.keys(Object.prototype), []);
      assert.equal(({} as Record<string, unknown>)['package'], undefined);
    }),
    { numRuns: 1000 },
  );
});

const word = fc.string({ unit: fc.constantFrom(...'abcxyz'), minLength: 1, maxLength: 6 });
const duration = fc.constantFrom('1s', '250ms', '1m30s', '2h');

/** Services that are valid together: each has a route and dependencies of its own. */
const configs: fc.Arbitrary<ConfigInput> = fc.uniqueArray(word, { maxLength: 4 }).chain(names =>
  fc
    .tuple(
      ...names.map((name, index) =>
        fc.record<ServiceInput, 'package'>(
          {
            package: word.map(path => `./${path}`),
            instances: fc.nat(5),
            args: fc.array(fc.oneof(word, fc.constant('${PORT}')), { maxLength: 3 }),
            env: fc.dictionary(
              word.map(key => key.toUpperCase()),
              fc.oneof(word, fc.constant('pre-${HOME}'), fc.record({ file: word })),
              { maxKeys: 3 },
            ),
            route: fc.constantFrom(`${name}.example`, { host: `${name}.example`, path: '/x', stripPrefix: true }),
            limits: fc.record(
              { memory: fc.constantFrom('64Mi', '1G'), cpu: fc.constantFrom(0.5, 2) },
              { requiredKeys: [] },
            ),
            probes: fc.record(
              {
                readiness: fc.record({ http: word.map(path => `/${path}`), period: duration }),
                liveness: fc.record({ exec: fc.array(word, { minLength: 1, maxLength: 2 }), timeout: duration }),
              },
              { requiredKeys: [] },
            ),
            stop: fc.record({ grace: duration }),
            dependsOn: fc.subarray(names.slice(0, index)),
          },
          { requiredKeys: ['package'] },
        ),
      ),
    )
    .map(
      services =>
        ({ services: Object.fromEntries(names.map((name, index) => [name, services[index]])) }) as ConfigInput,
    ),
);

function reversed(value: unknown): unknown {
  if (Array.isArray(value) || value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reversed(inner)]),
  );
}

function project(text: string): ProjectSpec {
  const result = parse(text);
  assert.ok(result.ok, JSON.stringify(result));
  return result.project;
}

test('a valid configuration differs in nothing from itself, in whatever order its keys are and in JSON too', () => {
  fc.assert(
    fc.property(configs, config => {
      const spec = project(stringify(config));
      assert.deepEqual(project(stringify(reversed(config))), spec);
      assert.deepEqual(project(JSON.stringify(config)), spec);
      assert.deepEqual(JSON.parse(JSON.stringify(spec)), spec);
      assert.deepEqual(planChanges(spec, JSON.parse(JSON.stringify(spec))), []);
    }),
    { numRuns: 200 },
  );
});

test('a difference is planned exactly where there is one, and shows no secret', () => {
  fc.assert(
    fc.property(configs, configs, (a, b) => {
      const env = { GREETER_TOKEN: 'x', HOME: 'TOP-SECRET' };
      const [before, after] = [a, b].map(config => parseConfig(stringify(config), { file, env }));
      assert.ok(before?.ok && after?.ok);
      const changes = planChanges(before.project, after.project);
      const names = [
        ...new Set([...Object.keys(before.project.services), ...Object.keys(after.project.services)]),
      ].sort();
      const different = names.filter(name => {
        const [was, is] = [before.project.services[name], after.project.services[name]];
        return canonical(was) !== canonical(is);
      });
      assert.deepEqual(
        changes.map(({ service }) => service),
        different,
      );
      const services = [...Object.values(before.project.services), ...Object.values(after.project.services)];
      assert.deepEqual(leakedSecrets(services, JSON.stringify([changes, services.map(redactEnv)])), []);
    }),
    { numRuns: 200 },
  );
});

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function each(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join();
}

test('hostile YAML is refused without end of memory, stack or patience', () => {
  const n = 50_000;
  const bomb = ['a: &k0 [x,x,x,x,x,x,x,x,x]'];
  for (let i = 1; i < 12; i++) bomb.push(`k${i}: &k${i} [${each(9, () => `*k${i - 1}`)}]`);
  const merges = `a: &a {${each(20_000, i => `k${i}: 1`)}}\nb:\n${'  <<: *a\n'.repeat(20_000)}`;
  const chain = ['- &a0 [x]'];
  for (let i = 1; i < 10_000; i++) chain.push(`- &a${i} [*a${i - 1}]`);
  const hostile: Record<string, string> = {
    'flow lists': '['.repeat(n),
    'closed flow lists': '['.repeat(n) + ']'.repeat(n),
    'flow mappings': '{a: '.repeat(n),
    'block lists': '- '.repeat(n),
    'explicit keys': '? '.repeat(n),
    commas: `[${','.repeat(n)}]`,
    quotes: '"'.repeat(n),
    tags: '! '.repeat(n),
    'long tag': '!'.repeat(n),
    anchors: '&a '.repeat(n),
    documents: '---\n'.repeat(n),
    'unknown keys': `{${each(20_000, i => `k${i}: 1`)}}`,
    'wrong services': `services: {${each(20_000, i => `s${i}: 1`)}}`,
    'unknown dependencies': `services: {${each(5000, i => `s${i}: {package: x, dependsOn: [${'y'.repeat(50)}${i}]}`)}}`,
    'a list of unknown dependencies': `services: {a: {package: x, dependsOn: [${each(40_000, i => `b${i}`)}]}}`,
    'one long cycle': `services: {${each(8000, i => `s${i}: {package: x, dependsOn: [s${(i + 1) % 8000}]}`)}}`,
    'portless words': `services: {a: {package: x, port: false, args: [${each(60_000, () => '$PORT')}]}}`,
    'routes that clash': `services: {a: {package: x, routes: [${each(50_000, () => '/x')}]}}`,
    'alias bomb': bomb.join('\n'),
    'merge bomb': merges,
    'alias chain': chain.join('\n'),
  };
  for (const [name, text] of Object.entries(hostile)) {
    const begin = performance.now();
    const result = parse(text);
    assert.ok(!result.ok, name);
    assert.ok(result.problems.length <= 101, `${name}: ${result.problems.length} problems`);
    assert.ok(JSON.stringify(result).length < 100_000, name);
    assert.ok(performance.now() - begin < 60_000, name);
  }
});
