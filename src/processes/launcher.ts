/**
 * How a program comes to life: through a few lines of `sh` that enter the cgroups and then become the program, so that
 * it never runs an instruction outside of them and keeps the pid that the daemon was told.
 *
 * - The program gets a session of its own, the order's environment with the mark, and no descriptor but the log.
 * - Where the launcher can't enter, it ends; the program never runs outside instead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { SlipwayError } from '../domain/errors.ts';
import { codeOf } from './cgroup.ts';
import type { LaunchOrder } from './contract.ts';
import { markerVariable } from './marker.ts';
import type { Preparation } from './process-limits.ts';

const name = 'slipway-launch';

/** Arguments: values and the files to write them to in turns, `--`, the command. */
const script = (ulimits: readonly string[]) => `
while [ "$1" != -- ]; do
  echo "$1" >"$2" || { echo "${name}: cannot write to $2" >&2; exit 125; }
  shift 2
done
shift
${ulimits.map(limit => `ulimit ${limit} || { echo "${name}: cannot set ulimit ${limit}" >&2; exit 125; }\n`).join('')}umask 022
exec "$@"`;

/** Exit codes of the script where it can't enter, and of `sh` where it can't execute. */
const failureCodes: readonly (number | undefined)[] = [125, 126, 127];

type Environment = Readonly<Record<string, string>>;

/**
 * The command line of a launcher.
 * @throws SlipwayError SLIP_LAUNCH_FAILED when no shell here can hand on such an environment
 */
export function launcher(
  entrances: readonly string[],
  { ulimits, writes, wrapper }: Preparation,
  argv: readonly string[],
  env: Environment,
): readonly string[] {
  // Shells set these by themselves; they are the program's only if the order says so.
  const strangers = ['PWD', 'OLDPWD', 'SHLVL'].filter(variable => !Object.hasOwn(env, variable));
  const unset = strangers.length > 0 ? `unset ${strangers.join(' ')}` : '';
  const written = [...entrances.map(file => ['0', file]), ...writes.map(({ value, file }) => [String(value), file])];
  return [...shellFor(env), '-c', `${unset}${script(ulimits)}`, name, ...written.flat(), '--', ...wrapper, ...argv];
}

/**
 * Starts the order's command in what the entrances lead to, under `mark`, as the leader of a new session.
 * @throws SlipwayError SLIP_LAUNCH_FAILED
 */
export async function launch(
  order: LaunchOrder,
  entrances: readonly string[],
  preparation: Preparation,
  mark: string,
): Promise<Launched> {
  const [shell = '', ...args] = launcher(entrances, preparation, order.argv, order.env);
  const log = openLog(order.logFile);
  let child: ChildProcess;
  try {
    child = spawn(shell, args, {
      cwd: order.cwd,
      env: { ...order.env, [markerVariable]: mark },
      detached: true,
      stdio: ['ignore', log, log],
    });
  } catch (error) {
    throw refused(order, error);
  } finally {
    closeSync(log);
  }
  const { pid } = child;
  if (pid === undefined) throw refused(order, (await once(child, 'error'))[0]);
  return { child, pid };
}

export interface Launched {
  readonly child: ChildProcess;
  readonly pid: number;
}

/**
 * Why the launcher ended before it became the program, from the last lines of the log; `undefined` where it was the
 * program that ended.
 */
export function launchFailure(logFile: string, code: number | undefined): string | undefined {
  if (!failureCodes.includes(code)) return undefined;
  const lines = tail(logFile).trimEnd().split('\n');
  const foreign = lines.findLastIndex(line => !line.startsWith(`${name}: `));
  const own = lines.slice(foreign + 1).map(line => line.slice(name.length + 2));
  return own.length > 0 ? own.join('; ') : undefined;
}

/** `dash` and others drop variables whose names aren't POSIX names, such as `spring.profiles.active`. */
function shellFor(env: Environment): readonly string[] {
  const strange = Object.keys(env).find(variable => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable));
  if (strange === undefined) return ['/bin/sh'];
  if (existsSync('/bin/bash')) return ['/bin/bash', '-p'];
  throw new SlipwayError(
    'SLIP_LAUNCH_FAILED',
    `cannot pass on the variable ${JSON.stringify(strange)}: its name is none that /bin/sh hands on; rename it, or install bash`,
  );
}

/** Of `ulimit -c`: bash counts in kilobytes, but where it is told to be a POSIX shell. */
export function coreBlockSize(env: Environment): number {
  return shellFor(env)[0] === '/bin/sh' ? 512 : 1024;
}

function openLog(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  try {
    return openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o640);
  } catch (error) {
    throw new SlipwayError('SLIP_LAUNCH_FAILED', `cannot open the log ${path} (${codeOf(error)})`, { cause: error });
  }
}

function refused(order: LaunchOrder, error: unknown): SlipwayError {
  const code = codeOf(error);
  const why = reasons[code] ?? code;
  return new SlipwayError('SLIP_LAUNCH_FAILED', `cannot start ${order.argv[0]}: ${why}`, { cause: error });
}

const reasons: Readonly<Record<string, string>> = {
  EAGAIN: 'the host, or the daemon’s user, has as many processes as it may (EAGAIN)',
  ENOMEM: 'the host has no memory left (ENOMEM)',
  E2BIG: 'its arguments and environment are too long together (E2BIG)',
  EMFILE: 'the daemon has as many open files as it may (EMFILE)',
};

function tail(path: string): string {
  const buffer = Buffer.alloc(4096);
  try {
    const log = openSync(path, 'r');
    try {
      const length = readSync(log, buffer, 0, buffer.length, Math.max(0, fstatSync(log).size - buffer.length));
      return buffer.toString('utf8', 0, length);
    } finally {
      closeSync(log);
    }
  } catch {
    return '';
  }
}
