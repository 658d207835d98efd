import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { loadConfigApart } from '../../src/config/load-apart.ts';
import type { ConfigResult } from '../../src/config/problem.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { certificateFiles } from '../helpers/tls.ts';

async function folder(t: TestContext, config: string | Uint8Array): Promise<{ dir: string; file: string }> {
  const dir = await tempDir(t);
  await mkdir(join(dir, 'packages'));
  await writeFile(join(dir, 'a.tgz'), '');
  await writeFile(join(dir, 'secret'), 'hush', { mode: 0o600 });
  const file = join(dir, 'slipway.yaml');
  await writeFile(file, config);
  return { dir, file };
}

function lines(result: ConfigResult): string[] {
  const found = result.ok ? result.warnings : result.problems;
  return found.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
}

const sound =
  'services:\n  a: { package: a.tgz, env: { A: { file: secret }, B: "${B}" } }\n  b: { package: packages }\n';

for (const [name, load] of [
  ['here', loadConfig],
  ['in a process of its own', loadConfigApart],
] as const) {
  test(`a sound file is loaded ${name}`, async t => {
    const { dir, file } = await folder(t, sound);
    const result = await load(file, { env: { B: 's3cret' } });
    assert.ok(result.ok);
    assert.deepEqual(result.warnings, []);
    assert.deepEqual(result.project.services['a']?.package, { kind: 'path', path: join(dir, 'a.tgz') });
    assert.deepEqual(result.project.services['a']?.env, {
      A: { kind: 'file', path: join(dir, 'secret') },
      B: { kind: 'secret', value: 's3cret' },
    });
    assert.ok(!JSON.stringify(result).includes('hush'));
  });

  test(`a broken file is told ${name}`, async t => {
    const { file } = await folder(t, sound.replace('a.tgz', 'b.tgz'));
    const result = await load(file, { env: {} });
    assert.ok(!result.ok);
    assert.equal(result.code, 'SLIP_CONFIG_INVALID');
    assert.equal(result.problems[0]?.file, file);
    assert.match(lines(result).join('\n'), /^2:55 services\.a\.env\.B: cannot find B in the environment/m);
    assert.match(
      lines(result).join('\n'),
      /^2:17 services\.a\.package: cannot read the package .*there is nothing at this path/m,
    );
  });

  test(`a file that is not there is told ${name}`, async t => {
    const { dir } = await folder(t, sound);
    const result = await load(join(dir, 'other.yaml'), { env: {} });
    assert.ok(!result.ok);
    assert.equal(result.code, 'SLIP_CONFIG_UNREADABLE');
    assert.match(lines(result)[0] ?? '', /^1:1 : cannot read the file: there is nothing at this path/);
  });
}

test('what can be no configuration is refused before it is parsed', async t => {
  const { dir, file } = await folder(t, new Uint8Array([0xff, 0xfe, 0x00]));
  const refusal = async (path: string): Promise<string> => {
    const result = await loadConfig(path, { env: {} });
    assert.ok(!result.ok);
    assert.equal(result.code, 'SLIP_CONFIG_UNREADABLE');
    return lines(result).join();
  };
  assert.match(await refusal(file), /cannot read the file: it is no text; expected UTF-8/);
  assert.match(await refusal(dir), /cannot read the file/);
  assert.match(await refusal('/dev/zero'), /cannot read the file: it is no regular file/);
  await writeFile(file, `# ${'x'.repeat(1024 * 1024)}\n${sound}`);
  assert.match(await refusal(file), /cannot take a file of more than 1Mi/);
  const pipe = join(dir, 'pipe');
  execFileSync('mkfifo', [pipe]);
  assert.match(await refusal(pipe), /cannot read the file: it is no regular file/);
});

test('a file may come from elsewhere than the disk', async () => {
  const result = await loadConfig('/nowhere/slipway.yaml', {
    env: {},
    readFile: async path => Buffer.from(path === '/nowhere/slipway.yaml' ? 'services: {}' : ''),
  });
  assert.ok(result.ok);
});

