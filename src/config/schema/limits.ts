/** What an instance may consume, and what is reserved for it. */
import { decimal, size, whole, word } from './scalars.ts';
import { section } from './section.ts';

const weightText = 'relative to others; 100 is usual';

const memory = size({ min: 1024 ** 2 }).exactOptional();
const cpu = decimal(0.01, 1024, 'a number of cores').exactOptional();
const pids = whole(1, 4_194_304).exactOptional();

export const limitsSchema = section({
  memory: memory.describe('Memory of the instance’s whole process tree; beyond it, the kernel kills.'),
  memoryHigh: size({ min: 1024 ** 2 })
    .exactOptional()
    .describe('Beyond it the kernel throttles the instance and reclaims memory (cgroup v2).'),
  swap: size().exactOptional().describe('What may be swapped out. Left out, with `memory`: nothing.'),
  cpu: cpu.meta({ description: 'CPU time in cores: 0.5 is half of one.', examples: [0.5, 2] }),
  cpuWeight: whole(1, 10_000).exactOptional().describe(`Share of the CPU where it is scarce, ${weightText}.`),
  pids: pids.describe('Processes and threads of the tree.'),
  io: section({
    weight: whole(1, 10_000).exactOptional().describe(`Share of the disks where they are busy, ${weightText}.`),
    readBytes: size({ min: 4096 }).exactOptional().describe('Read from each disk in a second.'),
    writeBytes: size({ min: 4096 }).exactOptional().describe('Written to each disk in a second.'),
    readOps: whole(1, 1_000_000_000).exactOptional().describe('Reads from each disk in a second.'),
    writeOps: whole(1, 1_000_000_000).exactOptional().describe('Writes to each disk in a second.'),
  })
    .exactOptional()
    .describe('Use of disks.'),
  openFiles: whole(16, 1_048_576).exactOptional().describe('Open files of each process.'),
  coreDump: size().exactOptional().describe('Size of a core dump; 0 for none.'),
  nice: whole(-20, 19).exactOptional().describe('More is less urgent.'),
  oomScoreAdjust: whole(-1000, 1000).exactOptional().describe('More is killed earlier when the host is out of memory.'),
}).refine(({ memory: max, memoryHigh: high }) => max === undefined || high === undefined || high <= max, {
  error: 'cannot throttle beyond what is killed: expected memoryHigh to be at most memory',
});

export const totalLimitsSchema = section({
  memory: memory.describe('Memory of all instances together.'),
  cpu: cpu.describe('CPU time of all instances together, in cores.'),
  pids: pids.describe('Processes and threads of all instances together.'),
});

export const requestsSchema = section({
  cpu: cpu.describe('Cores that are reserved for each instance.'),
  memory: memory.describe('Memory that is reserved for each instance.'),
});

export const capacitySchema = section({
  cpu: decimal(0.01, 4096, 'a number of cores')
    .exactOptional()
    .describe('Cores for instances. Left out: all of the host.'),
  memory: size({ min: 1024 ** 2 })
    .exactOptional()
    .describe('Memory for instances. Left out: all of the host.'),
  overcommit: section({
    cpu: decimal(0.01, 1000).prefault(1).describe('How many times the cores may be requested.'),
    memory: decimal(0.01, 1000).prefault(1).describe('How many times the memory may be requested.'),
  })
    .prefault({})
    .describe('How much more may be requested than there is.'),
  whenFull: word(['refuse', 'queue'])
    .prefault('refuse')
    .describe('What asks for more than there is left is refused, or waits until there is room.'),
});
