/**
 * Finds what is installed of one runtime. Every candidate is asked for its version and for the executable that it
 * really is, so that a link or a wrapper that leads elsewhere tomorrow is never what a revision records.
 */
import type { Stats } from 'node:fs';
import { access, constants, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { compareVersions, parseVersion } from '../domain/version-range.ts';
import { runChild } from './child.ts';
import type { Answer, Discovery, Installed } from './contract.ts';
import { type Environment, searchPath, toolEnvironment } from './environment.ts';

/** What tells the runtimes apart when they are looked for. */
export interface Search {
  /** File names of its executable, as they may stand on the PATH. */
  readonly executable: RegExp;
  /** Variables of the daemon's environment that name an installation. */
  readonly variables: readonly string[];
  /** Folders in which each entry is an installation. A leading `~` is the home folder. */
  readonly collections: readonly { readonly by: string; readonly folder: string }[];
  /** Arguments with which the executable tells about itself. */
  readonly ask: readonly string[];
  readonly read: (output: string) => { readonly version: string; readonly path: string } | undefined;
}

interface Candidate {
  readonly path: string;
  readonly foundBy: string;
}

const askedAtOnce = 4;

export class Finder {
  readonly #env: Environment;
  readonly #home: string;
  readonly #patience: number;
  readonly #answers = new Map<string, Promise<Answer>>();

  /** @param patience milliseconds for an executable to say its version */
  constructor(env: Environment, home: string, patience: number) {
    this.#env = env;
    this.#home = home;
    this.#patience = patience;
  }

  /** @param extra executables, or folders that hold one or a `bin/` with one */
  async find(search: Search, extra: readonly string[]): Promise<Discovery> {
    const candidates = await this.#candidates(search, extra);
    const installed = new Map<string, Installed>();
    const unusable: { path: string; foundBy: string; why: string }[] = [];
    const answers = await inTurns(candidates, askedAtOnce, candidate => this.ask(search, candidate.path));
    for (const [i, { path, foundBy }] of candidates.entries()) {
      const answer = answers[i] ?? { why: 'it was not asked' };
      if ('why' in answer) unusable.push({ path, foundBy, why: answer.why });
      else if (!installed.has(answer.path)) installed.set(answer.path, { ...answer, foundBy });
    }
    return { installed: [...installed.values()].sort(newestFirst), unusable };
  }

  async #candidates(search: Search, extra: readonly string[]): Promise<Candidate[]> {
    const all: Candidate[] = [];
    for (const path of extra) {
      const found = await executablesIn(path, search.executable);
      // The executable itself, or nothing that can be used, which is then said.
      for (const file of found.length > 0 ? found : [path]) all.push({ path: file, foundBy: 'configuration' });
    }
    for (const name of search.variables) {
      const home = this.#env[name];
      if (home !== undefined && isAbsolute(home)) {
        for (const path of await executablesIn(home, search.executable)) all.push({ path, foundBy: name });
      }
    }
    for (const folder of searchPath(this.#env)) {
      // Version managers' shims lead to what is found below, in the manager's own collection.
      if (/\/shims\/?$/.test(folder)) continue;
      for (const path of await matching(folder, search.executable)) all.push({ path, foundBy: 'PATH' });
    }
    for (const { by, folder } of search.collections) {
      const parent = folder.replace(/^~/, () => this.#home);
      for (const name of await names(parent)) {
        for (const path of await executablesIn(join(parent, name), search.executable)) all.push({ path, foundBy: by });
      }
    }
    return withoutAliases(all);
  }

  /** Once, for as long as the file stays as it is. */
  async ask(search: Search, path: string): Promise<Answer> {
    let stats: Stats;
    try {
      stats = await stat(path);
      await access(path, constants.X_OK);
      if (!stats.isFile()) return { why: 'there is no such executable in it' };
    } catch (error) {
      return { why: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it does not exist' : 'it is not executable' };
    }
    const key = `${path}\0${stats.mtimeMs}\0${stats.size}`;
    const known = this.#answers.get(key);
    if (known) return known;
    const asking = this.#run(search, path);
    this.#answers.set(key, asking);
    const answer = await asking;
    // A wrapper may lead elsewhere tomorrow without changing itself, and a failure may pass.
    const lasting = 'path' in answer && dirname(answer.path) === dirname(await realpath(path).catch(() => ''));
    if (!lasting) this.#answers.delete(key);
    return answer;
  }

  async #run(search: Search, path: string): Promise<Answer> {
    const env = toolEnvironment(this.#env, this.#home, dirname(path));
    const limit = AbortSignal.timeout(this.#patience);
    try {
      const { code, output } = await runChild({ argv: [path, ...search.ask], cwd: '/', env, signal: limit });
      const answer = code === 0 ? search.read(output) : undefined;
      if (answer && parseVersion(answer.version) && isAbsolute(answer.path)) return answer;
      const said = output.trim().split('\n')[0] ?? '';
      return { why: `asked for its version, it exited ${code}${said === '' ? '' : `: ${said.slice(0, 200)}`}` };
    } catch {
      return { why: `it did not say its version within ${this.#patience} ms` };
    }
  }
}

function newestFirst(a: Installed, b: Installed): number {
  const [left, right] = [parseVersion(a.version), parseVersion(b.version)];
  return left && right ? compareVersions(right, left) : 0;
}

async function names(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

async function matching(folder: string, executable: RegExp): Promise<string[]> {
  return (await names(folder)).filter(name => executable.test(name)).map(name => join(folder, name));
}

async function executablesIn(folder: string, executable: RegExp): Promise<string[]> {
  const inBin = await matching(join(folder, 'bin'), executable);
  return inBin.length > 0 ? inBin : matching(folder, executable);
}

/** The first of each set of links to one file. In a virtual environment the link itself is what counts. */
async function withoutAliases(candidates: readonly Candidate[]): Promise<Candidate[]> {
  const first = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const virtual = await stat(join(dirname(candidate.path), '..', 'pyvenv.cfg')).catch(() => undefined);
    const identity = virtual ? candidate.path : await realpath(candidate.path).catch(() => candidate.path);
    if (!first.has(identity)) first.set(identity, candidate);
  }
  return [...first.values()];
}

/** Like `Promise.all` over `work`, with at most `width` of them under way. */
async function inTurns<A, B>(items: readonly A[], width: number, work: (item: A) => Promise<B>): Promise<B[]> {
  const results: B[] = [];
  const entries = items.entries();
  const turn = async () => {
    for (const [i, item] of entries) results[i] = await work(item);
  };
  await Promise.all(Array.from({ length: width }, turn));
  return results;
}
