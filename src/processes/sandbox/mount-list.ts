/**
 * The view of the host that a sandboxed instance has, as a list of mounts in the form of fstab(5). `mount --all` reads
 * it in one process, in order.
 *
 * - Everything of the host is read-only, but for what is said to be writable.
 * - What is hidden is an empty folder in memory, in which only what is visible has a place.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { unescapeOctal } from '../mounts.ts';
import type { Sandbox } from './contract.ts';

export interface HostMount {
  readonly path: string;
  readonly type: string;
  /** Of `nosuid`, `nodev` and `noexec` those that are set. */
  readonly flags: readonly string[];
}

const restricting = new Set(['nosuid', 'nodev', 'noexec']);

/** Reads `/proc/self/mountinfo`; see proc_pid_mountinfo(5). Of several on one path the last counts, which covers the others. */
export function parseHostMounts(mountinfo: string): readonly HostMount[] {
  const mounts = new Map<string, HostMount>();
  for (const line of mountinfo.split('\n')) {
    const [mount = '', filesystem = ''] = line.split(' - ');
    const [, , , , place = '', options = ''] = mount.split(' ');
    const path = unescapeOctal(place);
    const flags = options.split(',').filter(option => restricting.has(option));
    if (path !== '') mounts.set(path, { path, type: filesystem.split(' ')[0] ?? '', flags });
  }
  return [...mounts.values()];
}

/** For the launch that follows; what the last one reported is of no use to it. */
export function writeMountList(sandbox: Sandbox): void {
  if (sandbox.level === 'strict') rmSync(sandbox.report, { force: true });
  writeFileSync(sandbox.mountList, mountList(sandbox, hostMounts()), { mode: 0o600 });
}

function hostMounts(): readonly HostMount[] {
  return parseHostMounts(readFileSync('/proc/self/mountinfo', 'latin1'));
}

/** What the kernel makes up: bound with all that is mounted inside, and with its own rules about who may write. */
const kernelFolders = ['/proc', '/sys', '/dev'];

export function mountList(sandbox: Sandbox, mounts: readonly HostMount[]): string {
  const { root, hidden, visible, replaced } = sandbox;
  const at = (path: string) => (path === '/' ? root : root + path);
  const lines: string[] = [];
  const add = (source: string, target: string, type: string, options: string) =>
    lines.push([escaped(source), escaped(target), type, options, '0 0'].join(' '));
  const bind = (source: string, path: string, writable: boolean) =>
    add(source, at(path), 'none', `bind,X-mount.mkdir${writable ? '' : ',ro'}`);

  add('/', root, 'none', 'bind,ro');
  for (const path of kernelFolders) add(path, at(path), 'none', 'rbind');
  add('slipway-shm', at('/dev/shm'), 'tmpfs', 'mode=1777,nosuid,nodev');
  for (const { path, flags } of ofFiles(mounts, hidden)) {
    add(path, at(path), 'none', ['bind', 'ro', ...flags, 'nofail'].join(','));
  }
  // What is writable anywhere on the host comes before what is hidden, which may lie inside of it.
  for (const { path, by, writable } of replaced) add(by, at(path), 'none', writable ? 'bind' : 'bind,ro');
  for (const path of outermost(hidden)) add('slipway', at(path), 'tmpfs', 'mode=755,nosuid,nodev,X-mount.mkdir');
  for (const { path, from = path, writable } of byDepth(visible)) bind(from, path, writable);
  return `${lines.join('\n')}\n`;
}

/** Those of disks and of memory, outermost first; what lies in a hidden folder has no place. */
function ofFiles(mounts: readonly HostMount[], hidden: readonly string[]): readonly HostMount[] {
  return byDepth(mounts).filter(
    ({ path, type }) =>
      path !== '/' &&
      type !== 'autofs' &&
      !kernelFolders.some(folder => isWithin(path, folder)) &&
      !hidden.some(folder => isWithin(path, folder)),
  );
}

function outermost(paths: readonly string[]): readonly string[] {
  return paths.filter(path => !paths.some(other => other !== path && isWithin(path, other)));
}

function byDepth<T extends { readonly path: string }>(all: readonly T[]): readonly T[] {
  return all.toSorted((a, b) => a.path.split('/').length - b.path.split('/').length);
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** Blanks, tabs, line breaks and backslashes would end a field (fstab(5)). */
function escaped(text: string): string {
  return text.replaceAll(/[\s\\#]/g, code => `\\${code.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
