/** Executable JARs and WARs, run by `java -jar`. */
import { dirname, join } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import type { Release } from '../domain/revision.ts';
import { parseVersionRange } from '../domain/version-range.ts';
import { assemble, type Place, planCommand, procfileWeb } from './command.ts';
import type { Runtime } from './contract.ts';
import type { Finder, Search } from './discovery.ts';
import { type Environment, pathWith, searchPath } from './environment.ts';
import { readJar } from './jar.ts';
import { fileIn, namesIn } from './release-files.ts';

const search: Search = {
  executable: /^java$/,
  variables: ['JAVA_HOME', 'JDK_HOME'],
  collections: [
    { by: '/usr/lib/jvm', folder: '/usr/lib/jvm' },
    { by: 'SDKMAN', folder: '~/.sdkman/candidates/java' },
    { by: 'asdf', folder: '~/.asdf/installs/java' },
    { by: 'mise', folder: '~/.local/share/mise/installs/java' },
  ],
  ask: ['-XshowSettings:properties', '-version'],
  read: output => {
    const property = (name: string) => new RegExp(`^\\s*java\\.${name} = (.+)$`, 'm').exec(output)?.[1]?.trim();
    const [version, home] = [property('version'), property('home')];
    return version === undefined || home === undefined ? undefined : { version, path: join(home, 'bin/java') };
  },
};

export function createJava(finder: Finder, env: Environment): Runtime {
  return {
    name: 'java',
    looksFor: 'a .jar or .war, or exactly one .jar at the top of a tree',

    async detects(release) {
      return release.format === 'jar' || (await jarsOf(release)).length === 1;
    },

    line: 1,
    // The launcher is small and often the same; `release` names the build.
    parts: path => [path, join(path, '../../release'), join(path, '../../lib/server/libjvm.so')],
    ask: path => finder.ask(search, path),
    bundle: async ({ path }) => ({
      entries: [{ from: dirname(dirname(path)), to: '.' }],
      omits: name => /^(jmods|include|demo|sample|man|docs|legal|(lib\/)?src\.zip)(\/|$)/.test(name),
      executable: 'bin/java',
      aliases: [],
      proof: { ask: search.ask, read: output => [search.read(output)?.path ?? ''] },
    }),

    discover: extra => finder.find(search, extra),

    async wants(release) {
      const [jar] = await jarsOf(release);
      const read = jar === undefined ? undefined : await readJar(jar, release.name).catch(() => undefined);
      const range = read?.javaRelease === undefined ? undefined : parseVersionRange(`>=${read.javaRelease}`);
      return range && { range, by: 'the class files in it' };
    },

    async plan({ release, installed, request }) {
      const bin = dirname(installed.path);
      const place: Place = {
        release,
        root: release.root,
        env: { PATH: pathWith(bin), JAVA_HOME: dirname(bin) },
        folders: [bin, ...searchPath(env)],
        runtime: { path: installed.path, names: /^java$/, interprets: async () => false },
      };
      if (request.command) return planCommand({ words: request.command, env: {} }, 'the command', request, place);
      const web = await procfileWeb(release);
      if (web) return planCommand(web, 'the Procfile', request, place);
      const jars = await jarsOf(release);
      const [jar] = jars;
      if (jar === undefined || jars.length > 1) {
        throw new SlipwayError(
          'SLIP_ENTRY_MISSING',
          `cannot run ${release.name} with Java: it holds ${jars.length === 0 ? 'no' : jars.length} .jar files at its ` +
            'top, and exactly one was expected; give a `command:` such as [java, -cp, "lib/*", com.example.Main]',
        );
      }
      await readJar(jar, release.name);
      return assemble([installed.path, '-jar', jar], {}, request, place);
    },
  };
}

async function jarsOf(release: Release): Promise<readonly string[]> {
  if (release.format === 'jar') return release.file === undefined ? [] : [release.file];
  if (release.format !== 'tree') return [];
  const names = (await namesIn(release.root)).filter(name => /\.[jw]ar$/i.test(name));
  const files = await Promise.all(names.map(name => fileIn(release.root, name)));
  return files.filter(file => file !== undefined);
}