test('packages and secrets that can’t be used are told at their place', async t => {
  const { file } = await folder(
    t,
    'services:\n  a: { package: { path: /dev/null }, env: { A: { file: packages }, B: { file: none } } }\n',
  );
  assert.deepEqual(
    lines(await loadConfig(file, { env: {} })).map(line => line.replace(/ \/[^ :]*/, '')),
    [
      '2:8 services.a.package: cannot take as a package: expected a file or a folder',
      '2:56 services.a.env.A.file: cannot take a value from: expected a regular file',
      '2:79 services.a.env.B.file: cannot read the file: there is nothing at this path; check it (relative paths start at the folder of the configuration)',
    ],
  );
});

test('secrets that everyone can read, and runtimes that aren’t there, are doubted', async t => {
  const { dir, file } = await folder(t, `${sound}runtimes: { node: [./none] }\n`);
  await chmod(join(dir, 'secret'), 0o644);
  const result = await loadConfig(file, { env: { B: '' } });
  assert.ok(result.ok);
  const [secret, runtime] = lines(result);
  assert.match(secret ?? '', /^2:42 services\.a\.env\.A\.file: every user of this host can read .*secret; `chmod o-r`/);
  assert.match(runtime ?? '', /^4:20 runtimes\.node\[0\]: there is nothing at .*none/);
});

test('loading apart can be given up', async t => {
  const { file } = await folder(t, sound);
  const controller = new AbortController();
  const loading = loadConfigApart(file, { env: {}, signal: controller.signal });
  controller.abort(new Error('enough'));
  await assert.rejects(loading, /enough/);
});

test('the environment of a load apart is only the one that it is handed', async t => {
  const { file } = await folder(t, 'services:\n  a: { package: a.tgz, env: { A: "${HOME}" } }\n');
  const result = await loadConfigApart(file, { env: {} });
  assert.match(lines(result).join(), /cannot find HOME in the environment/);
});

test('certificates are looked at before anything serves them', async t => {
  const { cert, key } = certificateFiles('first');
  const other = certificateFiles('wildcard').key;
  const config = (certificates: string) =>
    `router: { listen: ["https://127.0.0.1:0"], tls: { certificates: [${certificates}] } }\nservices: {}\n`;
  const { dir, file } = await folder(t, config(`{ cert: ${cert}, key: ${key} }`));
  await chmod(key, 0o600);
  const sound = await loadConfig(file, { env: {} });
  assert.ok(sound.ok);
  assert.deepEqual(sound.warnings, []);
  assert.deepEqual(sound.project.router.tls.certificates, [{ cert, key }]);

  const problemsOf = async (certificates: string) => {
    await writeFile(file, config(certificates));
    const result = await loadConfig(file, { env: {} });
    assert.ok(!result.ok);
    return lines(result).join('\n');
  };
  const at = /^1:\d+ router\.tls\.certificates\[0\]\.(cert|key): /;
  const mismatched = await problemsOf(`{ cert: ${cert}, key: ${other} }`);
  assert.match(mismatched, at);
  assert.match(mismatched, /cannot serve the certificate .*: the key is not the one of the certificate$/);
  assert.match(await problemsOf(`{ cert: ${key}, key: ${key} }`), /there is no PEM certificate in it/);
  assert.match(await problemsOf(`{ cert: ${cert}, key: ${cert} }`), /the key file holds no PEM private key/);
  assert.match(
    await problemsOf(`{ cert: ${cert}, key: gone.key }`),
    /\.key: cannot read .*gone\.key: there is nothing/,
  );
  assert.match(await problemsOf(`{ cert: packages, key: ${key} }`), /\.cert: cannot read .*packages: it is no regular/);

  const open = join(dir, 'open.key');
  await copyFile(key, open);
  await chmod(open, 0o644);
  await writeFile(file, config(`{ cert: ${cert}, key: open.key }`));
  assert.match(lines(await loadConfig(file, { env: {} })).join('\n'), /\.key: every user of this host can read/);
});
