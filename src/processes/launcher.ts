/**
 * How a program comes to life: through a few lines of `sh` that enter the cgroups and then become the program, so that
 * it never runs an instruction outside of them and keeps the pid that the daemon was told.
 *
 * - The program gets a session of its own, the order's environment with the mark, and no descriptor but the log.
 * - Where the launcher can't enter, it ends; the program never runs outside instead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { SlipwayError } from '../domain/errors.ts';
import { codeOf } from './cgroup.ts';
import type { Command, LaunchOrder, TreeRecord } from './contract.ts';
import { launcher, shellFor } from './launch-line.ts';
import { markerVariable } from './marker.ts';
import { nothingPrepared, type Preparation } from './process-limits.ts';
import { chainBeside, chainInto, launcherName, returned } from './sandbox/chain.ts';
import type { SandboxUser } from './sandbox/contract.ts';
import { holdEnvironment } from './sandbox/held-environment.ts';
import { sandboxTools } from './sandbox/support.ts';

/** Exit codes of a launcher where it can't enter, and of `sh` where it can't execute. */
const failureCodes: readonly (number | undefined)[] = [125, 126, 127];

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
  const { sandbox } = order;
  const { env, giveBack } = sandbox ? holdEnvironment(order.env) : { env: order.env, giveBack: '' };
  const chain = sandbox && chainInto(sandbox, sandboxTools(sandbox), shellFor(env), order.cwd, giveBack);
  const prepared = { ...preparation, ...(sandbox && { umask: sandbox.umask }) };
  const [shell = '', ...args] = launcher(entrances, prepared, order.argv, env, chain);
  const log = openLog(order.logFile, sandbox?.user);
  let child: ChildProcess;
  try {
    child = spawn(shell, args, {
      // The folder may be one that only the sandbox's user may enter.
      cwd: sandbox ? '/' : order.cwd,
      env: { ...env, [markerVariable]: mark },
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

/** A command that runs beside a tree's main process: in its cgroups and, where it has one, in its sandbox. */
export function besideOf(
  { identity, sandbox }: Pick<TreeRecord, 'identity' | 'sandbox'>,
  entrances: readonly string[],
  { argv, cwd, env }: Command,
): Command {
  if (sandbox === undefined) return { argv: launcher(entrances, nothingPrepared, argv, env), cwd, env };
  // On its way in it still sees the host, and so would what joined it.
  if (userOf(identity.pid) !== sandbox.user.uid) {
    throw new SlipwayError('SLIP_LAUNCH_FAILED', 'cannot run beside the instance: it has not entered its sandbox yet');
  }
  const { env: held, giveBack } = holdEnvironment(env);
  const wrapper = [
    ...chainBeside(identity.pid, sandbox, sandboxTools(sandbox), cwd),
    ...returned(shellFor(held), giveBack),
  ];
  return { argv: launcher(entrances, { ...nothingPrepared, wrapper }, argv, held), cwd: '/', env: held };
}

function userOf(pid: number): number | undefined {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return undefined;
  }
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
  const foreign = lines.findLastIndex(line => !line.startsWith(`${launcherName}: `));
  const own = lines.slice(foreign + 1).map(line => line.slice(launcherName.length + 2));
  return own.length > 0 ? own.join('; ') : undefined;
}

/** An instance with a user of its own may open it again, as `/dev/stdout`. */
function openLog(path: string, user: SandboxUser | undefined): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  try {
    const log = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o640);
    if (user === undefined) return log;
    fchownSync(log, 0, user.gid);
    fchmodSync(log, 0o620);
    return log;
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
