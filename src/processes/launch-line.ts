/**
 * The command line of a launcher: a few lines of `sh` that enter the cgroups and the sandbox, set what processes hand
 * on, and become the program.
 */
import { existsSync } from 'node:fs';
import { SlipwayError } from '../domain/errors.ts';
import type { Preparation } from './process-limits.ts';
import { type Chain, launcherName, noChain, type Shell } from './sandbox/chain.ts';

type Environment = Readonly<Record<string, string>>;

/** Arguments: values and the files to write them to in turns, `--`, those of the chain's steps, the command. */
function script({ steps }: Chain, { ulimits, umask }: Preparation): string {
  const lines = [
    ...steps.map(({ command, failure }) => `${command} || ${giveUp(failure)}`),
    ...ulimits.map(limit => `ulimit ${limit} || ${giveUp(`cannot set ulimit ${limit}`)}`),
    `umask ${umask.toString(8).padStart(4, '0')}`,
  ];
  return `
while [ "$1" != -- ]; do
  echo "$1" >"$2" || ${giveUp('cannot write to $2')}
  shift 2
done
shift
${lines.join('\n')}
exec "$@"`;
}

const giveUp = (why: string) => `{ echo "${launcherName}: ${why}" >&2; exit 125; }`;

/** @throws SlipwayError SLIP_LAUNCH_FAILED when no shell here can hand on such an environment */
export function launcher(
  entrances: readonly string[],
  preparation: Preparation,
  argv: readonly string[],
  env: Environment,
  chain: Chain = noChain,
): readonly string[] {
  const { words, unset } = shellFor(env);
  const { writes, wrapper } = preparation;
  const written = [...entrances.map(file => ['0', file]), ...writes.map(({ value, file }) => [String(value), file])];
  return [
    ...chain.before,
    ...[...words, '-c', `${unset}${script(chain, preparation)}`, launcherName, ...written.flat(), '--'],
    ...[...chain.stepArgs, ...wrapper, ...chain.inside, ...argv],
  ];
}

/** `dash` and others drop variables whose names aren't POSIX names, such as `spring.profiles.active`. */
export function shellFor(env: Environment): Shell {
  // Shells set these by themselves; they are the program's only if the order says so.
  const strangers = ['PWD', 'OLDPWD', 'SHLVL'].filter(variable => !Object.hasOwn(env, variable));
  const unset = strangers.length > 0 ? `unset ${strangers.join(' ')}` : '';
  const strange = Object.keys(env).find(variable => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable));
  if (strange === undefined) return { words: ['/bin/sh'], unset };
  if (existsSync('/bin/bash')) return { words: ['/bin/bash', '-p'], unset };
  throw new SlipwayError(
    'SLIP_LAUNCH_FAILED',
    `cannot pass on the variable ${JSON.stringify(strange)}: its name is none that /bin/sh hands on; rename it, or install bash`,
  );
}

/** Of `ulimit -c`: bash counts in kilobytes, but where it is told to be a POSIX shell. */
export function coreBlockSize(env: Environment): number {
  return shellFor(env).words[0] === '/bin/sh' ? 512 : 1024;
}
