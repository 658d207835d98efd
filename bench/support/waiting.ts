import { setTimeout as delay } from 'node:timers/promises';

/** Seconds on the clock that all processes of this boot share. */
export function monotonicSeconds(): number {
  return Number(process.hrtime.bigint()) / 1e9;
}

/** @throws Error when it takes longer than `limit` milliseconds */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limit = 30_000): Promise<void> {
  const end = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${limit / 1000} s in vain for ${what}`);
    await delay(20);
  }
}
