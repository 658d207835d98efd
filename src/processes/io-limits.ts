/** Disks, by cgroup v2: bandwidth is limited for each block device by itself, on its first use or not. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSetting } from './cgroup.ts';
import { type Applier, type Appliers, Unavailable } from './enforcement.ts';

export function ioAppliers(group: string): Appliers {
  return {
    'io.weight': (weight = 100) => {
      // Which of the two there is depends on the scheduler and cost model of the kernel.
      const file = ['io.weight', 'io.bfq.weight'].find(name => existsSync(join(group, name)));
      if (file === undefined) throw new Unavailable('no device here is scheduled by weight (BFQ or io.cost)');
      writeSetting(group, file, weight);
      return undefined;
    },
    'io.readBytes': eachDisk(group, 'rbps'),
    'io.writeBytes': eachDisk(group, 'wbps'),
    'io.readOps': eachDisk(group, 'riops'),
    'io.writeOps': eachDisk(group, 'wiops'),
  };
}

function eachDisk(group: string, key: string): Applier {
  return value => {
    if (!existsSync(join(group, 'io.max'))) throw new Unavailable(`the io controller is not delegated to ${group}`);
    const found = disks();
    if (found.length === 0) throw new Unavailable('this host has no block device that could be limited');
    for (const device of found) writeSetting(group, 'io.max', `${device} ${key}=${value ?? 'max'}`);
    return undefined;
  };
}

/** `major:minor` of whole disks; what is made of memory or of a file has nothing to be limited. */
function disks(): readonly string[] {
  const folder = '/sys/block';
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(name => !/^(?:loop|ram|zram)\d/.test(name))
    .map(name => readFileSync(join(folder, name, 'dev'), 'latin1').trim());
}
