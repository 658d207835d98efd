/**
 * How a program gets into its sandbox: what its launcher does on the way, and words before and behind it. Each becomes
 * the next by `exec`. Pure.
 *
 * - At level `standard` no process is added: the pid is the program's from the beginning.
 * - At level `strict` there are two more, of `bwrap`: one outside, whose exit code is the program's, and one inside that
 *   reaps. Who the program is on the host is found by what `bwrap` tells in {@link Sandbox.report}.
 */
import type { Sandbox } from './contract.ts';
import { dropPrivileges } from './privileges.ts';
import type { Tools } from './tools.ts';

/** What shells on the way call themselves where they say why they gave up. */
export const launcherName = 'slipway-launch';

export interface Chain {
  /** Words in front of the launcher's shell. */
  readonly before: readonly string[];
  /** Commands of that shell, which take their arguments off the front; and what is said where one fails. */
  readonly steps: readonly { readonly command: string; readonly failure: string }[];
  readonly stepArgs: readonly string[];
  /** Words in front of the program. */
  readonly inside: readonly string[];
}

export const noChain: Chain = { before: [], steps: [], stepArgs: [], inside: [] };

/** The shell that hands on any environment, and what it has to forget of its own. */
export interface Shell {
  readonly words: readonly string[];
  /** A command, or nothing. */
  readonly unset: string;
}

/** @param giveBack commands of a shell, to be run as the user that the program has; may be empty */
export function chainInto(sandbox: Sandbox, tools: Tools, shell: Shell, cwd: string, giveBack: string): Chain {
  const { level, mountList, root, user, capabilities, filter, report } = sandbox;
  const isStrict = level === 'strict';
  const mount = {
    command: `${tools.mount} --all --fstab "$1" && shift`,
    failure: 'cannot mount what the sandbox sees',
  };
  const open = { command: 'exec 9<"$1" 8>"$2" && shift 2', failure: 'cannot open the files of the sandbox' };
  const enter = isStrict ? bubble(sandbox, tools, cwd) : [tools.unshare, '--root', root, '--wd', cwd, '--'];
  return {
    before: [tools.unshare, '--mount', '--propagation', 'private', '--'],
    steps: isStrict ? [mount, open] : [mount],
    stepArgs: isStrict ? [mountList, filter, report] : [mountList],
    inside: [...enter, ...dropPrivileges(tools, user, capabilities), ...returned(shell, giveBack)],
  };
}

/** The last step, as the user that the program has: what was held of its environment is its own again. */
export function returned({ words, unset }: Shell, giveBack: string): readonly string[] {
  return giveBack === '' ? [] : [...words, '-c', `${unset}\n${giveBack}\nexec "$@"`, launcherName];
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
