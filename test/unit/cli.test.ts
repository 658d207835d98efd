import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WriteStream } from 'node:tty';
import { InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { parseDigest, parseScale, parseTarget, parseTimeout } from '../../src/cli/arguments.ts';
import { CpuShare } from '../../src/cli/cpu-share.ts';
import { defaultHome } from '../../src/cli/home.ts';
import { Screen } from '../../src/cli/screen.ts';
import { renderTable } from '../../src/cli/table.ts';
import { colorsFor } from '../../src/cli/terminal.ts';
import { urlsOf } from '../../src/cli/urls.ts';
import { formatBytes, formatSpan, printable } from '../../src/cli/words.ts';
import { MemoryControl } from '../helpers/memory-control.ts';

test('targets are a service or one of its instances', () => {
  assert.deepEqual(parseTarget('greeter'), { name: 'greeter' });
  assert.deepEqual(parseTarget('greeter/12'), { name: 'greeter', index: 12 });
  for (const text of ['', '/', 'greeter/', 'greeter/x', 'greeter/0/1', 'Greeter', '../x', 'a b', '-a']) {
    assert.throws(() => parseTarget(text), InvalidArgumentError, text);
  }
});

test('no text makes a parser throw anything but a usage error', () => {
  fc.assert(
    fc.property(fc.string(), text => {
      for (const parse of [parseTarget, parseTimeout, parseDigest, (given: string) => parseScale(given)]) {
        try {
          parse(text);
        } catch (error) {
          assert.ok(error instanceof InvalidArgumentError);
        }
      }
    }),
  );
});

test('scale targets collect, each service once', () => {
  const both = parseScale('ledger=0', parseScale('greeter=3'));
  assert.deepEqual(both, [
    { name: 'greeter', instances: 3 },
    { name: 'ledger', instances: 0 },
  ]);
  for (const text of ['greeter', 'greeter=', 'greeter=-1', 'greeter=1.5', 'greeter=1e3', '=1', 'greeter=3']) {
    assert.throws(() => parseScale(text, [{ name: 'greeter', instances: 1 }]), InvalidArgumentError, text);
  }
});

test('timeouts are durations within what a timer can take', () => {
  assert.equal(parseTimeout('1m30s'), 90_000);
  assert.equal(parseTimeout('1d'), 86_400_000);
  for (const text of ['2d', '10', 'soon', '-1s', ''])
    assert.throws(() => parseTimeout(text), InvalidArgumentError, text);
});

test('figures are short', () => {
  assert.deepEqual([0, 1023, 1024, 35_651_584, 2 ** 31, 2 ** 60].map(formatBytes), [
    '0B',
    '1023B',
    '1.0Ki',
    '34.0Mi',
    '2.0Gi',
    '1048576Ti',
  ]);
  assert.deepEqual([0, 59_999, 192_000, 18_180_000, 187_200_000].map(formatSpan), [
    '0s',
    '59s',
    '3m12s',
    '5h3m',
    '2d4h',
  ]);
});

test('nothing printable makes a terminal act', () => {
  assert.equal(printable('a\tb\x1b[2J\r\n\x9b5m\x7f é'), 'a b\\x1b[2J\\x0d\\x0a\\x9b5m\\x7f é');
  fc.assert(fc.property(fc.string({ unit: 'binary' }), text => !/\p{Cc}/u.test(printable(text))));
});

test('colour is for terminals, NO_COLOR and FORCE_COLOR beat that', () => {
  const coloured = (isTTY: boolean, env: Record<string, string>) => colorsFor({ isTTY }, env).isColorSupported;
  assert.equal(coloured(true, {}), true);
  assert.equal(coloured(true, { TERM: 'dumb' }), false);
  assert.equal(coloured(true, { NO_COLOR: '1', FORCE_COLOR: '1' }), false);
  assert.equal(coloured(true, { NO_COLOR: '' }), true);
  assert.equal(coloured(false, {}), false);
  assert.equal(coloured(false, { FORCE_COLOR: '1' }), true);
  assert.equal(coloured(true, { FORCE_COLOR: '0' }), false);
});

test('the home is the one that is set, root’s, or the user’s own', () => {
  assert.equal(defaultHome({ SLIPWAY_HOME: '/srv/slipway' }, 0), '/srv/slipway');
  assert.equal(defaultHome({}, 0), '/var/lib/slipway');
  assert.equal(defaultHome({ XDG_STATE_HOME: '/state' }, 1000), '/state/slipway');
  assert.match(defaultHome({ XDG_STATE_HOME: 'relative' }, 1000), /\/\.local\/state\/slipway$/);
});

test('columns line up, coloured or not', () => {
  const colors = colorsFor({ isTTY: true }, {});
  const text = renderTable(
    ['A', 'LONGER'],
    [
      ['xyz', colors.green('1')],
      [colors.red('x'), '22'],
    ],
    colors,
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours are what is taken out
  assert.equal(text.replaceAll(/\x1b\[\d+m/g, ''), 'A    LONGER\nxyz  1\nx    22');
});

test('CPU is the share of the whole run, then of the time since the last look', async () => {
  const [instance] = (await new MemoryControl({ greeter: 1 }).service('greeter')).instances;
  assert.ok(instance);
  const at = (uptime: number, cpuSeconds: number) => ({
    ...instance,
    uptime,
    usage: { cpuSeconds, memory: 1, processes: 1 },
  });
  const cpu = new CpuShare();
  assert.equal(cpu.of(at(10_000, 1)), 0.1);
  cpu.turn();
  assert.equal(cpu.of(at(11_000, 1.5)), 0.5);
  cpu.turn();
  assert.equal(cpu.of({ ...at(2000, 1), pid: 9999 }), 0.5, 'another process is another run');
  const { usage: _, ...gone } = instance;
  assert.equal(cpu.of(gone), undefined);
});

test('URLs are what a browser on this host can open', async () => {
  const [service] = await new MemoryControl({ greeter: 1 }).services();
  assert.ok(service);
  const routes = [
    { path: '/api', stripPrefix: true },
    { host: 'a.localhost', path: '/', stripPrefix: false },
  ];
  const router = { state: 'running', table: 1, listen: ['0.0.0.0:8080', '[::1]:80', '127.0.0.1:9000'] } as const;
  assert.deepEqual(urlsOf([{ ...service, routes }], { router }), [
    'http://localhost:8080/api',
    'http://a.localhost:8080/',
    'http://[::1]/api',
    'http://a.localhost/',
    'http://127.0.0.1:9000/api',
    'http://a.localhost:9000/',
  ]);
  const others = { ...router, listen: ['https://0.0.0.0:443', 'https+proxy://127.0.0.1:8443', 'tcp://127.0.0.1:5432'] };
  assert.deepEqual(urlsOf([{ ...service, routes }], { router: others }), [
    'https://localhost/api',
    'https://a.localhost/',
    'https://127.0.0.1:8443/api',
    'https://a.localhost:8443/',
  ]);
});

test('a screen is drawn over, cut to its height, and put back in order', () => {
  const written: string[] = [];
  const stream: WriteStream = Object.assign(Object.create(WriteStream.prototype), {
    rows: 4,
    write: (text: string) => written.push(text),
  });
  const screen = new Screen(stream);
  screen.draw('1\n2\n3\n4\n5');
  screen.draw('a\nb');
  screen.close();
  const [first = '', second = '', last = ''] = written;
  assert.ok(first.includes('1\x1b[K\n2\x1b[K\n… 3 more lines\x1b[K\n'));
  assert.ok(second.startsWith('\x1b[Ha\x1b[K\nb\x1b[K\n') && second.endsWith('\x1b[J'), 'drawn over without clearing');
  assert.ok(last.includes('\x1b[?25h'), 'the cursor is back');
});
