import type { Command } from 'commander';
import { SlipwayError } from '../../domain/errors.ts';
import type { Diagnosis } from '../api-types.ts';
import type { Cli, Run } from '../cli.ts';
import type { Colors } from '../terminal.ts';
import { printable } from '../words.ts';

export function doctor(program: Command, run: Run): void {
  program
    .command('doctor')
    .description('tell what this host can enforce, what not, and what to do about it')
    .option('-q, --quiet', 'only notes and gaps')
    .addHelpText(
      'after',
      '\nWithout a daemon only the host is looked at. Exits 1 if a gap concerns a configured service.\n' +
        'With --json: {daemon, findings: [{area, status, message, mend?, services}…]}.',
    )
    .action(
      run(async ({ client, colors, home, local, print }: Cli, { quiet = false }: { quiet?: boolean }) => {
        const diagnosis = await client.call('GET /v1/doctor', {}).catch(error => {
          if (error instanceof SlipwayError && error.code === 'SLIP_DAEMON_UNREACHABLE') return local.diagnose(home);
          throw error;
        });
        await print(() => diagnosisText(diagnosis, quiet, colors), diagnosis);
        const concerned = [...new Set(diagnosis.findings.flatMap(({ services }) => services))];
        if (concerned.length === 0) return;
        throw new SlipwayError('SLIP_GAPS_FOUND', `cannot give all that is asked for to: ${concerned.join(', ')}`);
      }),
    );
}

function diagnosisText({ daemon, findings }: Diagnosis, quiet: boolean, colors: Colors): string {
  const shown = quiet ? findings.filter(({ status }) => status !== 'ok') : findings;
  const width = Math.max(0, ...shown.map(({ area }) => area.length));
  const paint = { ok: colors.green, note: colors.yellow, gap: colors.red };
  const lines = shown.flatMap(({ area, status, message, mend }) => [
    `${paint[status](status.padEnd(4))}  ${area.padEnd(width)}  ${printable(message)}`,
    ...(mend === undefined ? [] : [`${' '.repeat(width + 8)}${colors.dim(`→ ${printable(mend)}`)}`]),
  ]);
  const count = (status: string) => findings.filter(one => one.status === status).length;
  const summary = `${count('ok')} ok, ${count('note')} to note, ${count('gap')} ${count('gap') === 1 ? 'gap' : 'gaps'}`;
  const host = daemon ? [] : ['No daemon answers, so this is the host alone, as a daemon of this user would find it.'];
  return [...lines, '', ...host, summary].join('\n');
}
