import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { RouteSpec } from '../../src/domain/route-spec.ts';
import { normalHost } from '../../src/router/http1/host.ts';
import { Routes } from '../../src/router/routes.ts';

const label = fc.constantFrom('a', 'b', 'shop', 'x-1');
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'));
const segment = fc.constantFrom('a', 'b', 'api', 'api2', '');
const path = fc.array(segment, { maxLength: 4 }).map(segments => `/${segments.join('/')}`);
const route: fc.Arbitrary<RouteSpec> = fc
  .record({
    host: fc.option(
      fc.oneof(
        host,
        host.map(name => `*.${name}`),
      ),
      { nil: undefined },
    ),
    path,
    stripPrefix: fc.boolean(),
  })
  .map(({ host: name, ...rest }) => (name === undefined ? rest : { ...rest, host: name }));

/** What the documentation says, word for word. */
function slowly(services: readonly { name: string; routes: readonly RouteSpec[] }[], name: string, target: string) {
  const asked = target.split('?')[0] as string;
  const all = services.flatMap(service =>
    service.routes.map(spec => ({ service: service.name, spec, prefix: spec.path.replace(/\/+$/, '') })),
  );
  const hostRank = (spec: RouteSpec) => {
    if (spec.host === undefined) return 0;
    if (!spec.host.startsWith('*.')) return spec.host === name ? Number.POSITIVE_INFINITY : -1;
    return name.endsWith(spec.host.slice(1)) ? spec.host.length : -1;
  };
  const [best] = all
    .filter(({ spec, prefix }) => hostRank(spec) >= 0 && (asked === prefix || asked.startsWith(`${prefix}/`)))
    .sort((x, y) => {
      const [hx, hy] = [hostRank(x.spec), hostRank(y.spec)];
      return hx === hy ? y.prefix.length - x.prefix.length : hy > hx ? 1 : -1;
    });
  return best && { service: best.service, strip: best.spec.stripPrefix ? best.prefix : '', policy: undefined };
}

test('the most specific host wins, then the longest path, as a plain search finds it', () => {
  const services = fc
    .array(fc.array(route, { maxLength: 4 }), { maxLength: 6 })
    .map(lists => lists.map((routes, index) => ({ name: `s${index}`, routes })));
  fc.assert(
    fc.property(services, host, path, fc.constantFrom('', '?', '?q=/a/b'), (given, name, target, query) => {
      assert.deepEqual(new Routes(given).match(name, target + query), slowly(given, name, target));
    }),
    { numRuns: 3_000 },
  );
});

test('prefixes are of whole segments', () => {
  const routes = new Routes([{ name: 'api', routes: [{ path: '/api', stripPrefix: true }] }]);
  assert.deepEqual(routes.match('x', '/api'), { service: 'api', strip: '/api', policy: undefined });
  assert.deepEqual(routes.match('x', '/api/'), { service: 'api', strip: '/api', policy: undefined });
  assert.deepEqual(routes.match('x', '/api?x'), { service: 'api', strip: '/api', policy: undefined });
  assert.equal(routes.match('x', '/apis'), undefined);
  assert.equal(routes.match('x', '/a'), undefined);
  assert.equal(routes.match('x', '*'), undefined);
});

test('a suffix covers any depth below it, but not itself', () => {
  const routes = new Routes([{ name: 's', routes: [{ host: '*.Shop.Example', path: '/', stripPrefix: false }] }]);
  assert.equal(routes.match('a.shop.example', '/')?.service, 's');
  assert.equal(routes.match('a.b.shop.example', '/')?.service, 's');
  assert.equal(routes.match('shop.example', '/'), undefined);
  assert.equal(routes.match('ashop.example', '/'), undefined);
});

test('OPTIONS * goes where everything goes', () => {
  assert.equal(new Routes([{ name: 's', routes: [{ path: '/', stripPrefix: false }] }]).match('x', '*')?.service, 's');
});

test('hosts are compared without case, port and the final dot', () => {
  for (const [given, normal] of [
    ['Shop.Example', 'shop.example'],
    ['shop.example:8080', 'shop.example'],
    ['shop.example.:80', 'shop.example'],
    ['[::1]:80', '[::1]'],
    ['[2001:DB8::1]', '[2001:db8::1]'],
    ['', ''],
  ] as const) {
    assert.equal(normalHost(given), normal);
  }
});

test('a lookup does not cost more with a thousand routes, nor with a long path', () => {
  const many = new Routes(
    Array.from({ length: 1_000 }, (_, index) => ({
      name: `s${index}`,
      routes: [
        { host: `h${index}.example`, path: '/', stripPrefix: false },
        { path: `/p${index}/deep`, stripPrefix: false },
      ],
    })),
  );
  const few = new Routes([{ name: 's1', routes: [{ host: 'h1.example', path: '/', stripPrefix: false }] }]);
  const time = (routes: Routes, name: string, target: string) => {
    const started = performance.now();
    for (let round = 0; round < 20_000; round++) routes.match(name, target);
    return performance.now() - started;
  };
  const best = (run: () => number) => Math.min(...Array.from({ length: 5 }, run));
  // A search through the list would be a thousand times as long; the margin is for a busy machine.
  const base = best(() => time(few, 'h1.example', '/'));
  assert.ok(best(() => time(many, 'h999.example', '/')) < 20 * base + 5);
  assert.ok(best(() => time(many, 'none.example', `/p999/deep${'/x'.repeat(4_000)}`)) < 20 * base + 20);
});
