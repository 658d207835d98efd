/** What the cgroups that are used can limit, by the files that they have. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend } from './contract.ts';
import { ownCgroup, parseCgroupMounts } from './mounts.ts';

export interface CgroupFeatures {
  /** By their names in cgroup v2. */
  readonly controllers: readonly string[];
  readonly swap: boolean;
}

export function cgroupFeatures(backend: Backend): CgroupFeatures {
  try {
    const mounts = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'latin1'));
    if (backend === 'cgroup-v1') {
      const names = mounts.v1.flatMap(({ controllers }) => controllers);
      const memory = mounts.v1.find(({ controllers }) => controllers.includes('memory'))?.path;
      return {
        controllers: names.map(name => (name === 'blkio' ? 'io' : name)),
        swap: memory !== undefined && existsSync(join(memory, 'memory.memsw.limit_in_bytes')),
      };
    }
    if (backend === 'cgroup-v2' && mounts.v2) {
      const own = ownCgroup(readFileSync('/proc/self/cgroup', 'latin1'), mounts.v2);
      const group = process.getuid?.() === 0 ? mounts.v2.path : (own ?? mounts.v2.path);
      const controllers = readFileSync(join(group, 'cgroup.controllers'), 'latin1').trim().split(' ');
      return { controllers, swap: [group, ...groupsIn(group)].some(one => existsSync(join(one, 'memory.swap.max'))) };
    }
  } catch {
    // Not readable is as good as not there.
  }
  return { controllers: [], swap: false };
}

/** The group at the top has no limits of its own, so that those inside show what there is. */
function groupsIn(group: string): readonly string[] {
  return readdirSync(group, { withFileTypes: true }).flatMap(one => (one.isDirectory() ? [join(group, one.name)] : []));
}
