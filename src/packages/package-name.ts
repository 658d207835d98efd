/** The file name of a package, made safe: it becomes a name on disk and part of messages. */
import { basename, resolve } from 'node:path';
import type { PackageSource } from '../domain/spec.ts';

/** Leaves room for suffixes within NAME_MAX. */
const longestName = 200;

/** Only letters, digits and `._+-!@` (those of npm and wheel names) stay; never empty, `.` or `..`. */
export function safePackageName(raw: string): string {
  const last = raw.split(/[/\\]/).findLast(segment => segment !== '') ?? '';
  const safe = last.replace(/[^A-Za-z0-9._+!@-]/g, '_').slice(-longestName);
  return /^\.*$/.test(safe) ? 'package' : safe;
}

export function packageNameOf(source: PackageSource): string {
  if (source.kind === 'path') return safePackageName(basename(resolve(source.path)));
  return URL.canParse(source.url) ? safePackageName(decoded(new URL(source.url).pathname)) : 'package';
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
