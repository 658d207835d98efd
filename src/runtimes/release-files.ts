/** Looks at what a release holds. A path that leads out of the release is treated as not there. */
import { access, constants, open, readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';

const textAtMost = 1024 * 1024;

/** The file's absolute path (links kept), if it is a regular file inside `root`. */
export async function fileIn(root: string, relative: string): Promise<string | undefined> {
  const path = resolve(root, relative);
  try {
    const [top, real] = await Promise.all([realpath(root), realpath(path)]);
    return real.startsWith(top + sep) && (await stat(real)).isFile() ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Up to 1 MiB of text without its byte order mark; `undefined` where there is no such file. */
export async function textIn(root: string, relative: string): Promise<string | undefined> {
  const path = await fileIn(root, relative);
  return path === undefined ? undefined : (await head(path, textAtMost)).toString('utf8').replace(/^\uFEFF/, '');
}

/** The first bytes of a file. */
export async function head(path: string, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, length));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Names in a folder of the release, in order; none where there is no such folder. */
export async function namesIn(root: string, relative = '.'): Promise<readonly string[]> {
  return (await readdir(join(root, relative)).catch(() => [])).sort();
}

/** Whether this user may execute the regular file at `path`. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** Whether the kernel knows how to start the file: an ELF program, or a script that names its interpreter. */
export async function isProgram(path: string): Promise<boolean> {
  if (!(await isExecutable(path))) return false;
  const start = (await head(path, 4).catch(() => Buffer.alloc(0))).toString('latin1');
  return start === '\x7fELF' || start.startsWith('#!');
}
