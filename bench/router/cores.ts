/**
 * One core for the proxy that is measured, another for whoever makes the load and answers it, so that no proxy is
 * measured with more, or with less, than the others.
 */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

const cores = { proxy: '0', others: '1', both: '0,1' } as const;
const enough = cpus().length > 1;

/** With all of its threads. What it starts later goes where it is itself. */
export function pin(pid: number, to: keyof typeof cores): void {
  if (enough)
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores[to], String(pid)], { stdio: 'ignore' });
}
