/**
 * How a program gets into its sandbox: words in front of its command line. Each step becomes the next by `exec`. Pure.
 *
 * - At level `standard` no process is added: the pid is the program's from the beginning.
 * - At level `strict` there are two more, of `bwrap`: one outside, whose exit code is the program's, and one inside that
 *   reaps. Who the program is on the host is found by what `bwrap` tells in {@link Sandbox.report}.
 */
import type { Sandbox } from './contract.ts';
import { dropPrivileges } from './privileges.ts';
import type { Tools } from './tools.ts';

/** What the launcher calls itself where it says why it gave up; see `launcher.ts`. */
const name = 'slipway-launch';

const mountAll = `
"$mount" --all --fstab "$1" || { echo "${name}: cannot set up the mounts of the sandbox" >&2; exit 125; }
shift`;

/** Arguments: the list of mounts, then what goes on inside. */
const standardScript = `${mountAll}
exec "$@"`;

/** Arguments: the list of mounts, the filter of system calls, the report, then what goes on inside. */
const strictScript = `${mountAll}
filter=$1 report=$2
shift 2
exec "$@" 9<"$filter" 8>"$report"`;

/** The shell that hands on any environment, and what it has to forget of its own. */
export interface Shell {
  readonly words: readonly string[];
  /** A command, or nothing. */
  readonly unset: string;
}

/** @param giveBack commands of a shell, to be run as the user that the program has; may be empty */
export function chainInto(
  sandbox: Sandbox,
  tools: Tools,
  shell: Shell,
  cwd: string,
  giveBack: string,
): readonly string[] {
  const { level, mountList, root, user, capabilities, filter, report } = sandbox;
  const { words, unset } = shell;
  const script = (text: string) => [...words, '-c', `${unset}\nmount=${tools.mount}${text}`, name];
  const ownMounts = [tools.unshare, '--mount', '--propagation', 'private', '--'];
  const inside =
    level === 'standard'
      ? [...script(standardScript), mountList, tools.unshare, '--root', root, '--wd', cwd, '--']
      : [...script(strictScript), mountList, filter, report, ...bubble(sandbox, tools, cwd)];
  return [...ownMounts, ...inside, ...dropPrivileges(tools, user, capabilities), ...returned(shell, giveBack)];
}

/** The last step, as the user that the program has: what was held of its environment is its own again. */
export function returned({ words, unset }: Shell, giveBack: string): readonly string[] {
  return giveBack === '' ? [] : [...words, '-c', `${unset}\n${giveBack}\nexec "$@"`, name];
}

/** What `setpriv` needs to become another user, and to give up what it needed. */
const capabilitiesOfSetpriv = ['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'];

/**
 * The cgroup namespace stays the host's: in another, what `/proc/self/cgroup` says doesn't fit `/sys/fs/cgroup`, and a
 * runtime that sizes itself to the memory limit (Node, the JVM) finds none.
 */
function bubble({ root, network, capabilities }: Sandbox, tools: Tools, cwd: string): readonly string[] {
  const kept = [...capabilitiesOfSetpriv, ...capabilities.map(one => `CAP_${one}`)];
  return [
    tools.bwrap,
    ...['--bind', root, '/', '--dev', '/dev', '--perms', '1777', '--tmpfs', '/dev/shm', '--proc', '/proc'],
    ...['--unshare-pid', '--unshare-ipc', '--unshare-uts'],
    ...(network === 'loopback' ? ['--unshare-net'] : []),
    ...['--cap-drop', 'ALL', ...kept.flatMap(one => ['--cap-add', one])],
    ...['--seccomp', '9', '--info-fd', '8', '--chdir', cwd, '--'],
  ];
}

/** Words in front of a command that is to run beside a program in its sandbox. Its filter of system calls isn't joined. */
export function chainBeside(
  pid: number,
  { level, user, capabilities }: Pick<Sandbox, 'level' | 'user' | 'capabilities'>,
  tools: Tools,
  cwd: string,
): readonly string[] {
  const inside = `/proc/${pid}/root`;
  const namespaces = level === 'strict' ? ['--mount', '--ipc', '--uts', '--net', '--pid'] : ['--mount'];
  return [
    ...[tools.nsenter, '--target', String(pid), ...namespaces, `--root=${inside}`, `--wd=${inside}${cwd}`, '--'],
    ...dropPrivileges(tools, user, capabilities),
  ];
}
