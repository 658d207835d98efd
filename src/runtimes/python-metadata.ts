/** What Python packages say of themselves, by the specifications of the Python Packaging User Guide. */
import { parseVersionRange, type VersionRange } from '../domain/version-range.ts';
import { Zip } from './zip.ts';

export interface Wheel {
  /** A file name that pip accepts, made from what is inside (Binary Distribution Format). */
  readonly fileName: string;
  readonly requires: VersionRange | undefined;
}

/** `undefined` where the zip is no wheel. @throws SlipwayError SLIP_PACKAGE_CORRUPT */
export async function readWheel(path: string): Promise<Wheel | undefined> {
  return Zip.read(path, async zip => {
    const wheelFile = zip.names().find(name => /^[^/]+\.dist-info\/WHEEL$/.test(name));
    if (wheelFile === undefined) return undefined;
    const folder = wheelFile.slice(0, -'/WHEEL'.length);
    const tags = headers((await zip.text(wheelFile)) ?? '', 'Tag').map(tag => tag.split('-'));
    const compressed = [0, 1, 2].map(i => [...new Set(tags.map(tag => tag[i] ?? 'none'))].join('.'));
    const [requires] = headers((await zip.text(`${folder}/METADATA`)) ?? '', 'Requires-Python');
    return {
      fileName: `${folder.slice(0, -'.dist-info'.length)}-${compressed.join('-')}.whl`,
      requires: requires === undefined ? undefined : parseVersionRange(requires, 'pep440'),
    };
  });
}

/** All values of a header in the part before the first empty line. */
export function headers(text: string, name: string): readonly string[] {
  const [head = ''] = text.replaceAll('\r\n', '\n').split('\n\n');
  const prefix = `${name.toLowerCase()}:`;
  return head
    .split('\n')
    .filter(line => line.toLowerCase().startsWith(prefix))
    .map(line => line.slice(prefix.length).trim());
}

/** Names of the `[console_scripts]` in an entry_points.txt; any that is no plain file name is passed over. */
export function consoleScripts(text: string): readonly string[] {
  const names: string[] = [];
  let section = '';
  for (const line of text.split('\n').map(raw => raw.trim())) {
    const opened = /^\[(.*)\]$/.exec(line)?.[1];
    const name = /^([\w.-]+)\s*=/.exec(line)?.[1];
    if (opened !== undefined) section = opened.trim();
    else if (section === 'console_scripts' && name !== undefined) names.push(name);
  }
  return names;
}

/** `Foo.Bar_baz` and `foo-bar-baz` are one distribution (PEP 503). */
export function sameDistribution(a: string, b: string): boolean {
  const normalized = (name: string) => name.toLowerCase().replaceAll(/[-_.]+/g, '-');
  return normalized(a) === normalized(b);
}

export interface PyProject {
  /** Whether it describes something to install, rather than only how tools are set up. */
  readonly installable: boolean;
  readonly requires: VersionRange | undefined;
}

/** Reads just the lines that matter of a pyproject.toml; everything else of TOML is passed over. */
export function parsePyProject(text: string): PyProject {
  let section = '';
  let installable = false;
  let requires: VersionRange | undefined;
  for (const line of text.split('\n')) {
    section = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line)?.[1]?.trim() ?? section;
    if (section === 'project' || section === 'tool.poetry') installable = true;
    const [, key = '', , value = ''] = /^\s*([\w-]+)\s*=\s*(["'])(.*?)\2/.exec(line) ?? [];
    if (section === 'project' && key === 'requires-python') requires = parseVersionRange(value, 'pep440');
    // Poetry's own table takes carets and tildes, as npm does.
    if (section === 'tool.poetry.dependencies' && key === 'python') requires ??= parseVersionRange(value);
  }
  return { installable, requires };
}
