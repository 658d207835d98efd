/** How runtimes are named to people. */
import type { RuntimeChoice } from '../domain/revision.ts';

/** `node 20.20.2`, `exec`; a pinned one says so. */
export function runtimeInWords({ name, version, pinned }: RuntimeChoice): string {
  return `${version === '' ? name : `${name} ${version}`}${pinned === undefined ? '' : ' (pinned)'}`;
}

export function runtimeChange({ name, version }: RuntimeChoice, now: string): string {
  return `runtime changed: ${name} ${version} → ${now}`;
}
