/**
 * From a release to a command line: which runtime, which of those installed, which entry point. It is decided once,
 * at the deploy, and what was decided is recorded in the revision; a host that lacks what is asked for refuses then.
 */
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { SlipwayError } from '../domain/errors.ts';
import type { Digest, Release } from '../domain/revision.ts';
import type { RuntimePaths, RuntimeRequest } from '../domain/spec.ts';
import { parseVersion, parseVersionRange } from '../domain/version-range.ts';
import type { Discovery, Installed, Runtime, Runtimes, Wanted } from './contract.ts';
import { Finder } from './discovery.ts';
import { recordOf, versionNow } from './endurance.ts';
import type { Environment } from './environment.ts';
import { createExec } from './exec.ts';
import { createJava } from './java.ts';
import { createNode } from './node.ts';
import { PinnedStore } from './pinned-store.ts';
import { Preparation } from './preparation.ts';
import { createPython } from './python.ts';

interface RuntimesOptions {
  /** Where a release's prepared things live: as long as it does. */
  readonly preparedDir: (digest: Digest, key: string) => string;
  /** Where copies of pinned runtimes live. */
  readonly pinnedDir: string;
  /** The daemon's, by default; little of it is passed on. */
  readonly env?: Environment;
  readonly home?: string;
  /** Milliseconds for an executable to say its version. */
  readonly versionLimit?: number;
  /** Milliseconds for one command of a package manager. */
  readonly prepareLimit?: number;
}

/** In the order in which a release is offered to them. */
export function createRuntimeList(
  options: Omit<RuntimesOptions, 'preparedDir' | 'pinnedDir'> = {},
): readonly Runtime[] {
  const { env = process.env, home = homedir(), versionLimit = 15_000, prepareLimit = 15 * 60_000 } = options;
  const finder = new Finder(env, home, versionLimit);
  const preparation = new Preparation(env, home, prepareLimit);
  return [
    createNode(finder, preparation, env),
    createJava(finder, env),
    createPython(finder, preparation, env),
    createExec(env),
  ];
}

export function createRuntimes(options: RuntimesOptions): Runtimes {
  const runtimes = createRuntimeList(options);
  const store = new PinnedStore(options.pinnedDir);
  return {
    async resolve(release, request, paths, signal) {
      signal?.throwIfAborted();
      const runtime = await chooseRuntime(runtimes, release, request.runtime, request.command !== undefined);
      const wanted = await wantedOf(runtime, release, request.runtime);
      const found = await chooseInstalled(runtime, release, wanted, paths);
      const pinned = request.pinRuntime ? await store.pin(runtime, found, signal) : undefined;
      const installed = pinned?.installed ?? found;
      const prepared = options.preparedDir(release.digest, preparedKey(runtime.name, installed));
      const order = { release, installed, request, prepared };
      const launch = await runtime.plan(signal ? { ...order, signal } : order);
      // Without a runtime that is named, a command is on its own.
      const name = request.command && !request.runtime ? 'command' : runtime.name;
      const path = installed.path === '' ? (launch.argv[0] ?? '') : installed.path;
      const kept = pinned ? { pinned: pinned.digest } : await recordOf(runtime, installed, wanted?.range);
      return {
        runtime: { name, version: installed.version, path, ...kept },
        launch: { ...launch, env: { ...launch.env, ...pinned?.env } },
      };
    },
    versionNow: choice =>
      versionNow(
        runtimes.find(({ name }) => name === choice.name),
        choice,
      ),
    async survey(paths) {
      const named = runtimes.filter(({ line }) => line > 0);
      const found = named.map(async ({ name, discover }) => [name, await discover(paths[name] ?? [])] as const);
      return Object.fromEntries(await Promise.all(found));
    },
    collect: keep => store.collect(keep),
  };
}

async function chooseRuntime(
  runtimes: readonly Runtime[],
  release: Release,
  asked: RuntimeRequest | undefined,
  hasCommand: boolean,
): Promise<Runtime> {
  const name = asked?.name ?? (hasCommand ? 'exec' : undefined);
  for (const runtime of runtimes) {
    if (name === undefined ? await runtime.detects(release) : runtime.name === name) return runtime;
  }
  if (name !== undefined) {
    const known = runtimes.map(runtime => runtime.name).join(', ');
    throw new SlipwayError(
      'SLIP_RUNTIME_UNKNOWN',
      `cannot run ${release.name} with ${JSON.stringify(name)}: the runtimes are ${known}; for anything else give a ` +
        '`command:`',
    );
  }
  throw new SlipwayError(
    'SLIP_RUNTIME_UNKNOWN',
    `cannot tell how to run ${release.name}: it is nothing that a runtime looks for; name a \`runtime:\` or give a ` +
      '`command:`',
    { details: runtimes.map(runtime => `${runtime.name} looks for ${runtime.looksFor}`) },
  );
}

/** The configuration's range beats the release's. */
async function wantedOf(
  runtime: Runtime,
  release: Release,
  asked: RuntimeRequest | undefined,
): Promise<Wanted | undefined> {
  return asked?.range === undefined ? runtime.wants(release) : rangeOf(asked.name, asked.range);
}

/** The newest that fits; a pre-release only where nothing else does. */
async function chooseInstalled(
  runtime: Runtime,
  release: Release,
  wanted: Wanted | undefined,
  paths: RuntimePaths,
): Promise<Installed> {
  const discovery = await runtime.discover(paths[runtime.name] ?? []);
  const fitting = discovery.installed.filter(({ version }) => {
    const parsed = parseVersion(version);
    return wanted === undefined || (parsed !== undefined && wanted.range.fits(parsed));
  });
  const chosen = fitting.find(({ version }) => !parseVersion(version)?.pre) ?? fitting[0];
  if (chosen) return chosen;
  throw missing(runtime.name, release, wanted, discovery);
}

function rangeOf(name: string, text: string): Wanted {
  const range = parseVersionRange(text);
  if (range) return { range, by: 'the configuration' };
  throw new SlipwayError(
    'SLIP_CONFIG_INVALID',
    `cannot understand the version in ${JSON.stringify(`${name}@${text}`)}; expected a range such as ${name}@20, ` +
      `${name}@>=17 or ${name}@^3.11`,
  );
}

function missing(name: string, release: Release, wanted: Wanted | undefined, { installed, unusable }: Discovery) {
  if (name === 'exec') {
    return new SlipwayError(
      'SLIP_CONFIG_INVALID',
      'cannot choose a version of exec, since it has none; write `runtime: exec`',
    );
  }
  const what = wanted ? `${name} ${wanted.range.text} (asked for by ${wanted.by})` : name;
  const has = installed.length === 0 ? 'has none at all' : `has only ${installed.map(i => i.version).join(', ')}`;
  return new SlipwayError(
    'SLIP_RUNTIME_MISSING',
    `cannot run ${release.name}: it needs ${what}, and this host ${has}; install one that fits, add its path under ` +
      '`runtimes:`, or change the range',
    {
      details: [
        ...installed.map(i => `${name} ${i.version} at ${i.path} (found by ${i.foundBy})`),
        ...unusable.map(i => `${i.path} (found by ${i.foundBy}) is of no use: ${i.why}`),
      ],
    },
  );
}

/** Names what was prepared for whom: two installations of one version don't share it. */
function preparedKey(name: string, { version, path }: Installed): string {
  const location = createHash('sha256').update(path).digest('hex').slice(0, 8);
  return `${name}-${version.replaceAll(/[^\w.+-]/g, '_')}-${location}`;
}
