/**
 * Which code a router runs: Slipway's version, a digest of what it loads, and Node's version. A router that says
 * another one than the daemon would start is replaced, also where the new one was installed over the old.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** All that the router imports from. */
const folders = ['domain', 'router', 'router-link', 'sockets', 'state'];

/** @param root folder of the code: `src` or `dist`; beside it is package.json */
export function versionOf(root = fileURLToPath(new URL('..', import.meta.url))): string {
  const hash = createHash('sha256');
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      if (!/\.[jt]s$/.test(name)) continue;
      hash.update(`${folder}/${name}\0`).update(readFileSync(join(root, folder, name)));
    }
  }
  const { version } = JSON.parse(readFileSync(join(root, '../package.json'), 'utf8')) as { version: string };
  return `${version}+${hash.digest('hex').slice(0, 12)} node ${process.version}`;
}
