/** The command line as a whole: one table of commands, one way to fail. */
import { Command, CommanderError } from 'commander';
import { SlipwayError } from '../domain/errors.ts';
import { type GlobalOptions, openCli, type Run, runWith } from './cli.ts';
import { apply } from './commands/apply.ts';
import { daemon } from './commands/daemon.ts';
import { deploy } from './commands/deploy.ts';
import { describe } from './commands/describe.ts';
import { doctor } from './commands/doctor.ts';
import { down } from './commands/down.ts';
import { events } from './commands/events.ts';
import { history } from './commands/history.ts';
import { logs } from './commands/logs.ts';
import { pack } from './commands/pack.ts';
import { proxy } from './commands/proxy.ts';
import { rollback } from './commands/rollback.ts';
import { scale } from './commands/scale.ts';
import { startStopRestart } from './commands/start-stop-restart.ts';
import { status } from './commands/status.ts';
import { top } from './commands/top.ts';
import { up } from './commands/up.ts';
import { validate } from './commands/validate.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import type { Local } from './local.ts';
import { report } from './report.ts';
import { withSuggestion } from './suggestion.ts';

/** In the order in which help lists them. */
const commands: readonly ((program: Command, run: Run) => void)[] = [
  up,
  down,
  daemon,
  validate,
  apply,
  deploy,
  status,
  top,
  describe,
  startStopRestart,
  scale,
  history,
  rollback,
  logs,
  events,
  proxy,
  doctor,
  pack,
];

export function createProgram(local: Local): Command {
  const program = new Command('slipway')
    .description('Runs packages as supervised, probed and load-balanced services on this host.')
    .version(local.version(), '-V, --version', 'print the version')
    .option('--home <dir>', 'where the daemon keeps everything (SLIPWAY_HOME)')
    .option('--json', 'print JSON: what the API gives')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .addHelpText('after', environmentHelp);
  for (const register of commands) register(program, runWith(local));
  return program;
}

const environmentHelp = `
Exit codes:
  0  done
  1  failed; the reason is on standard error
  2  the command line was not understood
  3  no daemon answers
  4  it did not happen in time; it still may

Environment:
  SLIPWAY_HOME           instead of --home; else /var/lib/slipway for root, and
                         $XDG_STATE_HOME/slipway or ~/.local/state/slipway for others
  NO_COLOR, FORCE_COLOR  colour never, or always; else on a terminal
  SLIPWAY_DEBUG=1        show the stack of an error`;

/** @returns the exit code */
export async function runCli(args: readonly string[], local: Local): Promise<number> {
  endWithReader();
  const program = createProgram(local);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.done;
    // No command was given, and the help that commander shows then says all.
    if (error instanceof CommanderError && error.code === 'commander.help') return exitCodes.usage;
    const options = program.opts<GlobalOptions>();
    const failure = error instanceof CommanderError ? usageError(error) : error;
    report(await withSuggestion(failure, args, () => openCli(options, local).client), options.json ?? false);
    return exitCodeOf(failure);
  }
}

/** `slipway logs … | head`: when the reader has enough, that is no failure. */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(exitCodes.done);
  });
}

/** Commander says `error: unknown command 'x'`, and on further lines what may have been meant. */
function usageError({ message }: CommanderError): SlipwayError {
  const [first = '', ...details] = message.replace(/^error: /, '').split('\n');
  return new SlipwayError('SLIP_USAGE', `cannot understand the command line: ${first}`, { details });
}
