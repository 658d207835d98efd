/**
 * The `exec` probe: a command, run in the instance's folder and environment, that passes when it exits 0. It gets a
 * process group of its own, and nothing of that group is left when the run is over.
 */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { Milliseconds } from '../domain/clock.ts';
import { exitInWords } from '../domain/instance/restart.ts';
import { placeholdersOf } from '../domain/place.ts';
import { expandPlaceholders } from '../domain/placeholders.ts';
import { type Attempt, attempt, type TimeLimit } from './attempt.ts';
import type { ProbeTarget } from './contract.ts';

/** How long its output is waited for after the exit, where something outside the group holds it open. */
const outputGrace: Milliseconds = 100;
const keptOutput = 4096;
const longestDetail = 200;

export function execAttempt(words: readonly string[], target: ProbeTarget, limit: TimeLimit): Attempt {
  const argv = expandPlaceholders(words, placeholdersOf(target.place));
  return attempt(limit, run => {
    run.progress('no exit');
    const given = { argv, cwd: target.cwd, env: target.env };
    const { argv: command, cwd, env } = target.beside?.(given) ?? given;
    const [program = '', ...args] = command;
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const missing = `no such program, or no folder ${cwd}`;
      run.end(false, `cannot run ${program}: ${error.code === 'ENOENT' ? missing : error.message}`);
    });
    // There are none where the host had no descriptor left for them.
    const streams: readonly (Readable | undefined)[] = [child.stdout, child.stderr];
    let output = Buffer.alloc(0);
    for (const stream of streams) {
      stream?.on('data', (chunk: Buffer) => {
        output = Buffer.concat([output, chunk]).subarray(-keptOutput);
      });
      // The group is killed while it writes.
      stream?.on('error', () => {});
    }
    const killGroup = () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // None of it is left.
      }
    };
    let cancelGrace = () => {};
    const exited = (code: number | null, signal: NodeJS.Signals | null) => {
      killGroup();
      const ending = { ...(code !== null && { code }), ...(signal !== null && { signal }), oomKilled: false };
      const end = () => run.end(code === 0, [exitInWords(ending), ...lastLine(output)].join(': '));
      cancelGrace = limit.clock.after(outputGrace, end);
      child.on('close', end);
    };
    child.on('exit', exited);
    return () => {
      child.off('exit', exited);
      cancelGrace();
      if (child.exitCode === null && child.signalCode === null) killGroup();
      for (const stream of streams) stream?.destroy();
    };
  });
}

/** The last line that says something, fit to be shown: no control characters, and not too long. */
function lastLine(output: Buffer): readonly string[] {
  const lines = output.toString('utf8').split('\n').map(shown);
  return lines.filter(line => line !== '').slice(-1);
}

function shown(line: string): string {
  return line
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, longestDetail);
}
