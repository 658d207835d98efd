/** Where the daemon of this user keeps everything, unless told otherwise. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export function defaultHome(env: Readonly<Record<string, string | undefined>>, uid: number | undefined): string {
  if (env['SLIPWAY_HOME']) return env['SLIPWAY_HOME'];
  if (uid === 0) return '/var/lib/slipway';
  // A relative path is invalid there (XDG Base Directory Specification).
  const state = env['XDG_STATE_HOME'];
  return join(state?.startsWith('/') ? state : join(homedir(), '.local', 'state'), 'slipway');
}
