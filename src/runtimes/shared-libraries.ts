/**
 * What the dynamic loader adds to executables and libraries. The C and C++ libraries are left to the host: they go with
 * its loader and its kernel, and are compatible with what was linked against older ones.
 */
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { runChild } from './child.ts';

const hostsOwn =
  /^(ld-|linux-(vdso|gate)|(libc|libm|libdl|librt|libpthread|libresolv|libutil|libnsl|libanl|libgcc_s|libstdc\+\+|libatomic|libmvec)[.-])/;
/** So that what `ldd` says of them is read whole. */
const atOnce = 40;

/**
 * @param path folders for the loader to look in first, as in LD_LIBRARY_PATH
 * @returns absolute paths of the libraries that are loaded for any of these, without the host's own; `undefined` where
 *   that can't be found out
 */
export async function librariesOf(
  files: readonly string[],
  path: string | undefined,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  const linked = await elfAmong(files);
  const found = new Set<string>();
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C', ...(path !== undefined && { LD_LIBRARY_PATH: path }) };
  for (let i = 0; i < linked.length; i += atOnce) {
    const argv = ['ldd', ...linked.slice(i, i + atOnce)];
    const { code, output, isCut } = await runChild({ argv, cwd: '/', env, signal });
    // 1: one of them is linked statically, which is no failure.
    if (code > 1 || isCut) return undefined;
    for (const [, library = ''] of output.matchAll(/=> (\/\S+) \(0x/g)) {
      if (!hostsOwn.test(basename(library))) found.add(library);
    }
  }
  return found;
}

async function elfAmong(files: readonly string[]): Promise<readonly string[]> {
  const elf: string[] = [];
  for (const file of files) if (await isElf(file)) elf.push(file);
  return elf;
}

async function isElf(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === '\x7fELF';
  } finally {
    await file.close();
  }
}
