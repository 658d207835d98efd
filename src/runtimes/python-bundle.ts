/** What of a Python has to be copied: its executable, its standard library, its headers for what pip builds. */
import { basename, relative } from 'node:path';
import { SlipwayError } from '../domain/errors.ts';
import { runChild } from './child.ts';
import type { Bundle, Installed } from './contract.ts';

const aboutItsFiles = `
import json, os, sys, sysconfig
paths = {key: sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "include")}
base = getattr(sys, "base_prefix", sys.prefix)
sys.stdout.write(json.dumps(dict(paths, base=base, virtual=sys.prefix != base)))
`;

/** Looks for its library where its executable is, so that a prefix that was compiled in would show here. */
const proof = `
import os, sys
for path in [sys.prefix, sys.exec_prefix] + [p for p in sys.path if p and os.path.exists(p)]:
    sys.stdout.write(path + "\\n")
`;

const limit = 15_000;

/** @throws SlipwayError SLIP_RUNTIME_UNPINNABLE */
export async function pythonBundle({ path }: Installed): Promise<Bundle> {
  const argv = [path, '-s', '-c', aboutItsFiles];
  const { code, output } = await runChild({ argv, cwd: '/', env: {}, signal: AbortSignal.timeout(limit) });
  const facts = code === 0 ? factsIn(output) : undefined;
  if (facts === undefined) throw unpinnable(path, 'it does not tell where its library is');
  const { base, stdlib, platstdlib, include } = facts;
  if (facts.virtual) throw unpinnable(path, 'it is a virtual environment; name the Python that this was made from');
  const folders = [...new Set([stdlib, platstdlib, include])].map(from => ({ from, to: relative(base, from) }));
  if (folders.some(({ to }) => to === '' || to.startsWith('..'))) {
    throw unpinnable(path, `its library is not below its prefix ${base}`);
  }
  const name = basename(path);
  return {
    entries: [{ from: path, to: `bin/${name}` }, ...folders],
    omits: file => /\.a$|(^|\/)python[\d.]+\/(test|idlelib|turtledemo)(\/|$)/.test(file),
    executable: `bin/${name}`,
    aliases: ['python3', 'python'].filter(alias => alias !== name),
    proof: { ask: ['-s', '-c', proof], read: text => text.trim().split('\n') },
  };
}

interface Facts {
  readonly base: string;
  readonly stdlib: string;
  readonly platstdlib: string;
  readonly include: string;
  readonly virtual: boolean;
}

function factsIn(output: string): Facts | undefined {
  try {
    const facts = JSON.parse(output) as Partial<Facts>;
    const paths = [facts.base, facts.stdlib, facts.platstdlib, facts.include];
    return paths.every(path => typeof path === 'string' && path.startsWith('/')) ? (facts as Facts) : undefined;
  } catch {
    return undefined;
  }
}

function unpinnable(path: string, why: string): SlipwayError {
  return new SlipwayError('SLIP_RUNTIME_UNPINNABLE', `cannot pin ${path}: ${why}`);
}
