/** @returns `false` where there is no such process; one that may not be signalled is still there, so `true` */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EPERM') return true;
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/** SIGKILL to each that is still there. */
export function killEach(pids: readonly number[]): void {
  for (const pid of pids) sendSignal(pid, 'SIGKILL');
}

/** Whether any process, a zombie too, is in the process group of that number. */
export function isGroup(group: number): boolean {
  return sendSignal(-group, 0);
}
