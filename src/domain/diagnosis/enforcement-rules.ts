/** What of limits and isolation this host can enforce. */
import type { HostFacts } from './facts.ts';
import { Area, type Finding } from './finding.ts';

const what: Readonly<Record<string, string>> = {
  memory: 'memory limits',
  cpu: 'CPU limits and weights',
  pids: 'limits of processes',
  io: 'limits of disks',
};

export function cgroupRules({ cgroup, isRoot }: HostFacts): readonly Finding[] {
  const area = new Area('cgroups');
  const { backend, whyNone, controllers, swap, pressure } = cgroup;
  if (backend === 'none') {
    area.gap(
      `no cgroup holds instances: ${whyNone ?? 'there is none'}; memory, CPU, processes and disks are not limited`,
      isRoot
        ? 'mount cgroup v2 at /sys/fs/cgroup; in a container, give it a writable cgroup of its own'
        : 'run the daemon as root, or as a systemd unit with Delegate=yes',
    );
    return area.findings;
  }
  area.ok(`${backend} holds instances`);
  for (const [controller, limits] of Object.entries(what)) {
    if (controllers.includes(controller)) area.ok(`${limits} are enforced by the ${controller} controller`);
    else {
      area.gap(
        `${limits} can’t be enforced: the ${controller} controller is not there`,
        backend === 'cgroup-v1'
          ? `mount it, or boot with cgroup_enable=${controller === 'io' ? 'blkio' : controller} or with cgroup v2`
          : `enable it for the daemon’s cgroup (cgroup.subtree_control; systemd: Delegate=yes), or in the kernel`,
      );
    }
  }
  if (controllers.includes('memory') && !swap) {
    area.note('swap is not counted, so that limits.swap can’t be enforced', 'boot with swapaccount=1');
  }
  if (!pressure) area.note('the kernel tells nothing of pressure (PSI)', 'boot with psi=1, where the kernel has it');
  return area.findings;
}

export function processRules(facts: HostFacts): readonly Finding[] {
  const area = new Area('processes');
  const { privileges, mostOpenFiles, mostProcesses } = facts;
  if (privileges.mayRaiseLimits) area.ok('limits of open files and core dumps can be raised above the daemon’s own');
  else
    area.note(`no instance may have more than ${mostOpenFiles} open files`, 'raise LimitNOFILE of the daemon’s unit');
  if (privileges.mayRaisePriority) area.ok('priorities can be raised');
  else area.note('a negative limits.nice can’t be given', 'run the daemon as root, or with CAP_SYS_NICE');
  if (mostOpenFiles < 65_536) {
    area.note(
      `the daemon and its router may open ${mostOpenFiles} files at most, and each connection takes two`,
      'set LimitNOFILE=65536 in the daemon’s unit, or `ulimit -n`',
    );
  }
  if (mostProcesses < 4096) {
    area.note(
      `the daemon’s user may have ${mostProcesses} processes at most, over all instances`,
      'set LimitNPROC=infinity in the daemon’s unit, or `ulimit -u`',
    );
  }
  return area.findings;
}

export function isolationRules(facts: HostFacts): readonly Finding[] {
  const area = new Area('isolation');
  for (const level of ['standard', 'strict'] as const) {
    const able = facts.isolation[level];
    if (able === true) area.ok(`level ${level} can be given`);
    else area.gap(`level ${level} can’t be given: ${able}`, isolationMend(facts));
  }
  if (facts.userNamespaces === 0) {
    area.note('the kernel allows no user namespaces: programs that make a sandbox of their own (browsers) can’t');
  }
  if (facts.missingTools.length > 0) {
    area.note(`not installed: ${facts.missingTools.join(', ')}`, 'Debian: apt install util-linux mount bubblewrap');
  }
  if (facts.secretsFolder) area.ok(`secrets are kept in memory, in ${facts.secretsFolder}`);
  else if (facts.secretsFolder === false)
    area.gap(
      'secrets would be kept on the disk: there is no file system in memory',
      'mount a tmpfs at /run or /dev/shm',
    );
  return area.findings;
}

function isolationMend({ platform, isRoot, missingTools }: HostFacts): string {
  if (platform !== 'linux') return 'run Slipway on Linux';
  if (!isRoot) return 'run the daemon as root: it gives each service a user of its own';
  if (missingTools.length > 0) return 'Debian: apt install util-linux mount bubblewrap';
  return 'in a container, allow it mounts and namespaces (CAP_SYS_ADMIN)';
}
