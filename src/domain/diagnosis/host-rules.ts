/** What else of the host Slipway relies on. */
import type { PortRange } from '../spec.ts';
import type { HostFacts } from './facts.ts';
import { Area, type Finding } from './finding.ts';

const mebibyte = 2 ** 20;
/** Before that there was no Slipway: the clock was never set. */
const firstRelease = Date.UTC(2026, 0, 1);

export function systemRules({ platform, hasProc, bootId, now, systemd, isRoot }: HostFacts): readonly Finding[] {
  const area = new Area('system');
  if (platform !== 'linux') area.note(`${platform} is for trying Slipway out: limits and isolation need Linux`);
  if (hasProc) area.ok('/proc tells of processes');
  else area.gap('/proc is not mounted: processes are looked for by ps, which costs more', 'mount -t proc proc /proc');
  if (bootId === 'unknown') area.gap('one boot can’t be told from the next, so that a pid might be mistaken');
  else area.ok(`boot ${bootId}`);
  if (now < firstRelease) area.gap('the clock is not set: certificates and logs go by it', 'run an NTP client');
  if (systemd !== undefined) unitRules(area, systemd, isRoot);
  return area.findings;
}

function unitRules(area: Area, unit: NonNullable<HostFacts['systemd']>, isRoot: boolean): void {
  const { delegate, oomPolicy, tasksMax, killMode } = unit;
  area.ok(`runs in systemd’s ${unit.unit}`);
  if (killMode !== undefined && killMode !== 'process' && killMode !== 'none') {
    area.gap(`KillMode=${killMode}: a stop of the unit ends instances and router with the daemon`, 'KillMode=process');
  }
  if (delegate === 'no' && !isRoot) area.gap('Delegate=no: no limit can be enforced by cgroups', 'Delegate=yes');
  if (oomPolicy !== undefined && oomPolicy !== 'continue' && !isRoot) {
    area.note(`OOMPolicy=${oomPolicy}: one instance out of memory ends the unit`, 'OOMPolicy=continue');
  }
  if (tasksMax !== undefined && tasksMax !== 'infinity' && tasksMax !== String(2n ** 64n - 1n)) {
    area.note(
      `TasksMax=${tasksMax}: so many threads for the daemon, the router and what is in its cgroup`,
      'TasksMax=infinity',
    );
  }
}

export function storageRules({ disk, punchHole }: HostFacts, services: readonly string[]): readonly Finding[] {
  const area = new Area('storage');
  if (disk !== undefined) {
    const mend = 'free some space, keep fewer revisions (keepRevisions) and logs (logs.keep)';
    judgeRoom(area, 'MiB', disk.free / mebibyte, disk.size / mebibyte, 1024, mend, services);
    if (disk.inodes > 0) judgeRoom(area, 'inodes', disk.inodesFree, disk.inodes, 50_000, mend, services);
  }
  if (punchHole === true) area.ok('logs are rotated without a copy that grows');
  else if (punchHole !== undefined) {
    area.gap(
      `logs can’t be rotated in place: ${punchHole}`,
      'keep the home on ext4, xfs, btrfs or tmpfs, and install util-linux (fallocate)',
    );
  }
  return area.findings;
}

/** Below a hundredth, or a tenth of what is little, it is as good as full. */
function judgeRoom(
  area: Area,
  unit: string,
  free: number,
  size: number,
  little: number,
  mend: string,
  services: readonly string[],
): void {
  const share = size === 0 ? 0 : Math.floor((free / size) * 100);
  const message = `${Math.floor(free)} ${unit} (${share} %) are free for the home`;
  if (free < Math.min(size / 100, little / 10)) area.gap(message, mend, services);
  else if (free < Math.min(size / 20, little)) area.note(message, mend);
  else area.ok(message);
}

export function networkRules(facts: HostFacts): readonly Finding[] {
  const area = new Area('network');
  const { ports, ephemeralPorts, reservedPorts, somaxconn } = facts;
  const isSpared = reservedPorts.some(({ from, to }) => from <= ports.from && ports.to <= to);
  if (ephemeralPorts && overlap(ports, ephemeralPorts) && !isSpared) {
    area.note(
      `ports ${inWords(ports)} are handed to instances, and outgoing connections take theirs from ` +
        `${inWords(ephemeralPorts)}: they can be in each other’s way`,
      `sysctl net.ipv4.ip_local_reserved_ports=${inWords(ports)}, or other \`ports:\``,
    );
  } else area.ok(`ports ${inWords(ports)} are for instances alone`);
  if (somaxconn !== undefined && somaxconn < 1024) {
    area.note(
      `${somaxconn} connections may wait for the router while it is replaced or busy`,
      'sysctl net.core.somaxconn=4096',
    );
  } else if (somaxconn !== undefined) area.ok(`${Math.min(somaxconn, 4096)} connections may wait for the router`);
  return area.findings;
}

export function runtimeRules({ runtimes }: HostFacts): readonly Finding[] {
  const area = new Area('runtimes');
  for (const [name, installed] of Object.entries(runtimes)) {
    if (installed.length === 0)
      area.note(`no ${name} is installed`, `install it, or add its path under runtimes.${name}`);
    for (const { version, path } of installed) area.ok(`${name} ${version} at ${path}`);
  }
  return area.findings;
}

function overlap(one: PortRange, other: PortRange): boolean {
  return one.from <= other.to && other.from <= one.to;
}

function inWords({ from, to }: PortRange): string {
  return `${from}-${to}`;
}
