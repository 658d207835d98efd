/** Where this host keeps its cgroup hierarchies: looked up, never assumed. */

export interface CgroupMounts {
  /** Each with the controllers that are mounted together there (`cpu` and `cpuacct`, often). */
  readonly v1: readonly { readonly path: string; readonly controllers: readonly string[] }[];
  readonly v2?: { readonly path: string; readonly root: string };
}

/** Reads `/proc/self/mountinfo`; see proc_pid_mountinfo(5). Of a hierarchy mounted twice, the first counts. */
export function parseCgroupMounts(mountinfo: string): CgroupMounts {
  const v1 = new Map<string, { path: string; controllers: readonly string[] }>();
  let v2: CgroupMounts['v2'];
  for (const line of mountinfo.split('\n')) {
    const [mount = '', filesystem = ''] = line.split(' - ');
    const [, , , root = '', path = ''] = mount.split(' ').map(unescapeOctal);
    const [type, , superOptions = ''] = filesystem.split(' ');
    if (type === 'cgroup2') v2 ??= { path, root };
    if (type !== 'cgroup') continue;
    const controllers = superOptions.split(',').filter(option => /^[a-z_]+$/.test(option) && !mountFlags.has(option));
    const name = controllers.join(',');
    if (controllers.length > 0 && !v1.has(name)) v1.set(name, { path, controllers });
  }
  return { v1: [...v1.values()], ...(v2 ? { v2 } : {}) };
}

/**
 * Reads `/proc/self/cgroup` for where this process is in the v2 hierarchy.
 * @returns its folder, or `undefined` where that lies outside what is mounted here
 */
export function ownCgroup(procSelfCgroup: string, mount: { readonly path: string; readonly root: string }) {
  const own = /^0::(\/.*)$/m.exec(procSelfCgroup)?.[1];
  if (own === undefined || own.startsWith('/..')) return undefined;
  const root = mount.root === '/' ? '' : mount.root;
  if (own !== root && !own.startsWith(`${root}/`)) return undefined;
  return `${mount.path}${own.slice(root.length)}`.replace(/\/$/, '');
}

const mountFlags = new Set(['rw', 'ro', 'xattr', 'noprefix', 'clone_children']);

/** Blanks, tabs, line breaks and backslashes stand as octal escapes. */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
