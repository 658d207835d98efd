/**
 * Disks, by cgroup v2: bandwidth is limited for each block device by itself, on its first use or not. A weight is only
 * heeded where a disk is scheduled by weights, and the kernel takes one all the same: see `io.weight` and
 * `io.cost.qos` in Documentation/admin-guide/cgroup-v2.rst.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSetting, writeSetting } from './cgroup.ts';
import { type Applier, type Appliers, Unavailable } from './enforcement.ts';

/** @param top of the hierarchy */
export function ioAppliers(top: string, group: string): Appliers {
  return {
    'io.weight': (weight = 100) => {
      if (!existsSync(join(group, 'io.max'))) throw new Unavailable(notDelegated(group));
      const byCost = /\benable=1\b/.test(readSetting(top, 'io.cost.qos') ?? '');
      if (!byCost && !disks().some(isScheduledByBfq))
        throw new Unavailable('no disk here is scheduled by weight (BFQ or io.cost)');
      // Where the kernel knows no io.cost, BFQ's weight has the plain name.
      const file = !byCost && existsSync(join(group, 'io.bfq.weight')) ? 'io.bfq.weight' : 'io.weight';
      // BFQ's range is narrower than that of weights in general.
      const inForce = byCost ? weight : Math.min(weight, 1000);
      writeSetting(group, file, inForce);
      return { value: inForce };
    },
    'io.readBytes': eachDisk(group, 'rbps'),
    'io.writeBytes': eachDisk(group, 'wbps'),
    'io.readOps': eachDisk(group, 'riops'),
    'io.writeOps': eachDisk(group, 'wiops'),
  };
}

function eachDisk(group: string, key: string): Applier {
  return value => {
    if (!existsSync(join(group, 'io.max'))) throw new Unavailable(notDelegated(group));
    const found = disks();
    if (found.length === 0) throw new Unavailable('this host has no block device that could be limited');
    for (const disk of found) writeSetting(group, 'io.max', `${ofDisk(disk, 'dev')} ${key}=${value ?? 'max'}`);
    return undefined;
  };
}

function notDelegated(group: string): string {
  return `the io controller is not delegated to ${group}`;
}

const folder = '/sys/block';

/** Names of whole disks; what is made of memory or of a file has nothing to be limited. */
function disks(): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).filter(name => !/^(?:loop|ram|zram)\d/.test(name)) : [];
}

function isScheduledByBfq(disk: string): boolean {
  return existsSync(join(folder, disk, 'queue/scheduler')) && ofDisk(disk, 'queue/scheduler').includes('[bfq]');
}

function ofDisk(disk: string, file: string): string {
  return readFileSync(join(folder, disk, file), 'latin1').trim();
}
