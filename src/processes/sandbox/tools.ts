/** The programs of the host that sandboxes are made with, by absolute path: an instance's own PATH must not choose them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mayExecute } from '../preflight.ts';

const folders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Debian's packages, where they are missing. */
const packages = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  bwrap: 'bubblewrap',
} as const;

export type ToolName = keyof typeof packages;
export type Tools = Readonly<Record<ToolName, string>>;

export function findProgram(name: string): string | undefined {
  return folders.map(folder => join(folder, name)).find(isExecutable);
}

/** @returns why not all of them are there, in words */
export function findTools(names: readonly ToolName[]): Tools | string {
  const found = names.map(name => [name, findProgram(name)] as const);
  const missing = found.flatMap(([name, path]) => (path === undefined ? [name] : []));
  if (missing.length === 0) return { ...none, ...Object.fromEntries(found) };
  const from = [...new Set(missing.map(name => packages[name]))];
  return `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing (Debian: ${from.join(' ')})`;
}

const none: Tools = { unshare: '', nsenter: '', setpriv: '', mount: '', bwrap: '' };

function isExecutable(path: string): boolean {
  // That it is elsewhere is usual, and an exception for that is dear.
  return existsSync(path) && mayExecute(path);
}
