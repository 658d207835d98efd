/**
 * The program that is supervised: its first act is to tell that it runs, then it waits for ever. It tells so through a
 * FIFO. A static C program reads the clock itself; without a compiler it is a shell script, whose word is taken for
 * the moment at which it arrives here.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, constants, openSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { isAlive } from './processes.ts';
import { monotonicSeconds } from './waiting.ts';

const inC = `
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  int fifo = open(argv[1], O_WRONLY);
  dprintf(fifo, "%d %lld.%09ld\\n", getpid(), (long long)now.tv_sec, now.tv_nsec);
  close(fifo);
  for (;;) pause();
}
`;

const inShell = `#!/bin/sh
echo $$ >"$1"
exec sleep 2147483647
`;

/** Makes the program in `folder`. @returns its path */
export function makeTiny(folder: string): string {
  const program = join(folder, 'tiny');
  const source = `${program}.c`;
  writeFileSync(source, inC);
  try {
    execFileSync('cc', ['-O2', '-static', '-o', program, source], { stdio: 'ignore' });
  } catch {
    writeFileSync(program, inShell);
    chmodSync(program, 0o755);
    console.log('there is no C compiler: a shell script stands in for the program');
  }
  return program;
}

export interface Birth {
  readonly pid: number;
  /** In {@link monotonicSeconds}. */
  readonly at: number;
}

/** Hears of the programs that were given its path. */
export class Births {
  readonly path: string;
  readonly #socket: Socket;
  readonly #unheard: Birth[] = [];
  readonly #pids = new Set<number>();
  #rest = '';

  constructor(path: string) {
    this.path = path;
    execFileSync('mkfifo', [path]);
    // For writing too, so that it doesn't end when a writer closes it.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    this.#socket = new Socket({ fd, readable: true, writable: false });
    this.#socket.setEncoding('latin1').on('data', text => this.#hear(String(text)));
  }

  /** The next `count`, in order. @throws Error when it takes longer than `limit` milliseconds */
  async next(count: number, limit = 60_000): Promise<readonly Birth[]> {
    const late = AbortSignal.timeout(limit);
    while (this.#unheard.length < count) {
      await once(this.#socket, 'data', { signal: late }).catch(() => {
        throw new Error(`only ${this.#unheard.length} of ${count} programs ran within ${limit / 1000} s`);
      });
    }
    return this.#unheard.splice(0, count);
  }

  /** Of those that were ever heard of. */
  get alive(): readonly number[] {
    return [...this.#pids].filter(isAlive);
  }

  close(): void {
    this.#socket.destroy();
  }

  #hear(text: string): void {
    const arrived = monotonicSeconds();
    const lines = `${this.#rest}${text}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [pid, at = arrived] = line.split(' ').map(Number);
      if (pid === undefined) continue;
      this.#pids.add(pid);
      this.#unheard.push({ pid, at });
    }
  }
}
