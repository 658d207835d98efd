/**
 * The system calls that a strict sandbox refuses, as a filter for seccomp(2): those that concern the host as a whole,
 * other processes' memory, or namespaces, and that a service has no use for. Pure.
 *
 * - They fail with EPERM, so that a program that only tries goes on. `clone3` fails with ENOSYS, since its flags lie in
 *   memory that a filter can't see, and everybody falls back to `clone`.
 * - Calls by another architecture's numbers, x32 among them, are refused whole.
 */

/** linux/audit.h */
const architectures = { x64: 0xc000_003e, arm64: 0xc000_00b7 } as const;
export type Architecture = keyof typeof architectures;

/** By number on x86-64 and on arm64; `undefined` where there is no such call. */
const refused: Readonly<Record<string, readonly [x64: number | undefined, arm64: number | undefined]>> = {
  ptrace: [101, 117],
  syslog: [103, 116],
  personality: [135, 92],
  uselib: [134, undefined],
  ustat: [136, undefined],
  sysfs: [139, undefined],
  pivot_root: [155, 41],
  _sysctl: [156, undefined],
  adjtimex: [159, 171],
  chroot: [161, 51],
  acct: [163, 89],
  settimeofday: [164, 170],
  mount: [165, 40],
  umount2: [166, 39],
  swapon: [167, 224],
  swapoff: [168, 225],
  reboot: [169, 142],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  iopl: [172, undefined],
  ioperm: [173, undefined],
  create_module: [174, undefined],
  init_module: [175, 105],
  delete_module: [176, 106],
  get_kernel_syms: [177, undefined],
  query_module: [178, undefined],
  quotactl: [179, 60],
  nfsservctl: [180, 42],
  lookup_dcookie: [212, 18],
  clock_settime: [227, 112],
  vserver: [236, undefined],
  mbind: [237, 235],
  set_mempolicy: [238, 237],
  get_mempolicy: [239, 236],
  kexec_load: [246, 104],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  migrate_pages: [256, 238],
  unshare: [272, 97],
  move_pages: [279, 239],
  perf_event_open: [298, 241],
  fanotify_init: [300, 262],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  clock_adjtime: [305, 266],
  setns: [308, 268],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  kcmp: [312, 272],
  finit_module: [313, 273],
  kexec_file_load: [320, 294],
  bpf: [321, 280],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  open_tree: [428, 428],
  move_mount: [429, 429],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  mount_setattr: [442, 442],
};

const clone = { x64: 56, arm64: 220 } as const;
const clone3 = 435;
/** CLONE_NEWNS, -CGROUP, -UTS, -IPC, -USER, -PID and -NET (clone(2)). */
const namespaceFlags = 0x7e02_0000;
const x32 = 0x4000_0000;

/** linux/bpf_common.h, linux/seccomp.h */
const op = { load: 0x20, jumpEqual: 0x15, jumpAtLeast: 0x35, jumpAnySet: 0x45, answer: 0x06 } as const;
const answer = { allow: 0x7fff_0000, eperm: 0x0005_0001, enosys: 0x0005_0026 } as const;
/** Offsets in `struct seccomp_data`. */
const data = { number: 0, architecture: 4, firstArgument: 16 } as const;

/** @returns the filter as `bwrap --seccomp` takes it, in the byte order of these architectures */
export function seccompFilter(architecture: Architecture): Buffer {
  const program: (readonly [code: number, whenTrue: number, whenFalse: number, value: number])[] = [];
  const add = (code: number, value: number, whenTrue = 0, whenFalse = 0) =>
    program.push([code, whenTrue, whenFalse, value]);
  add(op.load, data.architecture);
  add(op.jumpEqual, architectures[architecture], 1, 0);
  add(op.answer, answer.eperm);
  add(op.load, data.number);
  if (architecture === 'x64') {
    add(op.jumpAtLeast, x32, 0, 1);
    add(op.answer, answer.eperm);
  }
  for (const numbers of Object.values(refused)) {
    const number = numbers[architecture === 'x64' ? 0 : 1];
    if (number === undefined) continue;
    add(op.jumpEqual, number, 0, 1);
    add(op.answer, answer.eperm);
  }
  add(op.jumpEqual, clone3, 0, 1);
  add(op.answer, answer.enosys);
  add(op.jumpEqual, clone[architecture], 0, 3);
  add(op.load, data.firstArgument);
  add(op.jumpAnySet, namespaceFlags, 0, 1);
  add(op.answer, answer.eperm);
  add(op.answer, answer.allow);
  const filter = Buffer.alloc(program.length * 8);
  for (const [index, [code, whenTrue, whenFalse, value]] of program.entries()) {
    filter.writeUInt16LE(code, index * 8);
    filter.writeUInt8(whenTrue, index * 8 + 2);
    filter.writeUInt8(whenFalse, index * 8 + 3);
    filter.writeUInt32LE(value, index * 8 + 4);
  }
  return filter;
}

export function isKnownArchitecture(name: string): name is Architecture {
  return name in architectures;
}
