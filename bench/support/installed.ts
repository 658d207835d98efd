import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** For a {@link Supervisor} that needs a program of the host. */
export function onPath(program: string): { readonly missing?: string } {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some(folder => existsSync(join(folder, program))) ? {} : { missing: `no ${program} on the PATH` };
}
