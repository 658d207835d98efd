import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Tells one boot of the host from the next; `unknown` on a host that says nothing of its boots. */
export function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return bootTime();
  }
}

/** As macOS and the BSDs tell it. */
function bootTime(): string {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    return execFileSync('sysctl', ['-n', 'kern.boottime'], { encoding: 'latin1', stdio: [...stdio] }).trim();
  } catch {
    return 'unknown';
  }
}
