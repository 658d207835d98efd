/** Looks up what there is to know of this host for a diagnosis. A question that can't be answered is left out. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Clock } from '../domain/clock.ts';
import type { HostFacts } from '../domain/diagnosis/facts.ts';
import type { PortRange, ProjectSpec } from '../domain/spec.ts';
import { punch } from '../logs/rotation.ts';
import { cgroupFeatures } from '../processes/cgroup-features.ts';
import type { ProcessHost } from '../processes/contract.ts';
import { readBootId } from '../processes/identity.ts';
import { ownPrivileges } from '../processes/process-limits.ts';
import { findProgram } from '../processes/sandbox/tools.ts';
import type { Runtimes } from '../runtimes/contract.ts';
import { Quarters } from './quarters.ts';

export interface HostParts {
  readonly home: string;
  readonly clock: Clock;
  readonly host: Pick<ProcessHost, 'backend' | 'whyNoCgroup' | 'isolation'>;
  readonly runtimes: Pick<Runtimes, 'survey'>;
  readonly project: Pick<ProjectSpec, 'ports' | 'runtimes'>;
}

const tools = ['unshare', 'setpriv', 'nsenter', 'mount', 'bwrap', 'prlimit', 'getent', 'fallocate', 'flock', 'nice'];

export async function hostFacts({ home, clock, host, runtimes, project }: HostParts): Promise<HostFacts> {
  const hasHome = existsSync(home);
  const [disk, punchHole, secretsFolder, systemd, found] = await Promise.all([
    diskOf(hasHome ? home : '/'),
    hasHome ? tryPunch(home) : undefined,
    hasHome ? memoryFor(home) : undefined,
    unitFacts(),
    runtimes.survey(project.runtimes),
  ]);
  const [ephemeral, reserved, somaxconn, userNamespaces, limits] = await Promise.all(
    [
      'sys/net/ipv4/ip_local_port_range',
      'sys/net/ipv4/ip_local_reserved_ports',
      'sys/net/core/somaxconn',
      'sys/user/max_user_namespaces',
      'self/limits',
    ].map(file => readFile(join('/proc', file), 'latin1').catch(() => '')),
  );
  const { backend, whyNoCgroup, isolation } = host;
  const { mayRaiseLimits, mayRaisePriority, mostOpenFiles } = ownPrivileges();
  const [from, to] = (ephemeral ?? '').trim().split(/\s+/).map(Number);
  return {
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
    hasProc: existsSync('/proc/self/stat'),
    bootId: readBootId(),
    now: clock.wallTime(),
    cgroup: {
      backend,
      ...(whyNoCgroup !== undefined && { whyNone: whyNoCgroup }),
      ...cgroupFeatures(backend),
      pressure: existsSync('/proc/pressure/memory'),
    },
    isolation,
    ...(userNamespaces && { userNamespaces: Number(userNamespaces) }),
    missingTools: tools.filter(name => findProgram(name) === undefined),
    privileges: { mayRaiseLimits, mayRaisePriority },
    mostOpenFiles,
    mostProcesses: mostProcessesIn(limits ?? ''),
    ...(secretsFolder !== undefined && { secretsFolder }),
    ...(punchHole !== undefined && { punchHole }),
    runtimes: Object.fromEntries(Object.entries(found).map(([name, { installed }]) => [name, installed])),
    ...(disk && { disk }),
    ports: project.ports,
    ...(from && to && { ephemeralPorts: { from, to } }),
    reservedPorts: parsePortList(reserved ?? ''),
    ...(somaxconn && { somaxconn: Number(somaxconn) }),
    ...(systemd && { systemd }),
  };
}

/** `8080,20000-20999`, as the kernel writes it. */
export function parsePortList(text: string): readonly PortRange[] {
  return text
    .trim()
    .split(',')
    .flatMap(part => {
      const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
      return from === undefined ? [] : [{ from: Number(from), to: Number(to) }];
    });
}

function mostProcessesIn(limits: string): number {
  const hard = /^Max processes\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

async function diskOf(path: string): Promise<HostFacts['disk']> {
  try {
    const { bavail, blocks, bsize, ffree, files } = await statfs(path);
    return { free: bavail * bsize, size: blocks * bsize, inodesFree: ffree, inodes: files };
  } catch {
    return undefined;
  }
}

/** Done once, since file systems differ. */
async function tryPunch(home: string): Promise<true | string> {
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(home, 'trial-'));
    const file = join(folder, 'log');
    await writeFile(file, Buffer.alloc(16_384, 1));
    await punch(file, 8192);
    return true;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function memoryFor(home: string): Promise<string | false> {
  const folder = await new Quarters(home).secretsFolder();
  return folder.startsWith(`${home}/`) ? false : folder;
}

/** systemd sets INVOCATION_ID for what it starts. */
async function unitFacts(): Promise<HostFacts['systemd']> {
  if (process.env['INVOCATION_ID'] === undefined) return undefined;
  try {
    const own = await readFile('/proc/self/cgroup', 'latin1');
    const unit = /\/([^/\n]+\.service)(?:\/|$)/m.exec(own)?.[1];
    if (unit === undefined) return undefined;
    const names = ['Delegate', 'OOMPolicy', 'TasksMax', 'KillMode'];
    const asked = ['show', unit, ...names.flatMap(name => ['-p', name])];
    const { stdout } = await promisify(execFile)('systemctl', asked, { timeout: 5000 });
    return { unit, ...parseUnit(stdout) };
  } catch {
    return undefined;
  }
}

/** What `systemctl show` prints: a `Name=value` a line. */
export function parseUnit(text: string): Omit<NonNullable<HostFacts['systemd']>, 'unit'> {
  const value = (name: string) => new RegExp(`^${name}=(.+)$`, 'm').exec(text)?.[1];
  const [delegate, oomPolicy, tasksMax, killMode] = ['Delegate', 'OOMPolicy', 'TasksMax', 'KillMode'].map(value);
  return {
    ...(delegate !== undefined && { delegate }),
    ...(oomPolicy !== undefined && { oomPolicy }),
    ...(tasksMax !== undefined && { tasksMax }),
    ...(killMode !== undefined && { killMode }),
  };
}
