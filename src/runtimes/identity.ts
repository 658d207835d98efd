/** Whether files are still those that they were, told by a look at them and not at their content. */
import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';

/** @returns `undefined` where the first of them, the executable, is not there */
export async function identityOf(files: readonly string[]): Promise<string | undefined> {
  const looks = await Promise.all(files.map(look));
  if (looks[0] === undefined) return undefined;
  return createHash('sha256').update(JSON.stringify(looks)).digest('hex').slice(0, 32);
}

async function look(path: string): Promise<readonly (string | number)[] | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    return [await realpath(path), size, mtimeMs];
  } catch {
    return undefined;
  }
}
