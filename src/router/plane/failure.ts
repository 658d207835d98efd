/** Why an exchange with an instance failed. */

/**
 * `connect`: the instance has not accepted a connection, so nothing of the request has come to it. `stale`: a kept
 * connection was closed before a byte of an answer. `later`: the instance may have acted on the request.
 */
export type FailureKind = 'connect' | 'stale' | 'later';

export interface Failure {
  readonly kind: FailureKind;
  /** In words for the log. */
  readonly cause: string;
  /** It took too long. */
  readonly timedOut: boolean;
  /** It says nothing about the instance: this process or this host has come to a limit. */
  readonly ours: boolean;
}

const ourLimits = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

export function failure(kind: FailureKind, cause: string): Failure {
  return { kind, cause, timedOut: false, ours: false };
}

export function timeout(kind: FailureKind, cause: string): Failure {
  return { kind, cause, timedOut: true, ours: false };
}

/** @param error of the connection; none where the instance closed it */
export function brokenOff(kind: FailureKind, error: Error | undefined): Failure {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  return { kind, cause: causeOf(code, error), timedOut: false, ours: ourLimits.has(code) };
}

function causeOf(code: string, error: Error | undefined): string {
  if (!error) return 'connection closed without an answer';
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ECONNRESET') return 'connection reset by the instance';
  if (code === 'EPIPE') return 'the instance closed the connection while the request was sent';
  return code ? `${error.message} (${code})` : error.message;
}
