import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseVersion } from '../../src/domain/version-range.ts';
import { parseManifest } from '../../src/runtimes/jar.ts';
import {
  consoleScripts,
  headers,
  parsePyProject,
  readWheel,
  sameDistribution,
} from '../../src/runtimes/python-metadata.ts';
import { fileRelease, zipOf } from '../helpers/releases.ts';

test('a manifest line that was wrapped at 72 bytes is joined again', () => {
  const name = `com.example.${'long'.repeat(20)}.Main`;
  const line = `Main-Class: ${name}`;
  const wrapped = `${line.slice(0, 72)}\r\n ${line.slice(72, 143)}\r\n ${line.slice(143)}`;
  const manifest = parseManifest(
    `Manifest-Version: 1.0\r\n${wrapped}\r\nClass-Path: \r\n\r\nName: a/\r\nMain-Class: Other\r\n`,
  );
  assert.equal(manifest.get('main-class'), name);
  assert.equal(manifest.get('class-path'), '');
});

test('only console scripts are taken from entry points', () => {
  const text =
    '[gui_scripts]\nwin = a:b\n\n[console_scripts]\nserve = a.b:main\n# no = x\n../up = x\nother-one=a:c [extra]\n[x]\ny = z\n';
  assert.deepEqual(consoleScripts(text), ['serve', 'other-one']);
});

test('headers end at the first empty line', () => {
  assert.deepEqual(headers('Name: a\r\nrequires-python: >=3\r\n\r\nName: body\r\n', 'Name'), ['a']);
  assert.deepEqual(headers('Tag: py2-none-any\nTag: py3-none-any\n', 'Tag'), ['py2-none-any', 'py3-none-any']);
});

test('distribution names are compared as PEP 503 has it', () => {
  assert(sameDistribution('Foo.Bar__baz', 'foo-bar-baz'));
  assert(!sameDistribution('foobar', 'foo-bar'));
});

test('of a pyproject.toml, whether it can be installed and the Python that it wants are read', () => {
  const version = (text: string) => parseVersion(text) ?? assert.fail(text);
  const standard = parsePyProject(
    '[build-system]\n[project] # x\nname = "a"\nrequires-python = ">=3.8,<3.12"\n[tool.ruff]\n',
  );
  assert.equal(standard.installable, true);
  assert.equal(standard.requires?.fits(version('3.11.7')), true);
  assert.equal(standard.requires?.fits(version('3.12.0')), false);
  const poetry = parsePyProject("[tool.poetry]\nname='a'\n[tool.poetry.dependencies]\npython = '^3.9'\nflask = '*'\n");
  assert.equal(poetry.installable, true);
  assert.equal(poetry.requires?.fits(version('3.13.0')), true);
  assert.deepEqual(parsePyProject('[tool.black]\nrequires-python = ">=3"\n'), {
    installable: false,
    requires: undefined,
  });
});

test('a wheel gets back the file name that its content stands for', async t => {
  const wheel = await fileRelease(
    t,
    'wheel',
    'upload-7f3a',
    zipOf({
      'demo/__init__.py': '',
      'demo-1.2.dist-info/METADATA':
        'Metadata-Version: 2.1\nName: demo\nVersion: 1.2\nRequires-Python: >=3.7\n\nText\n',
      'demo-1.2.dist-info/WHEEL': 'Wheel-Version: 1.0\nTag: py2-none-any\nTag: py3-none-any\n',
      'demo-1.2.dist-info/RECORD': '',
    }),
  );
  const read = await readWheel(wheel.file ?? '');
  assert.equal(read?.fileName, 'demo-1.2-py2.py3-none-any.whl');
  assert.equal(read?.requires?.text, '>=3.7');
});
