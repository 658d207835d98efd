/** What of isolation this host can do: seen by doing it once, since kernels, containers and policies differ. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launcher, shellFor } from '../launch-line.ts';
import { nothingPrepared } from '../process-limits.ts';
import { chainInto } from './chain.ts';
import type { Sandbox, SandboxSupport } from './contract.ts';
import { writeMountList } from './mount-list.ts';
import { isKnownArchitecture, seccompFilter } from './seccomp.ts';
import { findTools, type Tools } from './tools.ts';

const wanted = {
  standard: ['unshare', 'nsenter', 'setpriv', 'mount'],
  strict: ['unshare', 'nsenter', 'setpriv', 'mount', 'bwrap'],
} as const;

/** @throws Error where they have vanished since the host was asked about them */
export function sandboxTools({ level }: Pick<Sandbox, 'level'>): Tools {
  const tools = findTools(wanted[level]);
  if (typeof tools === 'string') throw new Error(tools);
  return tools;
}

export function sandboxSupport(): SandboxSupport {
  const standard = tryLevel('standard');
  return { standard, strict: standard === true ? tryLevel('strict') : standard };
}

function tryLevel(level: Sandbox['level']): true | string {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'the daemon is not root, so that it can’t switch users';
  if (level === 'strict' && !isKnownArchitecture(process.arch))
    return `there is no filter of system calls for ${process.arch}`;
  const tools = findTools(wanted[level]);
  if (typeof tools === 'string') return tools;
  const folder = mkdtempSync(join(tmpdir(), 'slipway-trial-'));
  try {
    return trial(level, tools, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function trial(level: Sandbox['level'], tools: Tools, folder: string): true | string {
  const [root, home, filter] = ['root', 'home', 'filter'].map(name => join(folder, name)) as [string, string, string];
  mkdirSync(root);
  mkdirSync(home);
  if (isKnownArchitecture(process.arch)) writeFileSync(filter, seccompFilter(process.arch));
  const sandbox: Sandbox = {
    level,
    user: { name: 'nobody', uid: 65_534, gid: 65_534 },
    capabilities: [],
    umask: 0o022,
    network: 'host',
    hidden: [home],
    visible: [],
    replaced: [],
    root,
    mountList: join(folder, 'mounts'),
    report: join(folder, 'report'),
    filter,
  };
  writeMountList(sandbox);
  const chain = chainInto(sandbox, tools, shellFor({}), '/', '');
  const [first = '', ...words] = launcher([], nothingPrepared, ['/bin/sh', '-c', ':'], {}, chain);
  const { status, stderr } = spawnSync(first, words, {
    encoding: 'utf8',
    timeout: 10_000,
    env: {},
  });
  return status === 0 || stderr.trim().split('\n')[0] || `the trial ended with ${status}`;
}
