/** What the process ends with, for scripts. */
import { type ErrorCode, SlipwayError } from '../domain/errors.ts';

export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  daemonNotRunning: 3,
  timedOut: 4,
} as const;

const special: Partial<Record<ErrorCode, number>> = {
  SLIP_USAGE: exitCodes.usage,
  SLIP_DAEMON_UNREACHABLE: exitCodes.daemonNotRunning,
  SLIP_WAIT_TIMEOUT: exitCodes.timedOut,
};

export function exitCodeOf(error: unknown): number {
  return (error instanceof SlipwayError && special[error.code]) || exitCodes.failed;
}
