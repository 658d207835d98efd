/** What an executable JAR or WAR says of itself: its manifest, and the Java that its classes were compiled for. */
import { SlipwayError } from '../domain/errors.ts';
import { Zip } from './zip.ts';

interface Jar {
  readonly mainClass: string;
  /** The oldest Java that can load its classes; `undefined` where the main class is not in the JAR itself. */
  readonly javaRelease: number | undefined;
}

/** @throws SlipwayError SLIP_ENTRY_MISSING where `java -jar` would not start it, SLIP_PACKAGE_CORRUPT */
export async function readJar(path: string, packageName: string): Promise<Jar> {
  return Zip.read(path, async zip => {
    const manifest = parseManifest((await zip.text('META-INF/MANIFEST.MF')) ?? '');
    const mainClass = manifest.get('main-class');
    if (mainClass === undefined || mainClass === '') {
      throw new SlipwayError(
        'SLIP_ENTRY_MISSING',
        `cannot run ${packageName} with java -jar: its META-INF/MANIFEST.MF names no Main-Class; pack it with one ` +
          '(`jar --main-class`), or give a `command:`',
      );
    }
    // Spring Boot starts its own launcher first, which is compiled for an older Java than the application.
    const startClass = manifest.get('start-class');
    const releases = await Promise.all([
      classRelease(zip, mainClass),
      startClass === undefined ? undefined : classRelease(zip, startClass, 'BOOT-INF/classes/', 'WEB-INF/classes/'),
    ]);
    const known = releases.filter(release => release !== undefined);
    return { mainClass, javaRelease: known.length === 0 ? undefined : Math.max(...known) };
  });
}

/**
 * The main section, by lower-case name. A line that begins with a space continues the one before (JAR File
 * Specification, "Manifest Specification").
 */
export function parseManifest(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  const [main = ''] = text.replaceAll(/\r\n?/g, '\n').split('\n\n');
  for (const line of main.replaceAll('\n ', '').split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) attributes.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return attributes;
}

/** The major version of the class file format is the Java release + 44 (Java Virtual Machine Specification, 4.1). */
async function classRelease(zip: Zip, name: string, ...folders: readonly string[]): Promise<number | undefined> {
  for (const folder of ['', ...folders]) {
    const header = await zip.bytes(`${folder}${name.replaceAll('.', '/')}.class`, 8);
    if (header?.length === 8 && header.readUInt32BE(0) === 0xcafebabe) return header.readUInt16BE(6) - 44;
  }
  return undefined;
}
